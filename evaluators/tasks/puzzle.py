"""The (N,K)-puzzle: combine N numbers with + - * / so that the last result is K (arXiv 2403.07191).

The world is finite and closed under the rules below, so every legal trace of a number multiset can
be listed: numbers 1 to 13, N of them, each used once; whole intermediate results from 0 to 49; the
larger operand first; exact division; a target K from 6 to 49.

Splits are made of whole multisets, by hash: no two splits share one, whatever is drawn and however
much.
"""

from __future__ import annotations

import hashlib
from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, combinations, combinations_with_replacement
from random import Random
from typing import Final, Literal, NamedTuple

from graphsearch.evaluators.graders.puzzle import PuzzleGrader
from graphsearch.evaluators.tasks._drawn import drawn_task, kinds_in_turn
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item, Task, TokenProfile

Split = Literal["train", "search", "selection", "test"]

LARGEST_NUMBER: Final = 13
LARGEST_RESULT: Final = 49
SMALLEST_TARGET: Final = 6
COUNTS: Final = (3, 4)
PROFILE: Final = TokenProfile(
    question=9, answer=16
)  # means over N = 3 and 4, role and end marks included
SHARES: Final[tuple[tuple[Split, int], ...]] = (
    ("train", 60),
    ("search", 15),
    ("selection", 10),
    ("test", 15),
)


class Step(NamedTuple):
    """One step of a trace: ``left operator right = result``."""

    left: int
    operator: str
    right: int
    result: int


Trace = tuple[Step, ...]
Numbers = tuple[int, ...]


def split_by_hash(key: str) -> Split:
    """The split a key belongs to, for good: 60 % train, 15 % search, 10 % selection, 15 % test."""
    return split_at(int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big"))


def split_at(place: int) -> Split:
    """The split of a hash."""
    edges = list(accumulate(share for _, share in SHARES))
    return SHARES[bisect(edges, place % edges[-1])][0]


def split_of(numbers: Numbers) -> Split:
    """The split of a number multiset (order does not matter)."""
    return split_by_hash("puzzle " + " ".join(str(number) for number in sorted(numbers)))


def multisets(count: int, split: Split) -> list[Numbers]:
    """All sorted multisets of `count` numbers in a split."""
    every = combinations_with_replacement(range(1, LARGEST_NUMBER + 1), count)
    return [numbers for numbers in every if split_of(numbers) == split]


def _steps(first: int, second: int) -> Iterator[Step]:
    """What may be done with two numbers."""
    left, right = max(first, second), min(first, second)
    if left + right <= LARGEST_RESULT:
        yield Step(left, "+", right, left + right)
    yield Step(left, "-", right, left - right)
    if left * right <= LARGEST_RESULT:
        yield Step(left, "*", right, left * right)
    if right and left % right == 0:
        yield Step(left, "/", right, left // right)


@lru_cache(maxsize=65_536)
def _traces(pool: Numbers) -> tuple[Trace, ...]:
    if len(pool) == 1:
        return ((),)
    found: dict[Trace, None] = {}
    for i, j in combinations(range(len(pool)), 2):
        rest = [number for place, number in enumerate(pool) if place not in (i, j)]
        for step in _steps(pool[i], pool[j]):
            for tail in _traces(tuple(sorted([*rest, step.result]))):
                found[(step, *tail)] = None
    return tuple(found)


def legal_traces(numbers: Numbers) -> tuple[Trace, ...]:
    """Every distinct legal trace of a multiset, in a fixed order; ``len(numbers) - 1`` steps."""
    return _traces(tuple(sorted(numbers)))


def question(numbers: Numbers, target: int) -> str:
    """Question of an item, for instance ``P 2 7 9 10 > 36``."""
    return f"P {' '.join(str(number) for number in sorted(numbers))} > {target}"


def load_puzzle(
    *,
    search: int = 400,
    selection: int = 400,
    test: int = 1000,
    counts: Sequence[int] = (3, 4),
    seed: int = 0,
) -> Task:
    """The puzzle as a task.

    Args:
        search: number of items of the search split; likewise `selection` and `test`.
        selection: see `search`.
        test: see `search`.
        counts: the N of the puzzles; items are spread over them evenly.
        seed: of the draw of items; the split of a multiset does not depend on it.

    Raises:
        TaskError: a count is unknown, or a number of items is none that the split holds.
    """
    kinds_in_turn(counts, COUNTS, "task.options.counts")
    return drawn_task(
        "puzzle",
        {"search": search, "selection": selection, "test": test},
        lambda split, number: draw_items(split, number, counts=counts, seed=seed),
        grader=PuzzleGrader(),
        profile=PROFILE,
    )


def draw_items(
    split: Split, number: int, *, counts: Sequence[int] = (3, 4), seed: int = 0
) -> list[Item]:
    """Distinct items of a split, the N in turn; a target is as likely as traces reach it.

    Raises:
        TaskError: a count is unknown, or the split holds fewer items.
    """
    kinds_in_turn(counts, COUNTS, "task.options.counts")
    draws = [_draws(split, count, seed) for count in counts]
    chosen: dict[str, Item] = {}
    while len(chosen) < number:
        item = next(draws[len(chosen) % len(draws)], None)
        if item is None:
            raise TaskError(
                f"{number} items asked for, but numbers up to {LARGEST_NUMBER} give fewer",
                where=f"task.options.{split}",
            )
        chosen[item.id] = item
    return list(chosen.values())


def _draws(split: Split, count: int, seed: int) -> Iterator[Item]:
    """Every item of one N in random order, the ones with many solutions rather early."""
    random = Random(f"puzzle {split} {count} {seed}")
    keyed: list[tuple[float, Numbers, int]] = []
    for numbers in multisets(count, split):
        ways = Counter(trace[-1].result for trace in legal_traces(numbers))
        reachable = {target: n for target, n in ways.items() if target >= SMALLEST_TARGET}
        total = sum(reachable.values())
        # Weighted order without replacement: exponential clocks (Efraimidis, Spirakis 2006).
        keyed += [(random.expovariate(n / total), numbers, k) for k, n in sorted(reachable.items())]
    for _, numbers, target in sorted(keyed):
        yield make_item(numbers, target)


def make_item(numbers: Numbers, target: int) -> Item:
    """The item of a multiset and a target."""
    text = question(numbers, target)
    group = " ".join(str(number) for number in sorted(numbers))
    return Item(id=text, question=text, gold=target, group=group, meta={"numbers": sorted(numbers)})
