"""Small changes of a graph, and plain graphs to begin with."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TypeVar

import numpy as np

from graphsearch.graph import CollaborationGraph, Node
from graphsearch.space import Space

__all__ = ["mutate", "plain_graphs"]

Edges = set[tuple[int, int]]
T = TypeVar("T")
TRIES = 8


def mutate(
    graph: CollaborationGraph, space: Space, rng: np.random.Generator
) -> CollaborationGraph | None:
    """`graph` with one random change that `space` allows; None when several tries found none.

    A change is another model or role of a node, another sink, a node more or less, an edge more or
    less. Nodes that no longer reach the sink are dropped.
    """
    for _ in range(TRIES):
        move = _MOVES[int(rng.integers(len(_MOVES)))]
        changed = move(graph, space, rng)
        # The price is the usual reason against a change, and quicker to see than the others.
        if changed is None or space.cost.graph_ticks(changed) > space.budget_ticks:
            continue
        if space.why_not(changed) is None:
            return changed
    return None


def plain_graphs(space: Space) -> list[CollaborationGraph]:
    """What anyone would try first, as far as the space allows it.

    Each model alone; for each combining role, the most copies of one model that fit; readers over
    the most copies that fit; gates on the dearest two different models that fit, each dearer one
    once. Kinds take turns, the dearer models first.
    """
    price = space.cost.gamma
    models = sorted(space.models, key=price, reverse=True)
    roots = [r for r in space.role_options if r.allows(0)]
    if not roots:
        return []
    root = roots[0].name
    alone: list[CollaborationGraph] = []
    combined: list[list[CollaborationGraph]] = []
    read: list[CollaborationGraph] = []
    gated: list[CollaborationGraph] = []
    for sink in space.sinks:
        last = Node(sink.role, sink.model)
        if space.role(sink.role).is_gate:
            gated += _pair(space, root, models, last)
            continue
        if sink.allows(0):
            alone += _allowed(space, [CollaborationGraph((last,), (), 0)])
        # A reader smaller than what it reads is no plain choice.
        sources = [m for m in models if sink.model is None or price(m) <= price(sink.model)]
        found = [_widest(space, Node(root, model), last) for model in sources]
        widest = [graph for graph in found if graph is not None]
        if sink.model is None:
            combined.append(widest)
        else:
            read += widest
    alone.sort(key=space.cost.graph, reverse=True)
    read.sort(key=space.cost.graph, reverse=True)
    return _take_turns([alone, *combined, read, _one_a_model(gated)])


def _widest(space: Space, root: Node, sink: Node) -> CollaborationGraph | None:
    for count in range(space.slots, 0, -1):
        found = _allowed(space, [CollaborationGraph.star([root] * count, sink)])
        if found:
            return found[0]
    return None


def _pair(space: Space, root: str, models: Sequence[str], sink: Node) -> list[CollaborationGraph]:
    """A gate on the dearest two models that fit beside it; copies of one may never disagree."""
    for a, b in combinations([model for model in models if model != sink.model], 2):
        graph = CollaborationGraph.star([Node(root, a), Node(root, b)], sink)
        if space.why_not(graph) is None:
            return [graph]
    return []


def _one_a_model(graphs: Sequence[CollaborationGraph]) -> list[CollaborationGraph]:
    """Gates of the dearest models first, a second rule of a model after the first of all."""
    seen: Counter[str | None] = Counter()
    turns: list[tuple[int, int]] = []
    for place, graph in enumerate(graphs):
        model = graph.nodes[graph.sink].model
        turns.append((seen[model], place))
        seen[model] += 1
    return [graphs[place] for _, place in sorted(turns)]


def _allowed(space: Space, graphs: Sequence[CollaborationGraph]) -> list[CollaborationGraph]:
    return [graph for graph in graphs if space.why_not(graph) is None]


def _take_turns(kinds: Sequence[list[CollaborationGraph]]) -> list[CollaborationGraph]:
    longest = max((len(kind) for kind in kinds), default=0)
    return [kind[i] for i in range(longest) for kind in kinds if i < len(kind)]


# -- single changes: a graph, or None where the change does not apply ---------------------------


def _other_model(
    graph: CollaborationGraph, space: Space, rng: np.random.Generator
) -> CollaborationGraph | None:
    i = _some_slot(graph, rng)
    others = [m for m in space.models if i is not None and m != graph.nodes[i].model]
    if i is None or not others:
        return None
    return _with_node(graph, i, Node(graph.nodes[i].role, _pick(others, rng)))


def _other_role(
    graph: CollaborationGraph, space: Space, rng: np.random.Generator
) -> CollaborationGraph | None:
    i = _some_slot(graph, rng)
    if i is None:
        return None
    degree = graph.in_degree(i)
    others = [
        r.name for r in space.role_options if r.allows(degree) and r.name != graph.nodes[i].role
    ]
    return _with_node(graph, i, Node(_pick(others, rng), graph.nodes[i].model)) if others else None


def _other_sink(
    graph: CollaborationGraph, space: Space, rng: np.random.Generator
) -> CollaborationGraph | None:
    now, degree = graph.nodes[graph.sink], graph.in_degree(graph.sink)
    others = [Node(s.role, s.model) for s in space.sinks if s.allows(degree)]
    others = [node for node in others if node != now]
    return _with_node(graph, graph.sink, _pick(others, rng)) if others else None


def _more_nodes(
    graph: CollaborationGraph, space: Space, rng: np.random.Generator
) -> CollaborationGraph | None:
    """One root more, which feeds the sink or another node; often the twin of a node."""
    roots = [r.name for r in space.role_options if r.allows(0)]
    if len(graph) > space.slots or not roots:
        return None
    there = [node.model for i, node in enumerate(graph.nodes) if i != graph.sink]
    models: Sequence[str | None] = there if there and rng.random() < 0.5 else space.models
    target = graph.sink if rng.random() < 0.7 else int(rng.integers(len(graph)))
    nodes = (*graph.nodes, Node(roots[0], _pick(models, rng)))
    return CollaborationGraph(nodes, (*graph.edges, (len(graph), target)), graph.sink)


def _fewer_nodes(
    graph: CollaborationGraph, space: Space, rng: np.random.Generator
) -> CollaborationGraph | None:
    i = _some_slot(graph, rng)
    if i is None:
        return None
    return _pruned(graph, {edge for edge in graph.edges if i not in edge})


def _more_edges(
    graph: CollaborationGraph, space: Space, rng: np.random.Generator
) -> CollaborationGraph | None:
    order = {node: place for place, node in enumerate(graph.topological())}
    present = set(graph.edges)
    missing = [
        (a, b)
        for a in range(len(graph))
        for b in range(len(graph))
        if order[a] < order[b] and (a, b) not in present
    ]
    if not missing:
        return None
    edges = (*graph.edges, missing[int(rng.integers(len(missing)))])
    return CollaborationGraph(graph.nodes, edges, graph.sink)


def _fewer_edges(
    graph: CollaborationGraph, space: Space, rng: np.random.Generator
) -> CollaborationGraph | None:
    if not graph.edges:
        return None
    gone = graph.edges[int(rng.integers(len(graph.edges)))]
    return _pruned(graph, {edge for edge in graph.edges if edge != gone})


_MOVES: tuple[
    Callable[[CollaborationGraph, Space, np.random.Generator], CollaborationGraph | None], ...
] = (
    _other_model,
    _other_role,
    _other_sink,
    _more_nodes,
    _more_nodes,
    _fewer_nodes,
    _more_edges,
    _fewer_edges,
)


def _some_slot(graph: CollaborationGraph, rng: np.random.Generator) -> int | None:
    if len(graph) < 2:
        return None
    i = int(rng.integers(len(graph) - 1))
    return i + 1 if i >= graph.sink else i


def _with_node(graph: CollaborationGraph, i: int, node: Node) -> CollaborationGraph:
    nodes = (*graph.nodes[:i], node, *graph.nodes[i + 1 :])
    return replace(graph, nodes=nodes)


def _pruned(graph: CollaborationGraph, edges: Edges) -> CollaborationGraph:
    """The part of the graph from which the sink is reached over `edges`."""
    reaching = {graph.sink}
    waiting = [graph.sink]
    while waiting:
        target = waiting.pop()
        for source, end in edges:
            if end == target and source not in reaching:
                reaching.add(source)
                waiting.append(source)
    kept = sorted(reaching)
    number = {node: place for place, node in enumerate(kept)}
    return CollaborationGraph(
        tuple(graph.nodes[i] for i in kept),
        tuple((number[a], number[b]) for a, b in edges if a in number and b in number),
        number[graph.sink],
    )


def _pick(values: Sequence[T], rng: np.random.Generator) -> T:
    return values[int(rng.integers(len(values)))]
