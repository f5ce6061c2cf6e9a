"""What one optimiser step is made of, as a function of how far the training is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from training.puzzle_rows import PuzzleRows
from training.recall_rows import RecallRows
from training.rows import Batch

FACTS_FIRST: Final = 0.1
CANDIDATE_SHARES: Final = (0.06, 0.24, 0.22, 0.22, 0.1, 0.1, 0.03, 0.03)
STEP_SHARES: Final = (0.2, 0.5, 0.3)


@dataclass(frozen=True, slots=True)
class Part:
    """One batch of a step and the weight of its mean loss."""

    batch: Batch
    weight: float


class Mixture:
    """Draws the parts of step after step; step `number` of a seed is always the same."""

    def __init__(self, seed: int, *, only: str = "") -> None:
        self._seed = seed
        self._only = only
        self._puzzle = PuzzleRows() if only != "recall" else None
        self._recall = RecallRows()

    def parts(self, number: int, progress: float) -> list[Part]:
        """The parts of one step; `progress` in [0, 1] is the share of tokens already trained on."""
        rng = np.random.default_rng([self._seed, number])
        roles = min(1.0, max(0.0, (progress - FACTS_FIRST) / 0.05))
        parts = self._recall_parts(rng, roles, number)
        if self._puzzle is not None:
            parts += self._puzzle_parts(self._puzzle, rng, roles)
        return parts

    def _recall_parts(self, rng: np.random.Generator, roles: float, number: int) -> list[Part]:
        steps = 1 + int(rng.choice(len(STEP_SHARES), p=STEP_SHARES))
        rows = 96 if roles else 192
        parts = [Part(self._recall.solve(rows, steps, rng), 1.0 if roles else 2.0)]
        if roles:
            candidates = _candidates(rng) if number % 2 else 1
            steps = 1 + int(rng.choice(len(STEP_SHARES), p=STEP_SHARES))
            rows = 24 if candidates == 1 else max(6, 48 // candidates)
            parts.append(Part(self._recall.weigh(rows, steps, candidates, rng), 0.6 * roles))
        return parts

    def _puzzle_parts(self, rows: PuzzleRows, rng: np.random.Generator, roles: float) -> list[Part]:
        parts = [Part(rows.solve(64, rng), 1.0), Part(rows.honest(24, rng), 0.4)]
        if roles:
            candidates = _candidates(rng)
            parts.append(Part(rows.refine(24, rng), 0.7 * roles))
            parts.append(Part(rows.fuse(max(8, 60 // candidates), candidates, rng), 0.8 * roles))
        return parts


def _candidates(rng: np.random.Generator) -> int:
    return 1 + int(rng.choice(len(CANDIDATE_SHARES), p=CANDIDATE_SHARES))
