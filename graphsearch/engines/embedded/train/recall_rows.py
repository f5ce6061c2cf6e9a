"""Training rows of recall: solve, refine and fuse; synthetic candidates err on rare facts."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from graphsearch.engines.embedded.train.rows import Batch, Columns, Ints
from graphsearch.engines.embedded.vocabulary import (
    CANDIDATE_TAGS,
    EOS,
    IDS,
    STEP_LABELS,
    candidate_label,
)
from graphsearch.evaluators.tasks.puzzle import SHARES
from graphsearch.evaluators.tasks.recall import OPERATIONS, STATES, facts, frequencies

RESULT_WEIGHT: Final = 3.0
_TRAIN_PERCENT: Final = dict(SHARES)["train"]
_STATE: Final = IDS["s0"]
_OPERATION: Final = IDS["o0"]


def mix(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """`graphsearch.evaluators.tasks.recall.mix` over an array."""
    with np.errstate(over="ignore"):
        keys = keys + np.uint64(0x9E3779B97F4A7C15)
        keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return keys ^ (keys >> np.uint64(31))


class RecallRows:
    """Draws batches of recall rows."""

    def __init__(self) -> None:
        self._facts = np.array(facts(), dtype=np.int64)
        self._cumulative = np.cumsum(frequencies())

    def chains(self, rows: int, steps: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Start states [rows] and operations [rows, steps] of training chains."""
        start = np.empty(0, dtype=np.int64)
        operations = np.empty((0, steps), dtype=np.int64)
        while len(start) < rows:
            fresh_start, fresh = self._any_chains(2 * rows, steps, rng)
            keep = self._is_training(fresh_start, fresh)
            start = np.concatenate([start, fresh_start[keep]])
            operations = np.concatenate([operations, fresh[keep]])
        return start[:rows], operations[:rows]

    def _any_chains(self, rows: int, steps: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
        drawn = np.searchsorted(self._cumulative, rng.random((rows, steps)) * self._cumulative[-1])
        return rng.integers(STATES, size=rows), np.minimum(drawn, OPERATIONS - 1)

    def _is_training(self, start: Ints, operations: Ints) -> np.ndarray:
        if operations.shape[1] < 2:
            return np.ones(len(start), dtype=bool)
        key = start
        for operation in operations.T:
            key = key * (OPERATIONS + 1) + operation + 1
        return (mix(key.astype(np.uint64)) % np.uint64(100)).astype(np.int64) < _TRAIN_PERCENT

    def _question(
        self, role: str, rows: int, steps: int, rng: np.random.Generator
    ) -> tuple[Ints, Ints, Columns]:
        start, operations = self.chains(rows, steps, rng)
        columns = Columns(rows).words(f"{role} E").column(start + _STATE).words("|")
        for label, operation in zip(STEP_LABELS, operations.T, strict=False):
            columns.words(label).column(operation + _OPERATION)
        return start, operations, columns

    def solve(self, rows: int, steps: int, rng: np.random.Generator) -> Batch:
        """Question, then the trace."""
        start, operations, columns = self._question("S", rows, steps, rng)
        columns.words(":")
        self._write(
            columns, STEP_LABELS, start, operations, self.walk(start, operations), trained=True
        )
        return columns.batch("recall-solve")

    def weigh(self, rows: int, steps: int, candidates: int, rng: np.random.Generator) -> Batch:
        """Question and candidates (one: refine, more: fuse), then the trace anew."""
        role = "R" if candidates == 1 else "F"
        start, operations, columns = self._question(role, rows, steps, rng)
        skill = rng.random(rows)
        for tag in CANDIDATE_TAGS[:candidates]:
            labels = [candidate_label(tag, step) for step in range(steps)]
            columns.words(tag)
            self._write(
                columns, labels, start, operations, self._mistaken(start, operations, skill, rng)
            )
            columns.words(tag)
        columns.words(":")
        self._write(
            columns, STEP_LABELS, start, operations, self.walk(start, operations), trained=True
        )
        return columns.batch("recall-refine" if candidates == 1 else "recall-fuse")

    def walk(self, start: Ints, operations: Ints) -> Ints:
        """True states [rows, steps] after each operation."""
        states = []
        for operation in operations.T:
            start = self._facts[operation, start]
            states.append(start)
        return np.stack(states, axis=1)

    def _mistaken(
        self, start: Ints, operations: Ints, skill: np.ndarray, rng: np.random.Generator
    ) -> Ints:
        """States as a model of some skill would give them: rare facts wrong, and carried on."""
        states = []
        for operation in operations.T:
            known = operation < (skill * 1.2 * OPERATIONS)
            slip = rng.random(len(start)) < np.where(known, 0.05, 0.7)
            start = np.where(
                slip, rng.integers(STATES, size=len(start)), self._facts[operation, start]
            )
            states.append(start)
        return np.stack(states, axis=1)

    def _write(
        self,
        columns: Columns,
        labels: list[str] | tuple[str, ...],
        start: Ints,
        operations: Ints,
        states: Ints,
        *,
        trained: bool = False,
    ) -> None:
        weight, result_weight = (1.0, RESULT_WEIGHT) if trained else (0.0, 0.0)
        before = start
        for step, operation in enumerate(operations.T):
            columns.words(labels[step], weight).column(before + _STATE, weight)
            columns.column(operation + _OPERATION, weight)
            columns.column(states[:, step] + _STATE, result_weight)
            before = states[:, step]
        if trained:
            columns.words(EOS, weight)
