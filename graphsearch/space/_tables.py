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
        nodes: [M, n+1] cost of a slot by model and in-degree, in the dearest role: a gate costs
            less, but which role a slot has is drawn when the edges are.
        sinks: [S, n+1] cost of a sink by kind and in-degree.
        slot_need: [n+2] fewest further parents until some role allows the in-degree.
        sink_need: [S, n+2] the same for each kind of sink.
        role_allowed: [n+1, R] roles by in-degree.
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
    sink_mask: NDArray[np.bool_]
    longest: bool

    @classmethod
    def of(cls, space: "Space") -> "Tables":
        """The tables of a space."""
        n, cost = space.slots, space.cost
        degrees = range(n + 1)
        nodes = [[cost.node_ticks(m, d) for d in degrees] for m in space.models]
        sinks = [[cost.role_ticks(s.role, s.model, d) for d in degrees] for s in space.sinks]
        # More than every node at its dearest is no limit.
        dearest = max(row[-1] for row in nodes) * n + max(row[-1] for row in sinks)
        budget = min(cost.budget_ticks(space.budget), dearest)
        tick = max(1, -(-dearest // _MOST))
        most = n if space.max_in_degree is None else min(n, space.max_in_degree)
        allowed = np.array(
            [[d <= most and option.allows(d) for option in space.role_options] for d in degrees]
        )
        slot_need = _need(np.any(allowed, axis=1))
        sink_need = np.stack(
            [
                _need(np.array([d <= most and sink.allows(d) for d in degrees]))
                for sink in space.sinks
            ]
        )
        node_table, sink_table = _scaled(nodes, tick), _scaled(sinks, tick)
        longest = cost.currency == "seconds"
        return cls(
            tick=tick,
            budget=budget // tick,
            nodes=node_table,
            sinks=sink_table,
            slot_need=slot_need,
            sink_need=sink_need,
            role_allowed=allowed,
            sink_mask=_sink_mask(
                sink_table, sink_need[:, 0], int(node_table[:, 0].min()), budget // tick, longest
            ),
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


def _sink_mask(
    sinks: NDArray[np.int64],
    need: NDArray[np.int64],
    cheapest: int,
    budget: int,
    longest: bool,
) -> NDArray[np.bool_]:
    """Sinks that fit with their fewest parents, all of them on the cheapest model."""
    possible = need < IMPOSSIBLE
    degree = np.where(possible, need, 0)
    parents = np.minimum(degree, 1) if longest else degree
    total = sinks[np.arange(len(sinks)), degree] + parents * cheapest
    mask: NDArray[np.bool_] = possible & (total <= budget)
    return mask
