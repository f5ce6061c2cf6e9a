"""Which split a question belongs to.

Every question has a *home*: the split that a hash of its normal form (or of its group's name)
falls into. Homes depend on nothing else, so they survive any re-ordering and any growth. Questions
that belong together (near-duplicates, or one group of the file) share the home of theirs that is
used first: search before selection before test. So a question moves, if at all, when a new one near
to it has an earlier home, and then only out of the test or the selection: what a search has seen
never becomes a held-out test. `design/tasks.md` says why nothing stronger can be had.
"""

import hashlib
from bisect import bisect
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from math import inf
from typing import Final, NamedTuple

from graphsearch.evaluators.tasks.near import Groups, near_groups, normal_form
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item, Split

__all__ = ["ORDER", "SHARES", "Placed", "place_items", "scaled"]

SHARES: Final[Mapping[Split, float]] = {"search": 0.5, "selection": 0.2, "test": 0.3}
"""How questions are spread over the splits."""

ORDER: Final[tuple[Split, ...]] = ("search", "selection", "test")
"""Splits in the order they are used in."""


class Placed(NamedTuple):
    """Where questions belong, in the order they were given.

    Attributes:
        splits: split of each question.
        places: where each falls in [0, 1), which orders the questions of a split.
        groups: place of the first question of each one's group; its own where it is alone.
    """

    splits: list[Split]
    places: list[float]
    groups: list[int]

    def grouped(self, items: Sequence[Item]) -> list[Item]:
        """The questions with near-duplicates marked as one group, so that intervals know of them.

        Those that the file itself puts into several splits are a group in each.
        """
        members: defaultdict[tuple[int, Split], list[int]] = defaultdict(list)
        for i, home in enumerate(zip(self.groups, self.splits, strict=True)):
            members[home].append(i)
        found = list(items)
        for together in members.values():
            if len(together) > 1:
                named = [name for i in together if (name := items[i].group) is not None]
                name = min(named or [f"near {min(items[i].id for i in together)}"])
                for i in together:
                    found[i] = replace(items[i], group=name)
        return found


def scaled(shares: Mapping[Split, float]) -> dict[Split, float]:
    """Shares with a sum of 1.

    Raises:
        TaskError: a split is missing, unknown or gets nothing.
    """
    total = sum(shares.values())
    if set(shares) != set(SHARES) or not all(
        0 < share < inf for share in (*shares.values(), total)
    ):
        raise TaskError(
            f"{dict(shares)} must give each of {', '.join(SHARES)} more than 0, and no more than "
            "can be added up",
            where="task.options.shares",
        )
    return {split: shares[split] / total for split in ORDER}


def place_items(
    items: Sequence[Item],
    shares: Mapping[Split, float],
    *,
    near: float | None,
    texts: Sequence[str] | None = None,
    given: Sequence[Split | None] | None = None,
    names: Sequence[str] | None = None,
    salt: str | None = None,
) -> Placed:
    """The split of each question.

    Args:
        items: the questions; those with one `group` belong together.
        shares: share of each split, sum 1.
        near: overlap from which on questions count as one; None compares whole texts only.
        texts: what is compared; the questions themselves when None.
        given: splits that the file itself gives; they hold, whatever is near to them.
        names: what the place of each question is hashed from; "" for its normal form.
        salt: of the hash; another salt, other places.
    """
    forms = [
        (" ".join(text.split()),) if near is None else normal_form(text)
        for text in texts or [item.question for item in items]
    ]
    places = []
    for item, name, form in zip(items, names or [""] * len(items), forms, strict=True):
        own = f"question {name or ' '.join(form)}" if item.group is None else f"group {item.group}"
        key = own if salt is None else f"{salt} {own}"
        hashed = hashlib.blake2b(key.encode(), digest_size=8).digest()
        places.append(int.from_bytes(hashed, "big") / 2**64)
    edges = list(accumulate(shares[split] for split in ORDER))[:-1]
    homes = [ORDER[bisect(edges, place)] for place in places]
    fixed = list(given) if given is not None else [None] * len(items)
    # Near ones belong together, and those of one name.
    joined, named = Groups(len(items)), dict[str, int]()
    for i, first_near in enumerate(near_groups(forms, 1.0 if near is None else near)):
        joined.join(i, first_near)
        if (group := items[i].group) is not None:
            joined.join(i, named.setdefault(group, i))
    groups = [joined.root(i) for i in range(len(items))]
    members: defaultdict[int, list[int]] = defaultdict(list)
    for i, root in enumerate(groups):
        members[root].append(i)
    splits = list(homes)
    for together in members.values():
        told = [split for i in together if (split := fixed[i]) is not None]
        first = min(told or [homes[i] for i in together], key=ORDER.index)
        for i in together:
            splits[i] = fixed[i] or first
    return Placed(splits, places, groups)
