"""Models that no graph can have under the graph budget: said before a search, not found by it."""

from typing import TYPE_CHECKING

from graphsearch.graph import CollaborationGraph, Node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphsearch.space import Space

__all__ = ["never_used"]


def never_used(space: "Space") -> tuple[str, ...]:
    """A sentence for each model of a space that no graph within its budget can have."""
    found = []
    for model in space.models:
        graph = min(_smallest_with(space, model), key=space.cost.graph_ticks, default=None)
        if graph is None or not space.too_dear(graph):
            continue
        cost = space.cost.graph(graph)
        short = f"{cost:,.0f}" if cost >= 100 else f"{cost:.3g}"
        found.append(
            f"no graph can have model {model!r}: the cheapest one that does is expected to cost "
            f"{short} {space.budget.currency} a question, and the graph budget is {space.budget}; "
            "raise it, or leave the model out"
        )
    return tuple(found)


def _smallest_with(space: "Space", model: str) -> "Iterator[CollaborationGraph]":
    """For each sink the smallest graphs in which the model answers it, feeds it, or gates it."""
    cheapest = min(space.models, key=lambda name: space.cost.node_ticks(name, 0))
    role = next(option.name for option in space.role_options if option.allows(0))
    most = space.slots if space.max_in_degree is None else min(space.slots, space.max_in_degree)
    for sink in space.sinks:
        last = Node(sink.role, sink.model)
        degrees = [degree for degree in range(most + 1) if sink.allows(degree)]
        fed = [degree for degree in degrees if degree]
        if sink.model == model and degrees:
            yield CollaborationGraph.star([Node(role, cheapest)] * degrees[0], last)
        if not fed:
            continue
        others = [Node(role, cheapest)] * (fed[0] - 1)
        yield CollaborationGraph.star([Node(role, model), *others], last)
        # The sink reads a gate on the model, which reads a root, and as many roots as it needs.
        roots = others or [Node(role, cheapest)]
        gate, end = len(roots), len(roots) + 1
        if gate < space.slots:
            read = range(max(sink.min_parents - 1, 0))
            edges = ((0, gate), *((i, end) for i in read), (gate, end))
            for gates in space.tables.gates:
                nodes = (*roots, Node(space.roles[gates], model), last)
                yield CollaborationGraph(nodes, edges, end)
