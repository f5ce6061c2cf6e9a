"""Training rows of the puzzle: solve, honest, refine and fuse.

Candidates are synthetic, so no sampling is needed. What each kind is for is told in
``design/embedded-fleet.md``.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from graphsearch.engines.embedded.vocabulary import (
    CANDIDATE_TAGS,
    CLAIM,
    DENIAL,
    EOS,
    IDS,
    MAX_NUMBER,
    STEP_LABELS,
    candidate_label,
)
from graphsearch.evaluators.tasks.puzzle import SMALLEST_TARGET, legal_traces, multisets
from training.rows import Batch, Bools, Columns, Floats, Ints

LIES: Final = 0.25
POINTER_WEIGHT: Final = 4.0
FRESH_WEIGHT: Final = 0.5
COPY_ONLY: Final = 0.35
NOISE: Final = 0.6
CHECK_WEIGHT: Final = 0.25
NO_VERDICT: Final = 0.5
_NUMBER: Final = np.array([IDS[str(number)] for number in range(MAX_NUMBER + 1)])
_OPERATOR: Final = np.array([IDS[word] for word in "+-*/"])
_RESULT_SPAN: Final = MAX_NUMBER + 1


class PuzzleTable:
    """All legal traces of all training multisets of one N, sorted by multiset and last result.

    Attributes:
        numbers: token ids of the sorted numbers [multisets, N].
        steps: token ids [traces, N - 1, 4]: left, operator, right, result.
        finals: last results [traces].
    """

    def __init__(self, count: int) -> None:
        pools = multisets(count, "train")
        owners, steps, finals = [], [], []
        for place, pool in enumerate(pools):
            for trace in sorted(legal_traces(pool), key=lambda trace: trace[-1].result):
                owners.append(place)
                steps.append([[IDS[str(word)] for word in step] for step in trace])
                finals.append(trace[-1].result)
        self.numbers = _NUMBER[np.array(pools)]
        self.steps = np.array(steps, dtype=np.int64)
        self.finals = np.array(finals, dtype=np.int64)
        self._keys = np.array(owners, dtype=np.int64) * _RESULT_SPAN + self.finals
        self._by_final = np.argsort(self.finals, kind="stable")
        self._sorted_finals = self.finals[self._by_final]
        places = np.arange(len(pools)) * _RESULT_SPAN
        self._begin = np.searchsorted(self._keys, places)
        self._goal = np.searchsorted(self._keys, places + SMALLEST_TARGET)
        self._end = np.searchsorted(self._keys, places + _RESULT_SPAN)

    def draw(self, rows: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Multisets [rows] and targets [rows]; a target is as likely as traces that reach it."""
        possible = np.flatnonzero(self._end > self._goal)
        owners = rng.choice(possible, rows)
        traces = _between(self._goal[owners], self._end[owners], rng)
        return owners, self.finals[traces]

    def right(self, owners: Ints, targets: Ints, rng: np.random.Generator) -> Ints:
        """One trace each that reaches the target [rows]."""
        low, high = self._range(owners, targets)
        return _between(low, high, rng)

    def wrong(self, owners: Ints, targets: Ints, rng: np.random.Generator) -> Ints:
        """One legal trace each that does not reach the target [rows]."""
        low, high = self._range(owners, targets)
        begin, end = self._begin[owners], self._end[owners]
        drawn = _between(begin, np.maximum(end - (high - low), begin + 1), rng)
        return np.where(drawn >= low, np.minimum(drawn + (high - low), end - 1), drawn)

    def of_others(self, targets: Ints, rng: np.random.Generator) -> Ints:
        """One trace each that reaches the target from any multiset [rows]."""
        low = np.searchsorted(self._sorted_finals, targets)
        high = np.searchsorted(self._sorted_finals, targets, side="right")
        return self._by_final[_between(low, high, rng)]

    def _range(self, owners: Ints, targets: Ints) -> tuple[Ints, Ints]:
        keys = owners * _RESULT_SPAN + targets
        return np.searchsorted(self._keys, keys), np.searchsorted(self._keys, keys, side="right")


class _Candidate(NamedTuple):
    """Steps [rows, N - 1, 4], verdict tokens [rows], and whether steps and verdict are true."""

    steps: Ints
    verdict: Ints
    honest: Bools


def _between(low: Ints, high: Ints, rng: np.random.Generator) -> Ints:
    return low + (rng.random(low.shape) * (high - low)).astype(np.int64)


