"""Recall: follow a chain of operations through a fixed random table that nobody can derive.

Each operation is a fixed random permutation of the states; ``T[o46][s22]`` is a fact that can only be known, not
reasoned out. How often an operation occurs follows a power law, so small models know the frequent ones and
bigger models more. Every fact occurs in training; what is held out are the chains of two and more operations.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

from graphsearch.evaluators.tasks.puzzle import SHARES, Split

OPERATIONS: Final = 128
STATES: Final = 32
FREQUENCY_EXPONENT: Final = 0.8
_MASK: Final = (1 << 64) - 1

Table = tuple[tuple[int, ...], ...]
Chain = tuple[int, ...]


@lru_cache(maxsize=1)
def facts() -> Table:
    """The table: ``facts()[operation][state]`` is the next state. It never changes."""

    def rank(operation: int, state: int) -> bytes:
        return hashlib.blake2b(f"recall {operation} {state}".encode(), digest_size=16).digest()

    return tuple(
        tuple(sorted(range(STATES), key=lambda state: rank(operation, state)))
        for operation in range(OPERATIONS)
    )


def frequencies() -> tuple[float, ...]:
    """Probability of each operation; operation 0 is the most frequent."""
    raw = [(rank + 2) ** -FREQUENCY_EXPONENT for rank in range(OPERATIONS)]
    total = sum(raw)
    return tuple(value / total for value in raw)


def chain_key(start: int, operations: Chain) -> int:
    """A chain as one integer below 2**64, different for different chains of up to five operations."""
    key = start
    for operation in operations:
        key = key * (OPERATIONS + 1) + operation + 1
    return key


def mix(key: int) -> int:
    """SplitMix64, a fixed 64-bit hash that is as quick in array form (Steele et al. 2014)."""
    key = (key + 0x9E3779B97F4A7C15) & _MASK
    key = ((key ^ (key >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    key = ((key ^ (key >> 27)) * 0x94D049BB133111EB) & _MASK
    return key ^ (key >> 31)


def split_of(start: int, operations: Chain) -> Split:
    """The split of a chain. Single facts are training material, all of them."""
    if len(operations) < 2:
        return "train"
    place = mix(chain_key(start, operations)) % 100
    for split, share in SHARES:
        if place < share:
            return split
        place -= share
    raise AssertionError("the shares of the splits do not add up to 100")


def walk(start: int, operations: Chain) -> list[int]:
    """The states after each operation."""
    table = facts()
    states: list[int] = []
    for operation in operations:
        start = table[operation][start]
        states.append(start)
    return states


def question(start: int, operations: Chain) -> str:
    """Question of an item, for instance ``E s22 | A o46 B o22``."""
    labels = "ABC"
    steps = " ".join(f"{labels[i]} o{operation}" for i, operation in enumerate(operations))
    return f"E s{start} | {steps}"
