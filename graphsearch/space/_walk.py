"""Walking through the decisions that make a graph, many graphs at once.

One walk serves drawing, replaying, the greedy mode and enumeration: they differ only in their
`Chooser`. What is allowed at each step depends on the decisions so far and on the space, never on
probabilities; so a trace keeps its masks, and its log-probability under any other distribution of
the same space needs no second walk.

Order of decisions: the sink; each slot's model; then for each target from the sink downwards
whether it is a gate (where slots may be gates) and its edges from lower slots, nearest first; then
the roles of the other live slots.

No dead ends: a step is allowed only if some way to go on exists after it. Costs never fall when a
graph grows, and the cheapest way to give a target t more parents is to take its t cheapest
candidates; so the check is exact. (Gates need a closer look: `gates.py`.)
"""

from dataclasses import dataclass, fields
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from graphsearch.space._parents import GatedParents, Parents
from graphsearch.space._tables import Tables
from graphsearch.space.gates import gate_mask, least_with

__all__ = ["Choice", "Chooser", "Draws", "walk"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


Choice = Literal["sink", "model", "gate"]


class Chooser(Protocol):
    """Decides; `mask` and `free` say what may be decided.

    Each method returns the choices and, where a chooser splits rows into several, the row each
    choice continues (else None).
    """

    def pick(self, choice: Choice, slot: int, mask: Bools) -> tuple[Ints, Ints | None]:
        """One of several for each row.

        Args:
            choice: `sink`: its kind, `mask` [B, S]; `model`: of a slot, [B, M]; `gate`: 0 for no
                gate, or which, [B, G+1], all False (-1) where the slot is not live.
            slot: whose; 0 for the sink.
            mask: what is allowed.
        """
        ...

    def edge(
        self, source: int, target: int, free: Bools, forced: Bools | None
    ) -> tuple[Bools, Ints | None]:
        """Whether the edge is taken; rows neither free nor forced (None: no row) must say no."""
        ...

    def roles(self, masks: Bools) -> tuple[Ints, Ints | None]:
        """Roles of all slots, [B, n]; `masks` is [B, n, R], all False for slots not live (-1)."""
        ...


@dataclass(slots=True)
class Draws:
    """Decisions and masks of B walks over n slots. Row n of square arrays stands for the sink.

    Attributes:
        sink: [B] kind of sink.
        sink_mask: [B, S] kinds of sink that were allowed.
        models: [B, n] model of each slot, live or not.
        model_mask: [B, n, M] models that were allowed.
        taken: [B, n+1, n+1] edges, source by target.
        free: [B, n+1, n+1] edges that were a free choice (neither masked nor forced).
        live: [B, n+1] nodes that are part of the graph.
        gates: [B, n] 0 for live slots that are no gate, else which of the tables' gates; -1
            elsewhere.
        gate_mask: [B, n, G+1] what was allowed of these; G is 0 where no slot may be a gate, and
            then nothing was.
        roles: [B, n] role of each live slot, -1 elsewhere.
        role_mask: [B, n, R] roles that were allowed, all False where not live.
        degree: [B, n+1] number of parents.
        cost: [B] cost of the graph, in units of the tables.
    """

    sink: Ints
    sink_mask: Bools
    models: Ints
    model_mask: Bools
    taken: Bools
    free: Bools
    live: Bools
    gates: Ints
    gate_mask: Bools
    roles: Ints
    role_mask: Bools
    degree: Ints
    cost: Ints

    def __len__(self) -> int:
        return len(self.sink)

    def pick(self, rows: Ints) -> "Draws":
        """The given rows, in their order."""
        return Draws(*(getattr(self, f.name)[rows] for f in fields(self)))

    @staticmethod
    def join(parts: "list[Draws]") -> "Draws":
        """All rows of several batches of one space."""
        return Draws(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Draws)))


