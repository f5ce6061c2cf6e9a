"""The best and the worst graphs so far."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from graphsearch.graph import CollaborationGraph
from graphsearch.records.trials import TrialRecord
from graphsearch.stats import wilson

__all__ = ["Entry", "Leaderboard"]

BEST = 12
WORST = 6


@dataclass(frozen=True)
class Entry:
    """A graph and what it scored, over all trials the searcher was told of.

    Attributes:
        graph: the graph.
        cost: expected cost of a question.
        total: sum of scores.
        n: graded items.
    """

    graph: CollaborationGraph
    cost: float
    total: float = 0.0
    n: int = 0

    @property
    def mean(self) -> float:
        """Mean score."""
        return self.total / self.n

    @cached_property
    def interval(self) -> tuple[float, float]:
        """Wilson interval of the mean, 95 %."""
        return wilson(self.total, self.n)

    def shown(self) -> dict[str, Any]:
        """What an agent sees of it."""
        graph = self.graph
        sink = graph.nodes[graph.sink]
        low, high = self.interval
        return {
            "graph": graph.describe(),
            **graph.to_json(),
            "sink_name": str(sink),
            "sink_model": sink.model,
            "sink_parents": graph.in_degree(graph.sink),
            "width": graph.width,
            "depth": graph.depth,
            "mean": round(self.mean, 4),
            "interval": [round(low, 4), round(high, 4)],
            "n": self.n,
            "cost": self.cost,
        }

    def with_scores(self, scores: Sequence[float]) -> "Entry":
        """The entry with more scores."""
        return replace(self, total=self.total + sum(scores), n=self.n + len(scores))


class Leaderboard:
    """The twelve best graphs by the lower end of their interval, the six worst by the upper end.

    Bounded, so that what an agent is shown stays short; the study's own archive keeps all trials.
    """

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, trials: Sequence[TrialRecord]) -> None:
        """Pool the trials with what is known of their graphs; forget the middle."""
        for trial in trials:
            scores = [r.score for r in trial.results if r.score is not None]
            key = trial.proposal.graph.key
            if not scores or (trial.reused and key in self._entries):
                continue
            entry = self._entries.get(key) or Entry(trial.proposal.graph, trial.expected_cost)
            self._entries[key] = entry.with_scores(scores)
        kept = {id(entry) for entry in (*self.best(), *self.worst())}
        self._entries = {k: e for k, e in self._entries.items() if id(e) in kept}

    def best(self, count: int = BEST) -> list[Entry]:
        """The best ones, best first."""
        return sorted(self._entries.values(), key=lambda e: -e.interval[0])[:count]

    def worst(self, count: int = WORST) -> list[Entry]:
        """The worst ones, worst first."""
        return sorted(self._entries.values(), key=lambda e: e.interval[1])[:count]
