"""Small changes of a graph, and plain graphs to begin with."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, product
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
        changed = _changed(graph, space, rng)
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
            # On the dearest two models that fit beside it: copies of one may never disagree.
            pairs = (
                CollaborationGraph.star([Node(root, a), Node(root, b)], last)
                for a, b in combinations([m for m in models if m != sink.model], 2)
            )
            gated += [pair for pair in pairs if space.why_not(pair) is None][:1]
            continue
        lone = CollaborationGraph((last,), (), 0)
        if sink.allows(0) and space.why_not(lone) is None:
            alone.append(lone)
        # A reader smaller than what it reads is no plain choice.
        sources = [m for m in models if sink.model is None or price(m) <= price(sink.model)]
        widest = []
        for model in sources:
            wide = (
                CollaborationGraph.star([Node(root, model)] * count, last)
                for count in range(space.slots, 0, -1)
            )
            widest += [graph for graph in wide if space.why_not(graph) is None][:1]
        if sink.model is None:
            combined.append(widest)
        else:
            read += widest
    alone.sort(key=space.cost.graph, reverse=True)
    read.sort(key=space.cost.graph, reverse=True)
    # Gates of the dearest models first, a second rule of a model after the first of all.
    seen: Counter[str | None] = Counter()
    turns: list[tuple[int, int]] = []
    for place, graph in enumerate(gated):
        reader = graph.nodes[graph.sink].model
        turns.append((seen[reader], place))
        seen[reader] += 1
    kinds = [alone, *combined, read, [gated[place] for _, place in sorted(turns)]]
    longest = max(map(len, kinds))
    return [kind[i] for i in range(longest) for kind in kinds if i < len(kind)]


_CHANGES = (
    *("other model", "other role", "other sink", "more nodes", "more nodes"),
    *("fewer nodes", "more edges", "fewer edges"),
)


def _changed(
    graph: CollaborationGraph, space: Space, rng: np.random.Generator
) -> CollaborationGraph | None:
    """A graph with one change of a random kind; None where that kind does not apply."""
    nodes, edges, sink = graph.nodes, graph.edges, graph.sink
    kind = _CHANGES[int(rng.integers(len(_CHANGES)))]
    i = sink
    if kind in ("other model", "other role", "fewer nodes"):
        if len(nodes) < 2:
            return None
        i = int(rng.integers(len(nodes) - 1))
        i += i >= sink  # any node but the sink
    match kind:
        case "other model" | "other role" | "other sink":
            now, degree = nodes[i], graph.in_degree(i)
            if kind == "other model":
                others = [Node(now.role, model) for model in space.models]
            elif kind == "other role":
                fitting = (role for role in space.role_options if role.allows(degree))
                others = [Node(role.name, now.model) for role in fitting]
            else:
                others = [Node(s.role, s.model) for s in space.sinks if s.allows(degree)]
            others = [node for node in others if node != now]
            if not others:
                return None
            return replace(graph, nodes=(*nodes[:i], _pick(others, rng), *nodes[i + 1 :]))
        case "more nodes":
            # One root more, which feeds the sink or another node; often the twin of a node.
            roots = [r.name for r in space.role_options if r.allows(0)]
            if len(graph) > space.slots or not roots:
                return None
            there = [node.model for k, node in enumerate(nodes) if k != sink]
            models: Sequence[str | None] = there if there and rng.random() < 0.5 else space.models
            target = sink if rng.random() < 0.7 else int(rng.integers(len(nodes)))
            root = Node(roots[0], _pick(models, rng))
            return CollaborationGraph((*nodes, root), (*edges, (len(nodes), target)), sink)
        case "fewer nodes":
            return _pruned(graph, {edge for edge in edges if i not in edge})
        case "more edges":
            order = {node: place for place, node in enumerate(graph.topological())}
            every = product(range(len(nodes)), repeat=2)
            missing = [(a, b) for a, b in every if order[a] < order[b] and (a, b) not in edges]
            return replace(graph, edges=(*edges, _pick(missing, rng))) if missing else None
        case _:
            if not edges:
                return None
            gone = _pick(edges, rng)
            return _pruned(graph, {edge for edge in edges if edge != gone})


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
