"""Training rows of recall: solve, refine and fuse; synthetic candidates err on rare facts."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from graphsearch.engines.embedded.vocabulary import (
    CANDIDATE_TAGS,
    EOS,
    IDS,
    OPERATION_COUNT,
    STEP_LABELS,
    candidate_label,
)
from graphsearch.evaluators.tasks.puzzle import SHARES
from graphsearch.evaluators.tasks.recall import OPERATIONS, STATES, facts, frequencies
from training.rows import Batch, Bools, Columns, Ints

RESULT_WEIGHT: Final = 3.0
BLANKS: Final = 0.25
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

    def _is_training(self, start: Ints, operations: Ints) -> Bools:
        if operations.shape[1] < 2:
            return np.ones(len(start), dtype=bool)
        key = start
        for operation in operations.T:
            key = key * (OPERATIONS + 1) + operation + 1
        return (mix(key.astype(np.uint64)) % np.uint64(100)).astype(np.int64) < _TRAIN_PERCENT

    def solve(self, rows: int, steps: int, rng: np.random.Generator) -> Batch:
        """Question, then the trace."""
        start, operations = self.chains(rows, steps, rng)
        columns = self._question("S", start, operations)
        states = self.walk(start, operations, rng)
        self._write(columns, STEP_LABELS, start, operations, states, trained=True)
        return columns.batch("recall-solve")

    def weigh(self, rows: int, steps: int, candidates: int, rng: np.random.Generator) -> Batch:
        """Question and candidates (one: refine, more: fuse), then the trace anew.

        Some operations are blank: their result is drawn afresh for the row, so that it can only
        be read off the candidates.
        """
        role = "R" if candidates == 1 else "F"
        start, operations = self.chains(rows, steps, rng)
        blank = rng.random(operations.shape) < BLANKS
        drawn = rng.integers(OPERATIONS, OPERATION_COUNT, size=operations.shape)
        operations = np.where(blank, drawn, operations)
        gold = self.walk(start, operations, rng)
        shown = Columns(rows)
        skill = rng.random(rows)
        for tag in CANDIDATE_TAGS[:candidates]:
            labels = [candidate_label(tag, step) for step in range(steps)]
            states = self.mistaken(start, operations, gold, skill, rng)
            shown.words(tag)
            self._write(shown, labels, start, operations, states)
            shown.words(tag)
        columns = self._question(role, start, operations, shown)
        self._write(columns, STEP_LABELS, start, operations, gold, trained=True)
        return columns.batch("recall-refine" if candidates == 1 else "recall-fuse")

    def _question(
        self, role: str, start: Ints, operations: Ints, shown: Columns | None = None
    ) -> Columns:
        columns = Columns(len(start)).words(f"{role} E").column(start + _STATE).words("|")
        for label, operation in zip(STEP_LABELS, operations.T, strict=False):
            columns.words(label).column(operation + _OPERATION)
        if shown is not None:
            columns.ids += shown.ids
            columns.weights += shown.weights
        return columns.words(":")

    def walk(self, start: Ints, operations: Ints, rng: np.random.Generator) -> Ints:
        """True states [rows, steps] after each operation; random ones after a blank operation."""
        states = []
        for operation in operations.T:
            start = self._after(operation, start, rng.integers(STATES, size=len(start)))
            states.append(start)
        return np.stack(states, axis=1)

    def _after(self, operation: Ints, state: Ints, otherwise: Ints) -> Ints:
        """The table's next states [rows], or those given for blank operations."""
        fact = self._facts[np.minimum(operation, OPERATIONS - 1), state]
        return np.where(operation < OPERATIONS, fact, otherwise)

    def mistaken(
        self,
        start: Ints,
        operations: Ints,
        gold: Ints,
        skill: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> Ints:
        """States as a model of some skill would give them: rare facts wrong, and carried on."""
        state, true, states = start, start, []
        for operation, right in zip(operations.T, gold.T, strict=True):
            at_random = rng.integers(STATES, size=len(start))
            after = self._after(operation, state, np.where(state == true, right, at_random))
            known = operation < skill * 1.2 * OPERATIONS
            blank = operation >= OPERATIONS
            slip = rng.random(len(start)) < np.where(known, 0.05, np.where(blank, 0.2, 0.6))
            state, true = np.where(slip, at_random, after), right
            states.append(state)
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
