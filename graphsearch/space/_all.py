"""All graphs of a space, one for each isomorphism class."""

from collections.abc import Iterator
from itertools import combinations, product
from typing import TYPE_CHECKING

from graphsearch.graph import CollaborationGraph, Node
from graphsearch.records.errors import BudgetRefused

if TYPE_CHECKING:
    from graphsearch.space._space import Space

__all__ = ["all_graphs"]


def all_graphs(space: "Space", limit: int) -> list[CollaborationGraph]:
    """See `Space.graphs`.

    Every graph with k nodes is one with k - 1 nodes and a new root that feeds some of them; the
    least that it can cost is not lower. So shapes are grown root by root within the budget, and
    roles are given at the end, when in-degrees are known.
    """
    found: dict[str, CollaborationGraph] = {}
    layer = {g.key: g for g in _lone_sinks(space) if _grows(space, g)}
    while layer:
        for shape in layer.values():
            for graph in _with_roles(space, shape):
                if space.has_gates and space.too_dear(graph) is not None:
                    continue
                found.setdefault(graph.key, graph.canonical())
        # Shapes that no roles fit yet may still grow into graphs, so they count as well.
        if len(found) > limit or len(layer) > 10 * limit + 1000:
            raise BudgetRefused(
                f"the space has more than {limit:,} graphs; too many to list: make it smaller "
                "(slots, models, roles, sinks, graph_budget), or take another searcher"
            )
        bigger = (g for shape in layer.values() for g in _with_root(space, shape))
        layer = {g.key: g for g in bigger if _grows(space, g)}
    return sorted(found.values(), key=lambda g: (space.cost.graph_ticks(g), len(g), g.key))


def _lone_sinks(space: "Space") -> Iterator[CollaborationGraph]:
    for sink in space.sinks:
        yield CollaborationGraph((Node(sink.role, sink.model),), (), 0)


def _with_root(space: "Space", shape: CollaborationGraph) -> Iterator[CollaborationGraph]:
    n = len(shape)
    if n > space.slots:
        return
    targets = (shape.sink,) if space.edges == "star" else tuple(range(n))
    for size in range(1, len(targets) + 1):
        for fed in combinations(targets, size):
            for model in space.models:
                edges = (*shape.edges, *((n, target) for target in fed))
                yield CollaborationGraph((*shape.nodes, Node("", model)), edges, shape.sink)


def _grows(space: "Space", shape: CollaborationGraph) -> bool:
    """Whether a shape is within all limits that growing only strains further."""
    most = len(shape) if space.max_in_degree is None else space.max_in_degree
    sink = next(s for s in space.sinks if Node(s.role, s.model) == shape.nodes[shape.sink])
    if sink.max_parents is not None and shape.in_degree(shape.sink) > sink.max_parents:
        return False
    if any(shape.in_degree(i) > most for i in range(len(shape))):
        return False
    return _least(space, shape) <= space.cost.budget_ticks(space.budget)


def _least(space: "Space", shape: CollaborationGraph) -> int:
    """The least that a shape can cost, whatever roles its slots get and however it grows."""
    cost, gates = space.cost, [o.name for o in space.role_options if space.role(o.name).is_gate]
    nodes = []
    for i, node in enumerate(shape.nodes):
        ticks = cost.role_ticks(node.role, node.model, shape.in_degree(i))
        if i != shape.sink:
            ticks = min([ticks, *(cost.role_ticks(gate, node.model, 1) for gate in gates)])
        nodes.append(ticks)
    return cost.combine_ticks(shape, nodes)


def _with_roles(space: "Space", shape: CollaborationGraph) -> Iterator[CollaborationGraph]:
    sink = next(s for s in space.sinks if Node(s.role, s.model) == shape.nodes[shape.sink])
    if not sink.allows(shape.in_degree(shape.sink)):
        return
    choices = [
        [node]
        if i == shape.sink
        else [
            Node(option.name, node.model)
            for option in space.role_options
            if option.allows(shape.in_degree(i))
        ]
        for i, node in enumerate(shape.nodes)
    ]
    for nodes in product(*choices):
        yield CollaborationGraph(nodes, shape.edges, shape.sink)
