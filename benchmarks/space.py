"""Graphs and distributions: draws, gradients and canonical keys, in CPU time.

Drawing at 12 slots and 4 models counts the sample, its log-probability, its cost and the graph
object; the promise is over 5,000 a second. The canonical key of a 12-node graph is promised in
under 0.2 ms on average; the graphs are what is drawn plus random ones, sparse to dense.
"""

import random
import time
from typing import Any

import numpy as np

from graphsearch.agents.roles import get_roles
from graphsearch.cost import PROFILES, CostModel
from graphsearch.graph import CollaborationGraph, Node
from graphsearch.records.models import Fleet
from graphsearch.space import Distribution, Space

DRAWS = 6000
KEYS = 1200


def measure() -> dict[str, Any]:
    """Rates a second and times in milliseconds of CPU."""
    cost = CostModel(Fleet.load("llama"), PROFILES["math"], "units", roles=get_roles("chat"))
    space = Space.build(cost, "80 units", slots=12)
    distribution = Distribution(space)
    rng = np.random.default_rng(0)
    distribution.sample_many(rng, 100)
    weights = np.ones(DRAWS)

    start = time.process_time()
    traces = distribution.sample_many(rng, DRAWS)
    drawn = sum(len(t.graph) + t.cost + t.log_prob for t in traces)
    drawing = time.process_time() - start

    start = time.process_time()
    distribution.gradients(traces, weights)
    gradient = time.process_time() - start

    start = time.process_time()
    for trace in traces[:200]:
        distribution.gradient(trace)
    alone = time.process_time() - start

    rounds = 50
    start = time.process_time()
    for _ in range(rounds):
        distribution.sample_many(rng, 8)
    eight = time.process_time() - start

    return {
        "graphs_per_s": round(DRAWS / drawing),
        "mean_nodes": round(float(np.mean([len(t.graph) for t in traces])), 2),
        "gradients_per_s": round(DRAWS / gradient),
        "gradients_one_by_one_per_s": round(200 / alone),
        "draw_of_eight_ms": round(1000 * eight / rounds, 3),
        **_keys(),
        "checked": bool(np.isfinite(drawn)),
    }


def _keys() -> dict[str, float]:
    draw = random.Random(0)
    graphs = [_random_graph(draw, density) for density in (0.1, 0.3, 0.6) for _ in range(KEYS // 3)]
    times = []
    for graph in graphs:
        start = time.process_time()
        graph.key  # noqa: B018
        times.append(time.process_time() - start)
    return {
        "key_ms_mean": round(1000 * float(np.mean(times)), 4),
        "key_ms_worst": round(1000 * max(times), 4),
        "key_ms_six_equal_chains": round(1000 * _chains(), 4),
    }


def _random_graph(draw: random.Random, density: float) -> CollaborationGraph:
    """Twelve nodes on two models, each with a child, edges at the given density."""
    n = 12
    edges = {(i, j) for j in range(n) for i in range(j) if draw.random() < density}
    feeding = {i for i, _ in edges}
    edges |= {(i, n - 1) for i in range(n - 1) if i not in feeding}
    nodes = tuple(Node("assistant", draw.choice(["s", "m"])) for _ in range(n))
    return CollaborationGraph(nodes, tuple(edges), n - 1)


def _chains() -> float:
    """The most symmetric case: six chains of two that look alike."""
    node = Node("assistant", "s")
    edges = tuple((i, i + 6) for i in range(6)) + tuple((i, 12) for i in range(6, 12))
    graph = CollaborationGraph((node,) * 13, edges, 12)
    start = time.process_time()
    graph.key  # noqa: B018
    return time.process_time() - start
