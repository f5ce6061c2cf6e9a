"""Advice: how it is taken in, and how it is checked afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphsearch.graph import CollaborationGraph
from graphsearch.searchers.base import Advice
from graphsearch.searchers.policy import Policy, Vector
from graphsearch.searchers.trust import Trust

__all__ = ["Words"]

LEAST_PAIRS = 6
MOST_OPEN = 8


@dataclass(slots=True)
class _Open:
    """Advice that waits to be checked: its direction, and (advantage, pull) of graphs since."""

    edits: dict[str, float]
    pairs: list[list[float]] = field(default_factory=list)


class Words:
    """What the agent said and what came of it.

    An edit vector e is a direction in logit space. For a graph tried after the advice let
    `u = e . d log p(graph) / d logits`: how much the advice favours that graph. If the advice is
    right, graphs with larger u do better; the correlation r of u with the advantages of the next
    six or more graphs, as `z = r * sqrt(graphs - 1)`, is the check that `Trust` learns from. It is
    the sign of the REINFORCE gradient along e, so it also works for advice that was not followed. A
    graph the agent proposed is checked by its advantage over the round's other graphs, in a trust
    of its own.

    Attributes:
        edits: trust in edits.
        graphs: trust in proposed graphs.
        ignored: rounds in which the agent gave no valid advice.
        unknown: edits to names the space does not have.
    """

    def __init__(self) -> None:
        self.edits = Trust()
        self.graphs = Trust()
        self.ignored = 0
        self.unknown = 0
        self.last: dict[str, Any] | None = None
        self._open: list[_Open] = []

    def take(self, advice: Advice, policy: Policy, *, most: float) -> Vector:
        """Remember advice and return its edits as a vector, each within +-`most`."""
        edits: dict[str, float] = {}
        for edit in advice.edits:
            if edit.target in policy.index:
                edits[edit.target] = edits.get(edit.target, 0.0) + edit.delta
            else:
                self.unknown += 1
        edits = {name: float(np.clip(delta, -most, most)) for name, delta in edits.items()}
        if edits:
            self._open = [*self._open, _Open(edits)][-MOST_OPEN:]
        self.last = {
            "summary": advice.summary,
            "edits": {name: round(delta, 3) for name, delta in edits.items()},
            "graphs": [graph.describe() for graph in advice.graphs],
            "trust": round(self.edits.value, 3),
            "measured": None,
        }
        return policy.vector(edits)

    def waiting(self, policy: Policy) -> list[Vector]:
        """Directions of the advice not checked yet."""
        return [policy.vector(entry.edits) for entry in self._open]

    def check(self, advantages: Vector, pulls: Sequence[Vector]) -> None:
        """Learn from a round: `pulls` holds u of each graph, one array per `waiting` direction."""
        left: list[_Open] = []
        for entry, pull in zip(self._open, pulls, strict=True):
            entry.pairs += [[float(a), float(u)] for a, u in zip(advantages, pull, strict=True)]
            if len(entry.pairs) < LEAST_PAIRS:
                left.append(entry)
                continue
            # r * sqrt(n - 1), which is standard normal where the two columns have no bond.
            columns = np.array(entry.pairs)
            gains, pulled = (columns - columns.mean(axis=0)).T
            size = float(np.sqrt((gains**2).sum() * (pulled**2).sum()))
            bond = 0.0 if size < 1e-12 else float(gains @ pulled) / size
            z = bond * float(np.sqrt(len(columns) - 1))
            helped = self.edits.check(z)
            if self.last is not None and entry is self._open[-1]:
                self.last["measured"] = {"z": round(z, 2), "helped": round(helped, 3)}
        self._open = left

    def check_graph(self, graph: CollaborationGraph, advantage: float, error: float) -> None:
        """Learn from a graph the agent proposed."""
        z = advantage / error
        helped = self.graphs.check(z)
        if self.last is not None:
            tried = self.last.setdefault("tried", {})
            tried[graph.describe()] = {"z": round(z, 2), "helped": round(helped, 3)}
