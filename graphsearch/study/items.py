"""Which items a phase uses, and in which order."""

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphsearch.records.calls import digest
from graphsearch.records.tasks import Item, Split

if TYPE_CHECKING:
    from graphsearch.study.experiment import Experiment

__all__ = ["Window", "arrange", "round_items"]


def arrange(items: Sequence[Item], split: Split, *, seed: int) -> tuple[Item, ...]:
    """All items in an order drawn by the seed: one of each group before a second of any.

    Blocks are read from the front, so the items of a block are independent of each other as long
    as there are groups enough; what is left over is a random rest.

    Args:
        items: the items of a split, in any order (the result does not depend on it).
        split: its name, so that two splits are not arranged alike.
        seed: the study's seed.
    """
    rng = random.Random(digest(["items", split, seed]))
    groups: dict[str, list[Item]] = {}
    for item in sorted(items, key=lambda item: item.id):
        groups.setdefault(item.group or f"item {item.id}", []).append(item)
    members = list(groups.values())
    rng.shuffle(members)
    for group in members:
        rng.shuffle(group)
    ordered: list[Item] = []
    turn = 0
    while len(ordered) < len(items):
        ordered += [group[turn] for group in members if turn < len(group)]
        turn += 1
    return tuple(ordered)


class Window:
    """Moves over a pool of items and wraps around.

    Args:
        pool: the items, arranged.
        size: items of one round; a pool smaller than that is used whole each time.
        start: position to go on from.
    """

    def __init__(self, pool: Sequence[Item], size: int, start: int = 0) -> None:
        self._pool = tuple(pool)
        self._size = min(size, len(self._pool))
        self.position = start

    def peek(self) -> tuple[Item, ...]:
        """The items of the next round."""
        places = range(self.position, self.position + self._size)
        return tuple(self._pool[place % len(self._pool)] for place in places)

    def advance(self, used: int) -> None:
        """Move on behind the first `used` items of the window."""
        if self._pool:
            self.position = (self.position + used) % len(self._pool)


def round_items(experiment: "Experiment") -> Window:
    """The items of the rounds of a search, from the first."""
    pool = arrange(experiment.task.splits["search"], "search", seed=experiment.seed)
    settings = experiment.settings
    return Window(pool[: settings.search_items], settings.window)