class PuzzleRows:
    """Draws batches of puzzle rows.

    Args:
        counts: the N of the puzzles; each batch is of one of them, with equal chance.
    """

    def __init__(self, counts: tuple[int, ...] = (3, 4)) -> None:
        self._tables = [PuzzleTable(count) for count in counts]

    def _question(
        self, role: str, rows: int, rng: np.random.Generator
    ) -> tuple[PuzzleTable, Ints, Ints, Columns]:
        table = self._tables[int(rng.integers(len(self._tables)))]
        owners, targets = table.draw(rows, rng)
        columns = Columns(rows).words(f"{role} P")
        for number in table.numbers[owners].T:
            columns.column(number)
        columns.words(">").column(_NUMBER[targets])
        return table, owners, targets, columns

    def solve(self, rows: int, rng: np.random.Generator) -> Batch:
        """Question, then a right trace and its verdict."""
        table, owners, targets, columns = self._question("S", rows, rng)
        columns.words(":")
        steps = table.steps[table.right(owners, targets, rng)]
        _write(columns, steps, _labels(None, rows), weight=1.0)
        _tail(columns, _NUMBER[targets], np.full(rows, IDS[CLAIM]), weight=1.0)
        return columns.words(EOS, 1.0).batch("puzzle-solve")

    def honest(self, rows: int, rng: np.random.Generator) -> Batch:
        """Question, then a legal trace that mostly misses: trained on results and verdict only."""
        table, owners, targets, columns = self._question("S", rows, rng)
        columns.words(":")
        hit = rng.random(rows) < 0.2
        traces = np.where(hit, table.right(owners, targets, rng), table.wrong(owners, targets, rng))
        for step, label in enumerate(_labels(None, rows)[: table.steps.shape[1]]):
            columns.column(label)
            for part in range(4):
                columns.column(table.steps[traces, step, part], 1.0 if part == 3 else 0.0)
        verdict = np.where(hit, IDS[CLAIM], IDS[DENIAL])
        columns.column(_NUMBER[targets], 0.5).column(verdict, 3.0)
        return columns.words(EOS, 0.5).batch("puzzle-honest")

    def refine(self, rows: int, rng: np.random.Generator) -> Batch:
        """Question and one candidate; then the pointer and a copy, or a new trace."""
        return self._weigh("R", rows, 1, rng)

    def fuse(self, rows: int, candidates: int, rng: np.random.Generator) -> Batch:
        """Question and several candidates; then the pointer and a copy, or a new trace."""
        return self._weigh("F", rows, candidates, rng)

    def _weigh(self, role: str, rows: int, count: int, rng: np.random.Generator) -> Batch:
        table, owners, targets, columns = self._question(role, rows, rng)
        share = rng.random(rows) * (0.9 if count == 1 else 0.7)
        right = rng.random((count, rows)) < share
        told = rng.random(rows) < COPY_ONLY
        noise = told & (rng.random(rows) < NOISE)
        with_verdict = rng.random() >= NO_VERDICT
        shown = []
        for tag, good in zip(CANDIDATE_TAGS, right, strict=False):
            drawn = self._candidate(table, owners, targets, good, rng)
            _noise(drawn.steps, noise, rng)
            shown.append(drawn.steps)
            checked = np.where(drawn.honest & ~noise, CHECK_WEIGHT, 0.0).astype(np.float32)
            columns.words(tag)
            _write(columns, drawn.steps, _labels(tag, rows), result_weight=checked)
            columns.column(_NUMBER[targets])
            if with_verdict:
                columns.column(drawn.verdict, checked)
            columns.words(tag)
        columns.words(":")
        first = np.where(right.any(axis=0), right.argmax(axis=0), count)
        chosen = np.where(told, rng.integers(count, size=rows), first)
        pointer_weight = np.where(told, 0.0, POINTER_WEIGHT).astype(np.float32)
        new = table.steps[table.right(owners, targets, rng)]
        _answer(columns, np.stack([*shown, new]), chosen, _NUMBER[targets], pointer_weight)
        return columns.batch("puzzle-refine" if role == "R" else "puzzle-fuse")

    def _candidate(
        self,
        table: PuzzleTable,
        owners: Ints,
        targets: Ints,
        good: Bools,
        rng: np.random.Generator,
    ) -> _Candidate:
        rows = len(owners)
        right = table.right(owners, targets, rng)
        steps = table.steps[np.where(good, right, table.wrong(owners, targets, rng))].copy()
        lie = ~good & (rng.random(rows) < LIES)
        form = rng.integers(4, size=rows)
        _false_last_step(steps, lie & (form == 0), targets)
        _false_operand(steps, lie & (form == 1), table.steps[right], rng)
        _foreign_numbers(steps, lie & (form == 2), table, targets, rng)
        claims = good | lie  # the fourth form claims success beside a result that is not the target
        odd = good & (rng.random(rows) < 0.02)
        verdict = np.where(claims & ~odd, IDS[CLAIM], IDS[DENIAL])
        return _Candidate(steps, verdict, ~lie & ~odd)


