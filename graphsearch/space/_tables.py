"""A space's costs and limits as integer arrays."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from graphsearch.space._space import Space

__all__ = ["IMPOSSIBLE", "Tables"]

IMPOSSIBLE = 1 << 20
"""Number of further parents that no target can get."""

_MOST = 1 << 52
"""Largest sum of ticks the arrays may hold; keeps them exact even where a float passes by."""


@dataclass(frozen=True, slots=True)
class Tables:
    """What sampling looks up. n slots, M models, R roles, S sinks; in-degrees are 0..n.

    Attributes:
        tick: ticks of the cost model that one unit of these tables stands for (1 unless costs are
            astronomic; then costs are rounded up and the budget down).
        budget: the budget.
        nodes: [M, n+1] cost of a slot by model and in-degree, in a role that reads its parents.
        sinks: [S, n+1] cost of a sink by kind and in-degree.
        slot_need: [n+2] fewest further parents until some role allows the in-degree.
        sink_need: [S, n+2] the same for each kind of sink.
        role_allowed: [n+1, R] roles by in-degree, but for gates that are drawn before the edges.
        gates: roles that a slot gets before its edges: gates that one parent is enough for. Others
            are drawn among the roles, priced as if they read their parents.
        gate_price: [G, M] cost of a slot as such a gate, whatever its in-degree.
        gate_need: [G, n+2] as `slot_need`.
        sink_mask: [S] kinds of sink that fit the budget with their fewest parents.
        longest: True when a graph costs its longest path (`seconds`), False for the sum.
    """

    tick: int
    budget: int
    nodes: NDArray[np.int64]
    sinks: NDArray[np.int64]
    slot_need: NDArray[np.int64]
    sink_need: NDArray[np.int64]
    role_allowed: NDArray[np.bool_]
    gates: tuple[int, ...]
    gate_price: NDArray[np.int64]
    gate_need: NDArray[np.int64]
    sink_mask: NDArray[np.bool_]
    longest: bool

    @property
    def least_gate(self) -> NDArray[np.int64]:
        """[M] cost of a slot as its cheapest gate; beyond all budgets where there is none."""
        least: NDArray[np.int64] = self.gate_price.min(axis=0, initial=_MOST * 2)
        return least

    @classmethod
    def of(cls, space: "Space") -> "Tables":
        """The tables of a space."""
        n, cost, options = space.slots, space.cost, space.role_options
        most = n if space.max_in_degree is None else min(n, space.max_in_degree)
        degrees = range(n + 1)
        # What in-degrees allow. Gates are drawn before the edges, where a slot can have a parent.
        gates = tuple(
            r
            for r, option in enumerate(options)
            if space.edges != "star"
            and n >= 2
            and most >= 1
            and option.allows(1)
            and space.role(option.name).is_gate
        )
        allowed = np.array([[d <= most and role.allows(d) for role in options] for d in degrees])
        as_gate = allowed[:, list(gates)].T & (np.arange(n + 1) > 0)
        allowed[:, list(gates)] = False
        sinks = [np.array([d <= most and sink.allows(d) for d in degrees]) for sink in space.sinks]
        sink_need = np.stack([_need(sink) for sink in sinks])
        # What they cost; more than every node at its dearest is no limit.
        by_model = [[cost.node_ticks(m, d) for d in degrees] for m in space.models]
        by_sink = [[cost.role_ticks(s.role, s.model, d) for d in degrees] for s in space.sinks]
        by_gate = [
            [cost.role_ticks(space.roles[gate], m, 1) for m in space.models] for gate in gates
        ]
        dearest = max(row[-1] for row in by_model) * n + max(row[-1] for row in by_sink)
        tick = max(1, -(-dearest // _MOST))
        budget = min(cost.budget_ticks(space.budget), dearest) // tick
        nodes, sink_prices = _scaled(by_model, tick), _scaled(by_sink, tick)
        gate_price = _scaled(by_gate, tick).reshape(len(gates), len(space.models))
        longest = cost.currency == "seconds"
        # Sinks that fit with their fewest parents: the cheapest call, and the cheapest gates that
        # hear it; where no gate is cheaper all parents are calls.
        call = int(nodes[:, 0].min())
        possible = sink_need[:, 0] < IMPOSSIBLE
        degree = np.where(possible, sink_need[:, 0], 0)
        calls = np.minimum(degree, 1)
        total = sink_prices[np.arange(len(sink_prices)), degree] + calls * call
        if not longest:
            total += (degree - calls) * min(call, int(gate_price.min(initial=_MOST * 2)))
        return cls(
            tick=tick,
            budget=budget,
            nodes=nodes,
            sinks=sink_prices,
            slot_need=_need(np.any(allowed, axis=1)),
            sink_need=sink_need,
            role_allowed=allowed,
            gates=gates,
            gate_price=gate_price,
            gate_need=np.array([_need(row) for row in as_gate], dtype=np.int64).reshape(-1, n + 2),
            sink_mask=possible & (total <= budget),
            longest=longest,
        )


def _scaled(rows: list[list[int]], tick: int) -> NDArray[np.int64]:
    return np.array([[-(-value // tick) for value in row] for row in rows], dtype=np.int64)


def _need(allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each in-degree d (and one beyond), the least t with d + t allowed."""
    need = np.full(len(allowed) + 1, IMPOSSIBLE, dtype=np.int64)
    for d in range(len(allowed) - 1, -1, -1):
        need[d] = 0 if allowed[d] else min(need[d + 1] + 1, IMPOSSIBLE)
    return need
