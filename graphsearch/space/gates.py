"""Slots that may be gates: what pending slots cost at least, and which of them may become gates.

A gate costs the same however many parents it has, mostly less than the plain call that the slot
would be without parents; so costs could fall when an edge is added, and the rule that the walk
stands on would not hold. Therefore whether a live slot is a gate, and which, is decided before its
edges, and a slot that is *pending* (live, its own turn still to come) counts with the least that it
can cost: `least`, as a gate if that is cheaper, else its plain call without parents.

A gate needs a parent below itself. Of all pending slots only the lowest can lack one, since the
others can read it, and reading is free for a gate. The lowest becomes a plain call or a gate that
makes one more slot below it live as a plain call, whichever is cheaper. So the least that a set of
pending slots P with lowest slot l can cost is exactly

    sum over P of least + min(plain(l) - least(l), least plain call of a slot below l)

and grows with P. (For `seconds` slots do not add up, and each has a least time of its own.)
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from graphsearch.space._walk import Walk

__all__ = ["gate_mask", "least_cost", "least_with"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_NEVER = 1 << 55
"""More than any budget; 64 of them still fit into 64 bits."""


def least_cost(live: Bools, plain: Ints, least: Ints, more: Ints, upto: int) -> Ints:
    """[B] least cost of pending slots and of some more.

    Args:
        live: [B, t] slots that are pending.
        plain: [B, t] cost of each slot without parents.
        least: [B, t] least cost of each slot.
        more: [B] how many of the slots below `upto` shall be pending as well.
        upto: see `more`; pending slots among them count, and come first since they cost nothing.
    """
    base = np.where(live, least, 0).sum(axis=1)
    new = np.maximum(more - live[:, :upto].sum(axis=1), 0)
    out: Ints = base.copy()
    if live.shape[1]:
        # What the lowest pending slot costs beyond its least.
        below = np.full_like(plain, _NEVER)  # the cheapest plain call of a slot below each
        below[:, 1:] = np.minimum.accumulate(plain, axis=1)[:, :-1]
        at = np.argmax(live, axis=1)[:, None]
        extra = np.minimum(plain - least, below)
        out += np.where(live.any(axis=1), np.take_along_axis(extra, at, axis=1)[:, 0], 0)
    rows = np.nonzero(new > 0)[0]
    if len(rows):
        some = _Some(live[rows], plain[rows], least[rows], new[rows], upto)
        out[rows] = base[rows] + some.cheapest()
    return out


@dataclass(slots=True)
class _Some:
    """Rows that need `new` slots more, of those below `upto` that are not pending."""

    live: Bools
    plain: Ints
    least: Ints
    new: Ints
    upto: int

    def cheapest(self) -> Ints:
        """[B] least cost of the new slots and of the lowest of all.

        The lowest is a plain call: a slot below it that it might hear as a gate would do instead
        of one of the new ones.
        """
        extra = self.plain - self.least
        first = np.where(self.live.any(axis=1), np.argmax(self.live, axis=1), self.live.shape[1])
        best = np.full(len(self.new), _NEVER, dtype=np.int64)
        # Either the lowest of all is pending already, and all new ones are above it ...
        for lowest in range(self.live.shape[1]):
            kept = first == lowest
            if kept.any():
                cost = extra[:, lowest] + self._sum(self.new, lowest)
                best = np.where(kept, np.minimum(best, cost), best)
        # ... or it is one of the new ones.
        for lowest in range(self.upto):
            cost = self.least[:, lowest] + extra[:, lowest] + self._sum(self.new - 1, lowest)
            best = np.where(lowest < first, np.minimum(best, cost), best)
        return np.minimum(best, _NEVER)

    def _sum(self, count: Ints, above: int) -> Ints:
        """[B] sum of the `count` cheapest new slots above one."""
        span = slice(above + 1, self.upto)
        costs = np.where(self.live[:, span], _NEVER, self.least[:, span])
        sums = np.zeros((len(count), costs.shape[1] + 1), dtype=np.int64)
        np.cumsum(np.sort(costs, axis=1), axis=1, out=sums[:, 1:])
        there = count < sums.shape[1]
        at = np.minimum(count, sums.shape[1] - 1)
        total = np.take_along_axis(sums, at[:, None], axis=1)[:, 0]
        return np.where(there, np.minimum(total, _NEVER), _NEVER)


def least_with(walk: "Walk", slot: int, wanted: Ints, rows: Ints) -> Ints:
    """[rows, M] least cost of the sink's parents for each model that a slot may get.

    Slots above it are still to be drawn: each may be on the model that is cheapest for it.

    Args:
        walk: under way.
        slot: whose model is drawn.
        wanted: [rows] parents that the sink needs.
        rows: of the walk.
    """
    plains, gates = walk.tables.nodes[:, 0], walk.tables.least_gate
    leasts = np.minimum(plains, gates)
    n = walk.out.models.shape[1]
    plain = np.full((len(rows), n), plains.min())
    least = np.full((len(rows), n), leasts.min())
    plain[:, :slot], least[:, :slot] = walk.price[rows, :slot, 0], walk.least[rows, :slot]
    nobody = np.zeros((len(rows), n), dtype=bool)
    out = np.empty((len(rows), len(plains)), dtype=np.int64)
    for model in range(len(plains)):
        plain[:, slot], least[:, slot] = plains[model], leasts[model]
        out[:, model] = least_cost(nobody, plain, least, wanted, n)
    return out


def gate_mask(walk: "Walk", slot: int) -> Bools:
    """[B, G + 1] whether a slot may be no gate, and each gate; nothing where it is not live."""
    tables, live = walk.tables, walk.out.live
    as_gate = tables.gate_price[:, walk.out.models[:, slot]].T
    plain = walk.price[:, slot, 0]
    below = np.s_[:, :slot]
    if tables.longest:
        room = tables.budget - walk.tail[:, slot]
        parent = walk.least[below].min(axis=1) if slot else np.full(len(plain), _NEVER)
        fits = [plain <= room, *(as_gate + parent[:, None] <= room[:, None]).T]
    else:
        parts = live[below], walk.price[:, :slot, 0], walk.least[below]
        room = tables.budget - walk.used
        alone = least_cost(*parts, np.zeros(len(plain), dtype=np.int64), slot)
        heard = least_cost(*parts, np.ones(len(plain), dtype=np.int64), slot)
        fits = [plain + alone <= room, *(as_gate + heard[:, None] <= room[:, None]).T]
    mask: Bools = np.stack(fits, axis=1) & live[:, slot, None]
    return mask