@dataclass(slots=True)
class Walk:
    """A walk under way: decisions so far, and what is carried beside them.

    Every array has a row for each graph.

    Attributes:
        tables: of the space.
        chooser: decides.
        out: decisions so far.
        price: [B, n+1, n+1] cost of each node by in-degree (the sink in row n).
        least: [B, n] least cost of a slot whose turn is still to come, or for the longest path
            least time until it is done; of use where slots may be gates.
        used: [B] cost so far (unused where a graph costs its longest path); where slots may be
            gates without those whose turn is still to come.
        tail: [B, n+1] longest path from a node's end to the sink's end (longest path only).
        need: [B, n+2] further parents until the sink's in-degree is allowed.
    """

    tables: Tables
    chooser: Chooser
    out: Draws
    price: Ints
    least: Ints
    used: Ints
    tail: Ints
    need: Ints

    def pick(self, rows: Ints) -> None:
        """Continue with the given rows."""
        self.out = self.out.pick(rows)
        for name in ("price", "least", "used", "tail", "need"):
            setattr(self, name, getattr(self, name)[rows])

    @classmethod
    def begin(cls, tables: Tables, chooser: Chooser, rows: int) -> "Walk":
        """Choose the sinks, with nothing decided of the slots."""
        n = tables.nodes.shape[1] - 1
        mask = np.broadcast_to(tables.sink_mask, (rows, len(tables.sink_mask)))
        sink, split = chooser.pick("sink", 0, mask)
        rows = len(sink) if split is not None else rows
        live = np.zeros((rows, n + 1), dtype=bool)
        live[:, n] = True
        out = Draws(
            sink=sink,
            sink_mask=np.repeat(tables.sink_mask[None], rows, axis=0),
            models=np.zeros((rows, n), dtype=np.int64),
            model_mask=np.zeros((rows, n, len(tables.nodes)), dtype=bool),
            taken=np.zeros((rows, n + 1, n + 1), dtype=bool),
            free=np.zeros((rows, n + 1, n + 1), dtype=bool),
            live=live,
            gates=np.full((rows, n), -1, dtype=np.int64),
            gate_mask=np.zeros((rows, n, len(tables.gates) + 1), dtype=bool),
            roles=np.full((rows, n), -1, dtype=np.int64),
            role_mask=np.zeros((rows, n, tables.role_allowed.shape[1]), dtype=bool),
            degree=np.zeros((rows, n + 1), dtype=np.int64),
            cost=np.zeros(rows, dtype=np.int64),
        )
        price = np.zeros((rows, n + 1, n + 1), dtype=np.int64)
        price[:, n] = tables.sinks[sink]
        return cls(
            tables=tables,
            chooser=chooser,
            out=out,
            price=price,
            least=np.zeros((rows, n), dtype=np.int64),
            used=price[:, n, 0].copy(),
            tail=np.zeros((rows, n + 1), dtype=np.int64),
            need=tables.sink_need[sink],
        )

    def choose_models(self) -> None:
        """The model of each slot, live or not."""
        n = self.out.models.shape[1]
        for slot in range(n):
            mask = self._model_mask(slot)
            models, split = self.chooser.pick("model", slot, mask)
            if split is not None:
                self.pick(split)
                mask = mask[split]
            self.out.model_mask[:, slot] = mask
            self.out.models[:, slot] = models
            self.price[:, slot] = self.tables.nodes[models]
            if self.tables.gates:
                gate = self.tables.least_gate[models]
                if self.tables.longest:  # a gate waits for what it hears
                    never = np.full(len(gate), np.iinfo(np.int64).max // 4)
                    gate = gate + self.least[:, :slot].min(axis=1) if slot else never
                self.least[:, slot] = np.minimum(self.tables.nodes[models, 0], gate)

    def _model_mask(self, slot: int) -> Bools:
        """Models that leave the sink the parents it needs.

        The slots still to come can all be on the cheapest model. Where they are too few, the sink
        also needs the cheapest of the slots drawn so far, this one among them.
        """
        rows, n = self.out.models.shape
        later = n - 1 - slot
        wanted = self.need[:, 0] - later
        mask = np.ones((rows, len(self.tables.nodes)), dtype=bool)
        tight = np.nonzero(wanted > 0)[0]
        if not len(tight):
            return mask
        need, wanted = self.need[tight, 0], wanted[tight]
        sink = self.price[tight, n, need]
        if self.tables.gates and not self.tables.longest:
            least = least_with(self, slot, need, tight)
            mask[tight] = sink[:, None] + least <= self.tables.budget
            return mask
        gamma, before = self.tables.nodes[None, :, 0], self.price[tight, :slot, 0]
        if self.tables.gates and slot:
            before = self.least[tight, :slot]
            gamma = np.minimum(gamma, self.tables.least_gate + before.min(axis=1)[:, None])
        drawn = np.sort(before, axis=1)
        at = np.arange(len(tight))
        never = np.iinfo(np.int64).max // 4
        edges = np.concatenate(
            [np.zeros((len(tight), 1), dtype=np.int64), drawn, np.full((len(tight), 1), never)],
            axis=1,
        )
        below, above = edges[at, wanted - 1], edges[at, wanted]
        if self.tables.longest:
            # The wanted-th cheapest once this slot has joined, and the cheapest that come later.
            worst = np.minimum(above[:, None], np.maximum(gamma, below[:, None]))
            total = sink[:, None] + np.maximum(worst, self.tables.nodes[:, 0].min())
        else:
            sums = np.cumsum(edges[:, :-1], axis=1)
            new = np.minimum(gamma, above[:, None])
            total = (sink + sums[at, wanted - 1] + later * gamma.min())[:, None] + new
        mask[tight] = total <= self.tables.budget
        return mask

    def choose_gate(self, slot: int) -> None:
        """Whether a live slot is a gate; from here on it costs that, without parents so far."""
        if not self.out.live[:, slot].any():
            return
        mask = gate_mask(self, slot)
        gates, split = self.chooser.pick("gate", slot, mask)
        if split is not None:
            self.pick(split)
            mask = mask[split]
        out = self.out
        out.gate_mask[:, slot], out.gates[:, slot] = mask, gates
        rows = np.nonzero(gates > 0)[0]
        price = self.tables.gate_price[gates[rows] - 1, out.models[rows, slot]]
        self.price[rows, slot] = price[:, None]
        self.used = self.used + np.where(out.live[:, slot], self.price[:, slot, 0], 0)

    def choose_parents(self, target: int) -> None:
        """The edges into a target, nearest slot first."""
        out = self.out
        if not out.live[:, target].any():
            return
        adds_up = self.tables.gates and not self.tables.longest
        parents = (GatedParents if adds_up else Parents).of(self, target)
        for source in range(target - 1, -1, -1):
            free, forced = parents.choices(source)
            chosen, split = self.chooser.edge(source, target, free, forced)
            if split is not None:
                self.pick(split)
                parents.pick(split)
                free, out = free[split], self.out
            parents.add(source, chosen)
            out.free[:, source, target] = free
            out.taken[:, source, target] = chosen
        out.live |= out.taken[:, :, target]
        out.degree[:, target] = parents.degree
        if self.tables.longest:
            # Paths through the target reach back to its parents, all of which are known now.
            through = parents.price_at(parents.degree) + self.tail[:, target]
            reach = np.where(out.taken[:, :, target], through[:, None], 0)
            self.tail = np.maximum(self.tail, reach)
        else:
            self.used = self.tables.budget - parents.room

    def choose_roles(self) -> None:
        """The roles of all live slots, whose in-degrees are known by now."""
        gates = self.out.gates
        masks = self.tables.role_allowed[self.out.degree[:, :-1]] & self.out.live[:, :-1, None]
        for number, role in enumerate(self.tables.gates, 1):
            masks &= (gates != number)[..., None]
            masks[..., role] = gates == number
        roles, split = self.chooser.roles(masks)
        if split is not None:
            self.pick(split)
            masks = masks[split]
        self.out.role_mask, self.out.roles = masks, roles


def walk(tables: Tables, rows: int, chooser: Chooser, *, star: bool = False) -> Draws:
    """Make all decisions for `rows` graphs (more come out where the chooser splits rows)."""
    way = Walk.begin(tables, chooser, rows)
    way.choose_models()
    n = way.out.models.shape[1]
    for target in range(n, 0, -1):
        if star and target < n:
            break
        if tables.gates and target < n:
            way.choose_gate(target)
        way.choose_parents(target)
    way.choose_roles()
    out = way.out
    if tables.longest:
        own = np.take_along_axis(way.price, out.degree[:, :, None], axis=2)[:, :, 0]
        out.cost = np.where(out.live, own + way.tail, 0).max(axis=1)
    else:
        out.cost = way.used
    return out
