"""A study in small: a searcher and perhaps an agent on a landscape, without any model."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from graphsearch.graph import CollaborationGraph
from graphsearch.records.trials import Proposal, TrialRecord
from graphsearch.searchers.base import Advice, Advisable, AgentView, Searcher
from graphsearch.space import Space
from graphsearch.stats import wilson
from graphsearch.testing.landscape import POOL, Landscape

__all__ = ["Simulation", "simulate"]


@dataclass(frozen=True, slots=True)
class Simulation:
    """How a search went.

    Attributes:
        trials: all trials.
        chosen: after each round, the true accuracy of the graph with the best lower bound so far.
        best: after each round, the true accuracy of the best graph tried so far.
        winner: the graph that did best in the final.
    """

    trials: tuple[TrialRecord, ...]
    chosen: tuple[float, ...]
    best: tuple[float, ...]
    winner: CollaborationGraph


def simulate(
    searcher: Searcher,
    landscape: Landscape,
    space: Space,
    *,
    rounds: int = 12,
    per_round: int = 8,
    items: int = 32,
    incumbents: int = 2,
    finalists: int = 4,
    final_items: int = 256,
    agent: Callable[[AgentView], Advice | None] | None = None,
) -> Simulation:
    """Run `rounds` rounds of `per_round` graphs on `items` items each.

    A round's graphs share their items; the next round has others. As in a study, the `incumbents`
    graphs that lead so far run on each round's items too, and at the end the `finalists` with the
    best lower bounds meet on `final_items` fresh items. The searcher is told of its own proposals
    only.
    """
    trials: list[TrialRecord] = []
    pooled: dict[str, tuple[CollaborationGraph, float, int]] = {}
    chosen: list[float] = []
    best: list[float] = []
    for round_ in range(rounds):
        leaders = _leaders(pooled)[:incumbents]
        proposals = searcher.ask(per_round)
        if not proposals:
            break
        window = [(round_ * items + i) % POOL for i in range(items)]
        told = [
            landscape.trial(p, len(trials) + i, round_, window, space.cost.graph(p.graph))
            for i, p in enumerate(proposals)
        ]
        searcher.tell(told)
        if agent is not None and isinstance(searcher, Advisable):
            searcher.take_advice(agent(searcher.view({})))
        trials += told
        again = [Proposal(graph, "incumbent") for graph in leaders]
        fresh = {p.graph.key for p in proposals}
        again = [p for p in again if p.graph.key not in fresh]
        _pool(pooled, told)
        _pool(pooled, [landscape.trial(p, -1, round_, window, 0.0) for p in again])
        chosen.append(landscape.accuracy(_leaders(pooled)[0]))
        best.append(float(np.max([landscape.accuracy(entry[0]) for entry in pooled.values()])))
    fresh_items = [POOL - 1 - i for i in range(final_items)]

    def right(graph: CollaborationGraph) -> float:
        return sum(result.score or 0.0 for result in landscape.measure(graph, fresh_items))

    winner = max(_leaders(pooled)[:finalists], key=right)
    return Simulation(tuple(trials), tuple(chosen), tuple(best), winner)


def _leaders(pooled: dict[str, tuple[CollaborationGraph, float, int]]) -> list[CollaborationGraph]:
    ranked = sorted(pooled.values(), key=lambda entry: -wilson(entry[1], entry[2])[0])
    return [graph for graph, _, _ in ranked]


def _pool(
    pooled: dict[str, tuple[CollaborationGraph, float, int]], told: list[TrialRecord]
) -> None:
    for trial in told:
        graph = trial.proposal.graph
        _, total, n = pooled.get(graph.key, (graph, 0.0, 0))
        scores = [r.score for r in trial.results if r.score is not None]
        pooled[graph.key] = (graph, total + sum(scores), n + len(scores))
