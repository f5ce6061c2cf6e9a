"""`Trace`: the decisions that made one graph."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from graphsearch.graph import CollaborationGraph, Node
from graphsearch.space._walk import Draws

if TYPE_CHECKING:
    from graphsearch.space._options import SinkOption
    from graphsearch.space._space import Space

__all__ = ["Trace", "join"]


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """One walk through a space: its graph and every decision that made it.

    Several traces may give one graph (numbering of slots, models of slots that are not live).

    Attributes:
        space: the space.
        log_prob: log-probability of the trace under the distribution that made it.
        draws, row: where its decisions are: row `row` of a batch.
    """

    space: "Space"
    log_prob: float
    draws: Draws
    row: int
    _memo: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def graph(self) -> CollaborationGraph:
        """The graph: live slots in their order, then the sink."""
        graph = self._memo.get("graph")
        if graph is None:
            graph = self._memo["graph"] = self._build()
        assert isinstance(graph, CollaborationGraph)
        return graph

    @property
    def cost(self) -> float:
        """Expected cost of one question, in the budget's currency."""
        if self.space.has_gates:  # tables price a gate that needs two parents as a reader
            return self.space.cost.graph(self.graph)
        ticks = int(self.draws.cost[self.row]) * self.space.tables.tick
        return self.space.cost.from_ticks(ticks)

    @property
    def sink(self) -> "SinkOption":
        """The kind of sink."""
        return self.space.sinks[int(self.draws.sink[self.row])]

    @property
    def models(self) -> tuple[str, ...]:
        """Model of each slot, live or not."""
        return tuple(self.space.models[m] for m in self.draws.models[self.row].tolist())

    @property
    def roles(self) -> tuple[str | None, ...]:
        """Role of each slot, None where it is not live."""
        roles = self.space.roles
        return tuple(roles[r] if r >= 0 else None for r in self.draws.roles[self.row].tolist())

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """Edges between slots (from 0); the sink is number n."""
        sources, targets = np.nonzero(self.draws.taken[self.row])
        return tuple(zip(sources.tolist(), targets.tolist(), strict=True))

    @property
    def live(self) -> tuple[int, ...]:
        """Slots (from 0) that are nodes of the graph, ascending: slot `live[k]` is node k."""
        return tuple(np.nonzero(self.draws.live[self.row, :-1])[0].tolist())

    def to_json(self) -> dict[str, Any]:
        """The decisions, with the names of logits (slots from 1)."""
        n = self.space.slots
        return {
            "sink": self.sink.name,
            "models": list(self.models),
            "edges": [f"{i + 1}->{'sink' if j == n else j + 1}" for i, j in self.edges],
            "roles": list(self.roles),
        }

    def _build(self) -> CollaborationGraph:
        draws, row, space = self.draws, self.row, self.space
        known = space._memo.get("nodes")
        if known is None:  # equal nodes of a space are one object
            known = [[Node(role, model) for model in space.models] for role in space.roles]
            space._memo["nodes"] = known
        models, roles = draws.models[row].tolist(), draws.roles[row].tolist()
        nodes: list[Node] = []
        number: dict[int, int] = {}
        for slot, role in enumerate(roles):
            if role >= 0:
                number[slot] = len(nodes)
                nodes.append(known[role][models[slot]])
        number[len(roles)] = len(nodes)
        sink = self.sink
        nodes.append(Node(sink.role, sink.model))
        # Row order of the matrix is the sorted order of the edges.
        sources, targets = draws.taken[row].nonzero()
        edges = tuple(
            (number[i], number[j]) for i, j in zip(sources.tolist(), targets.tolist(), strict=True)
        )
        return CollaborationGraph(tuple(nodes), edges, len(nodes) - 1)


def join(traces: Sequence[Trace]) -> Draws:
    """The decisions of several traces as one batch, in their order."""
    first = traces[0].draws
    if all(trace.draws is first for trace in traces):
        return first.pick(np.array([trace.row for trace in traces]))
    return Draws.join([trace.draws.pick(np.array([trace.row])) for trace in traces])
