"""The parents of one target: what each candidate would cost, and whether it may or must be taken.

This is the inner loop of drawing graphs, so it works on whole columns and keeps what does not
change from candidate to candidate.
"""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from graphsearch.space.gates import least_cost

if TYPE_CHECKING:
    from graphsearch.space._walk import Walk

__all__ = ["GatedParents", "Parents"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(slots=True)
class Parents:
    """The growing set of parents of one target, in B walks at once.

    Attributes:
        active: [B] whether the target is live.
        degree: [B] parents so far.
        price: [B * (n+1)] cost of the target by in-degree, row after row.
        first: [B] where each row begins in `price`.
        now: [B] cost of the target at its present in-degree.
        joins: [B, t] what each candidate costs when it joins: 0 for live ones, whose cost is
            counted already; for the longest path, the time it takes in any case.
        room: [B] budget left (sum), or budget less what follows the target (longest path).
        far: [B] dearest parent so far (longest path only).
        need: [B, n+2] further parents until the in-degree is allowed.
        open: every in-degree is allowed, so that `need` need not be looked at.
        longest: whether a graph costs its longest path.
    """

    active: Bools
    degree: Ints
    price: Ints
    first: Ints
    now: Ints
    joins: Ints
    room: Ints
    far: Ints
    need: Ints
    open: bool
    longest: bool

    @classmethod
    def of(cls, walk: "Walk", target: int) -> "Parents":
        """No parents yet."""
        tables, live, rows = walk.tables, walk.out.live, len(walk.used)
        is_sink = target == live.shape[1] - 1
        price = walk.price[:, target]
        gammas = walk.price[:, :target, 0]
        if tables.gates:
            gammas = walk.least[:, :target]
        # Further parents that it needs, by in-degree: [1, n+2], or [B, n+2] with gates.
        need = walk.need if is_sink else tables.slot_need[None]
        if tables.gates and not is_sink:
            both = np.concatenate([need, tables.gate_need])
            need = both[np.maximum(walk.out.gates[:, target], 0)]
        return cls(
            active=live[:, target],
            degree=np.zeros(rows, dtype=np.int64),
            price=price.ravel(),
            first=np.arange(rows) * price.shape[1],
            now=price[:, 0],
            joins=gammas if tables.longest else np.where(live[:, :target], 0, gammas),
            room=tables.budget - (walk.tail[:, target] if tables.longest else walk.used),
            far=np.zeros(rows, dtype=np.int64),
            need=np.broadcast_to(need, (rows, need.shape[1])),
            open=not need[:, : target + 1].any(),
            longest=tables.longest,
        )

    def pick(self, rows: Ints) -> None:
        """Continue with the given rows."""
        for name in ("active", "degree", "first", "now", "joins", "room", "far", "need"):
            setattr(self, name, getattr(self, name)[rows])

    def choices(self, source: int) -> tuple[Bools, Bools | None]:
        """Where the edge from `source` is a free choice, and where it must be taken (or None).

        Candidates left after it are the slots below `source`. The cheapest way to a given number
        of further parents is through the cheapest of them, since all cost the target the same.
        """
        if self.open:
            return self.active & (self._bill(source) <= self.room), None
        need_take, need_skip = self._needs()
        take = self.active & (need_take <= source)
        skip = self.active & (need_skip <= source)
        take &= self._bill(source, np.where(take, need_take, 0)) <= self.room
        skip &= self._bill(None, np.where(skip, need_skip, 0), source) <= self.room
        return take & skip, take & ~skip

    def add(self, source: int, chosen: Bools) -> None:
        """Take the candidate in the rows that chose it."""
        after = self.price_at(self.degree + 1)
        join = self.joins[:, source]
        if self.longest:
            self.far = np.where(chosen, np.maximum(self.far, join), self.far)
        else:
            self.room = self.room - (after - self.now + join) * chosen
        self.now = np.where(chosen, after, self.now)
        self.degree = self.degree + chosen

    def price_at(self, degree: Ints) -> Ints:
        """[B] cost of the target at the given in-degrees."""
        return self.price.take(self.first + degree)

    def _needs(self) -> tuple[Ints, Ints]:
        """Further parents needed after one more, and as it is."""
        at = np.arange(len(self.degree))
        return self.need[at, self.degree + 1], self.need[at, self.degree]

    def _bill(self, source: int | None, more: Ints | None = None, below: int | None = None) -> Ints:
        """What taking `source` (or none) and then the `more` cheapest below it takes of the room.

        For the sum, what is added; for the longest path, its length up to the target's end.
        """
        degree = self.degree if source is None else self.degree + 1
        last = source if source is not None else below
        after = self.price_at(degree if more is None else degree + more)
        join = 0 if source is None else self.joins[:, source]
        if self.longest:
            far = np.maximum(self.far, join)
            return after + (far if more is None else np.maximum(far, self._cheapest(last, more)))
        bill = after - self.now + join
        return bill if more is None else bill + self._cheapest(last, more)

    def _cheapest(self, below: int | None, more: Ints) -> Ints:
        """Sum (or, for the longest path, maximum) of the `more` cheapest candidates."""
        if not below or not more.any():
            return np.zeros(len(more), dtype=np.int64)
        each = np.sort(self.joins[:, :below], axis=1)
        upto = each if self.longest else np.cumsum(each, axis=1)
        last = upto[np.arange(len(more)), np.maximum(more - 1, 0)]
        return np.where(more > 0, last, 0)


@dataclass(slots=True)
class GatedParents(Parents):
    """The same where slots may be gates and costs add up.

    The room is what is left of the budget for all that is still to be decided; candidates that were
    taken, here or by other targets, are pending and take part of it.

    Attributes:
        live: [B, t] pending slots below the target.
        plain: [B, t] their cost without parents, and that of the others.
        least: [B, t] the least that each can cost.
    """

    live: Bools
    plain: Ints
    least: Ints

    @classmethod
    def of(cls, walk: "Walk", target: int) -> "GatedParents":
        """No parents yet."""
        base = Parents.of(walk, target)
        shared = {field.name: getattr(base, field.name) for field in fields(Parents)}
        live = walk.out.live[:, :target].copy()
        plain, least = walk.price[:, :target, 0], walk.least[:, :target]
        return cls(**shared, live=live, plain=plain, least=least)

    def pick(self, rows: Ints) -> None:
        """Continue with the given rows."""
        Parents.pick(self, rows)
        for name in ("live", "plain", "least"):
            setattr(self, name, getattr(self, name)[rows])

    def choices(self, source: int) -> tuple[Bools, Bools | None]:
        """As for `Parents`."""
        need_take, need_skip = self._needs()
        take = self.active & (need_take <= source)
        skip = self.active & (need_skip <= source)
        taken = self.live.copy()
        taken[:, source] = True
        take &= self._takes(taken, 1, np.where(take, need_take, 0), source) <= self.room
        skip &= self._takes(self.live, 0, np.where(skip, need_skip, 0), source) <= self.room
        return take & skip, take & ~skip

    def add(self, source: int, chosen: Bools) -> None:
        """Take the candidate in the rows that chose it."""
        after = self.price_at(self.degree + 1)
        self.room = self.room - (after - self.now) * chosen
        self.now = np.where(chosen, after, self.now)
        self.degree = self.degree + chosen
        self.live[:, source] |= chosen

    def _takes(self, live: Bools, one: int, more: Ints, source: int) -> Ints:
        """Least that the target's step and all pending slots take of the room."""
        step = self.price_at(self.degree + one + more) - self.now
        return step + least_cost(live, self.plain, self.least, more, source)
