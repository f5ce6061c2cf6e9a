"""What is kept of a trial until the searcher learns from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphsearch.graph import CollaborationGraph
from graphsearch.records.trials import TrialRecord

__all__ = ["Observation", "scores_of"]


@dataclass(frozen=True)
class Observation:
    """A finished trial, cut down to what learning needs.

    Attributes:
        graph: the graph.
        origin: who proposed it.
        cost: its expected cost.
        scores: by item, graded ones only.
        trace: the decisions that made it as JSON, None where it was not drawn.
    """

    graph: CollaborationGraph
    origin: str
    cost: float
    scores: Mapping[str, float]
    trace: Mapping[str, Any] | None

    @classmethod
    def of(cls, trial: TrialRecord) -> "Observation":
        """The part of a trial that is kept."""
        return cls(
            graph=trial.proposal.graph,
            origin=trial.proposal.origin,
            cost=trial.expected_cost,
            scores={r.item: r.score for r in trial.results if r.score is not None},
            trace=trial.proposal.info.get("trace"),
        )

    @property
    def mean(self) -> float:
        """Mean score."""
        return sum(self.scores.values()) / len(self.scores)


def scores_of(told: Sequence[Observation]) -> NDArray[np.float64]:
    """Scores, shape [K, items]; nan where a graph has no score for an item.

    Graphs that share no item with another (single graphs, each on items of its own) are put on one
    column each by their mean, so that they can be compared at all.
    """
    items: dict[str, int] = {}
    for entry in told:
        for item in entry.scores:
            items.setdefault(item, len(items))
    scores = np.full((len(told), len(items)), np.nan)
    for row, entry in enumerate(told):
        for item, score in entry.scores.items():
            scores[row, items[item]] = score
    shared = ((~np.isnan(scores)).sum(axis=0) > 1).any()
    if shared or len(told) < 2:
        return scores
    return np.array([[entry.mean] for entry in told])
