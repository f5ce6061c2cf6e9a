"""The (N,K)-puzzle: combine N numbers with + - * / so that the last result is K (arXiv 2403.07191).

The world is finite and closed under the rules below, so every legal trace of a number multiset can be listed:
numbers 1 to 13, N of them, each used once; whole intermediate results from 0 to 49; the larger operand first;
exact division; a target K from 6 to 49.

Splits are made of whole multisets, by hash: no two splits share one, whatever is drawn and however much.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations, combinations_with_replacement
from typing import Final, Literal, NamedTuple

Split = Literal["train", "search", "selection", "test"]

LARGEST_NUMBER: Final = 13
LARGEST_RESULT: Final = 49
SMALLEST_TARGET: Final = 6
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
    place = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big") % 100
    for split, share in SHARES:
        if place < share:
            return split
        place -= share
    raise AssertionError("the shares of the splits do not add up to 100")


def split_of(numbers: Numbers) -> Split:
    """The split of a number multiset (order does not matter)."""
    return split_by_hash("puzzle " + " ".join(str(number) for number in sorted(numbers)))


def multisets(count: int, split: Split) -> list[Numbers]:
    """All sorted multisets of `count` numbers in a split."""
    every = combinations_with_replacement(range(1, LARGEST_NUMBER + 1), count)
    return [numbers for numbers in every if split_of(numbers) == split]


def _steps(first: int, second: int) -> Iterator[Step]:
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
    """Every distinct legal trace of a multiset, in a fixed order; each has ``len(numbers) - 1`` steps."""
    return _traces(tuple(sorted(numbers)))


def question(numbers: Numbers, target: int) -> str:
    """Question of an item, for instance ``P 2 7 9 10 > 36``."""
    return f"P {' '.join(str(number) for number in sorted(numbers))} > {target}"