def _answer(
    columns: Columns, every: Ints, chosen: Ints, target: Ints, pointer_weight: Floats
) -> None:
    """Pointer, trace and verdict.

    Args:
        columns: the rows so far.
        every: steps [candidates + 1, rows, N - 1, 4], those of a new answer last.
        chosen: which of them each row writes [rows].
        target: token of K [rows].
        pointer_weight: weight of the pointer's loss [rows].
    """
    count, rows = len(every) - 1, len(chosen)
    tags = np.array([IDS[tag] for tag in (*CANDIDATE_TAGS[:count], DENIAL)])
    labels = np.stack([_labels(tag, rows) for tag in (*CANDIDATE_TAGS[:count], None)])
    columns.column(tags[chosen], pointer_weight)
    steps = every[chosen, np.arange(rows)]
    weight = np.where(chosen == count, FRESH_WEIGHT, 1.0).astype(np.float32)
    _write(columns, steps, labels[chosen, :, np.arange(rows)].T, weight=weight)
    verdict = np.where(steps[:, -1, 3] == target, IDS[CLAIM], IDS[DENIAL])
    _tail(columns, target, verdict, weight=weight)
    columns.words(EOS, 0.5)


def _false_last_step(steps: Ints, where: Bools, targets: Ints) -> None:
    """The last result is simply said to be the target."""
    steps[where, -1, 3] = _NUMBER[targets[where]]


def _false_operand(steps: Ints, where: Bools, right: Ints, rng: np.random.Generator) -> None:
    """A right trace in which one operand is a near miss; results stay, so that step is not true."""
    chosen = np.flatnonzero(where)
    steps[chosen] = right[chosen]
    place = rng.integers(steps.shape[1], size=len(chosen))
    side = rng.integers(2, size=len(chosen)) * 2
    old = steps[chosen, place, side]
    miss = old + rng.integers(1, 4, size=len(chosen)) * rng.choice([-1, 1], size=len(chosen))
    outside = (miss < _NUMBER[0]) | (miss > _NUMBER[-1])
    steps[chosen, place, side] = np.where(outside, 2 * old - miss, miss)


def _noise(steps: Ints, where: Bools, rng: np.random.Generator) -> None:
    """Random numbers and operators: a trace that can be copied, but not guessed."""
    chosen = np.flatnonzero(where)
    shape = (len(chosen), steps.shape[1], 4)
    noise = _NUMBER[rng.integers(_RESULT_SPAN, size=shape)]
    noise[:, :, 1] = _OPERATOR[rng.integers(len(_OPERATOR), size=shape[:2])]
    steps[chosen] = noise


def _foreign_numbers(
    steps: Ints, where: Bools, table: PuzzleTable, targets: Ints, rng: np.random.Generator
) -> None:
    """True steps that reach the target, from numbers of another puzzle."""
    chosen = np.flatnonzero(where)
    steps[chosen] = table.steps[table.of_others(targets[chosen], rng)]


def _labels(tag: str | None, rows: int) -> Ints:
    """Step labels [steps, rows] of a new answer (None) or of a candidate."""
    names = (
        STEP_LABELS if tag is None else [candidate_label(tag, i) for i in range(len(STEP_LABELS))]
    )
    return np.repeat(np.array([[IDS[name]] for name in names]), rows, axis=1)


def _write(
    columns: Columns,
    steps: Ints,
    labels: Ints,
    *,
    weight: float | Floats = 0.0,
    result_weight: float | Floats | None = None,
) -> None:
    for place in range(steps.shape[1]):
        columns.column(labels[place], weight)
        for part in range(3):
            columns.column(steps[:, place, part], weight)
        columns.column(steps[:, place, 3], weight if result_weight is None else result_weight)


def _tail(columns: Columns, target: Ints, verdict: Ints, *, weight: float | Floats = 0.0) -> None:
    columns.column(target, weight).column(verdict, weight)
