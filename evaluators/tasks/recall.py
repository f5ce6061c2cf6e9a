"""Recall: follow a chain of operations through a fixed random table that nobody can derive.

Each operation is a fixed random permutation of the states; ``T[o46][s22]`` is a fact that can only
be known, not reasoned out. How often an operation occurs follows a power law, so small models know
the frequent ones and bigger models more. Every fact occurs in training; what is held out are the
chains of two and more operations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from random import Random
from typing import Final

from graphsearch.evaluators.graders.recall import RecallGrader
from graphsearch.evaluators.tasks._drawn import drawn_task, kinds_in_turn
from graphsearch.evaluators.tasks.puzzle import Split, split_at
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item, Task, TokenProfile

OPERATIONS: Final = 128
STATES: Final = 32
FREQUENCY_EXPONENT: Final = 0.8
LENGTHS: Final = (2, 3)
PROFILE: Final = TokenProfile(question=10, answer=11)  # means over 2 and 3 operations
MOST: Final = 20_000
"""Items of a split, of some 50,000 chains of two operations at least: to find the rare ones of them
by drawing would take for ever."""
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
    """A chain as one integer below 2**64; chains of up to five operations differ."""
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
    return split_at(mix(chain_key(start, operations)))


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


def load_recall(
    *,
    search: int = 400,
    selection: int = 400,
    test: int = 1000,
    lengths: Sequence[int] = (2, 3),
    seed: int = 0,
) -> Task:
    """Recall as a task.

    Args:
        search: number of items of the search split; likewise `selection` and `test`.
        selection: see `search`.
        test: see `search`.
        lengths: numbers of operations in a chain, in turn; 2 or 3 (single facts are never held
            out).
        seed: of the draw of items; the split of a chain does not depend on it.

    Raises:
        TaskError: a length is not 2 or 3, or a number of items is none that can be drawn.
    """
    kinds_in_turn(lengths, LENGTHS, "task.options.lengths")
    return drawn_task(
        "recall",
        {"search": search, "selection": selection, "test": test},
        lambda split, number: draw_items(split, number, lengths=lengths, seed=seed),
        grader=RecallGrader(),
        profile=PROFILE,
    )


def draw_items(
    split: Split, number: int, *, lengths: Sequence[int] = (2, 3), seed: int = 0
) -> list[Item]:
    """Distinct chains of a split, the lengths in turn, operations as frequent as in training.

    Raises:
        TaskError: a length is not 2 or 3, or more chains are asked for than are quickly found.
    """
    kinds_in_turn(lengths, LENGTHS, "task.options.lengths")
    if number > MOST:
        raise TaskError(f"must be at most {MOST:,}, got {number:,}", where=f"task.options.{split}")
    random = Random(f"recall {split} {seed}")
    weights = frequencies()
    chosen: dict[str, Item] = {}
    while len(chosen) < number:
        start = random.randrange(STATES)
        length = lengths[len(chosen) % len(lengths)]
        operations = tuple(random.choices(range(OPERATIONS), weights, k=length))
        if split_of(start, operations) == split:
            item = make_item(start, operations)
            chosen[item.id] = item
    return list(chosen.values())


def make_item(start: int, operations: Chain) -> Item:
    """The item of a chain; it is its own group."""
    text = question(start, operations)
    gold = f"s{walk(start, operations)[-1]}"
    return Item(
        id=text, question=text, gold=gold, group=text, meta={"operations": list(operations)}
    )
