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
    lone = (CollaborationGraph((Node(s.role, s.model),), (), 0) for s in space.sinks)
    layer = {g.key: g for g in lone if _grows(space, g)}
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
        bigger: dict[str, CollaborationGraph] = {}
        for shape in layer.values():
            n = len(shape)
            targets = (shape.sink,) if space.edges == "star" else tuple(range(n))
            sizes = range(1, len(targets) + 1) if n <= space.slots else ()
            for size in sizes:
                for fed, model in product(combinations(targets, size), space.models):
                    edges = (*shape.edges, *((n, target) for target in fed))
                    grown = CollaborationGraph((*shape.nodes, Node("", model)), edges, shape.sink)
                    if _grows(space, grown):
                        bigger[grown.key] = grown
        layer = bigger
    return sorted(found.values(), key=lambda g: (space.cost.graph_ticks(g), len(g), g.key))


def _grows(space: "Space", shape: CollaborationGraph) -> bool:
    """Whether a shape is within all limits that growing only strains further."""
    most = len(shape) if space.max_in_degree is None else space.max_in_degree
    sink = next(s for s in space.sinks if Node(s.role, s.model) == shape.nodes[shape.sink])
    if sink.max_parents is not None and shape.in_degree(shape.sink) > sink.max_parents:
        return False
    if any(shape.in_degree(i) > most for i in range(len(shape))):
        return False
    # The least that it can cost, whatever roles its slots get and however it grows.
    cost, gates = space.cost, [o.name for o in space.role_options if space.role(o.name).is_gate]
    nodes = []
    for i, node in enumerate(shape.nodes):
        ticks = cost.role_ticks(node.role, node.model, shape.in_degree(i))
        if i != shape.sink:
            ticks = min([ticks, *(cost.role_ticks(gate, node.model, 1) for gate in gates)])
        nodes.append(ticks)
    return cost.combine_ticks(shape, nodes) <= space.budget_ticks


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
