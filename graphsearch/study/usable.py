"""Models that no graph can have under the graph budget: said before a search, not found by it."""

from typing import TYPE_CHECKING

from graphsearch.graph import CollaborationGraph, Node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphsearch.space import SinkOption, Space

__all__ = ["never_used"]


def never_used(space: "Space") -> tuple[str, ...]:
    """A sentence for each model of a space that no graph within its budget can have."""
    return tuple(
        f"no graph can have model {model!r}: the cheapest one that does is expected to cost "
        f"{_short(space.cost.graph(graph))} {space.budget.currency} a question, and the graph "
        f"budget is {space.budget}; raise it, or leave the model out"
        for model in space.models
        if (graph := _cheapest_with(space, model)) is not None and space.too_dear(graph)
    )


def _cheapest_with(space: "Space", model: str) -> CollaborationGraph | None:
    return min(_smallest_with(space, model), key=space.cost.graph_ticks, default=None)


def _smallest_with(space: "Space", model: str) -> "Iterator[CollaborationGraph]":
    """For each sink the smallest graph in which the model answers it, or feeds it."""
    cheapest = min(space.models, key=lambda name: space.cost.node_ticks(name, 0))
    role = next(option.name for option in space.role_options if option.allows(0))
    most = space.slots if space.max_in_degree is None else min(space.slots, space.max_in_degree)
    for sink in space.sinks:
        degrees = [degree for degree in range(most + 1) if sink.allows(degree)]
        fed = [degree for degree in degrees if degree]
        if sink.model == model and degrees:
            yield CollaborationGraph.star(
                [Node(role, cheapest)] * degrees[0], Node(sink.role, sink.model)
            )
        if fed:
            others = [Node(role, cheapest)] * (fed[0] - 1)
            yield CollaborationGraph.star([Node(role, model), *others], Node(sink.role, sink.model))
            yield from _through_gates(space, model, others or [Node(role, cheapest)], sink)


def _through_gates(
    space: "Space", model: str, roots: "list[Node]", sink: "SinkOption"
) -> "Iterator[CollaborationGraph]":
    """The sink hears a gate on the model, which hears a root, and as many roots as it needs."""
    gate, end = len(roots), len(roots) + 1
    if gate >= space.slots:
        return
    heard = range(max(sink.min_parents - 1, 0))
    edges = ((0, gate), *((i, end) for i in heard), (gate, end))
    for role in space.tables.gates:
        nodes = (*roots, Node(space.roles[role], model), Node(sink.role, sink.model))
        yield CollaborationGraph(nodes, edges, end)


def _short(cost: float) -> str:
    return f"{cost:,.0f}" if cost >= 100 else f"{cost:.3g}"
