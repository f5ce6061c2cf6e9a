"""Everything that was tried, by graph: each item counts once, however often it was run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graphsearch import stats
from graphsearch.records.events import Best
from graphsearch.records.trials import ItemResult, TrialRecord

if TYPE_CHECKING:
    from graphsearch.graph import CollaborationGraph

__all__ = ["Archive", "Entry"]


@dataclass(slots=True)
class Entry:
    """One graph and all its results on the search split.

    Attributes:
        graph: as first proposed, canonical.
        origin, round, trial: of the first trial.
        expected_cost: of one question, in the graph budget's currency.
        results: by item id.
        trials: numbers of all its trials.
    """

    graph: "CollaborationGraph"
    origin: str
    round: int
    trial: int
    expected_cost: float
    results: dict[str, ItemResult] = field(default_factory=dict)
    trials: list[int] = field(default_factory=list)
    _estimates: dict[float, stats.Estimate] = field(default_factory=dict)

    def estimate(self, level: float) -> stats.Estimate:
        """Pooled mean with its interval."""
        if level not in self._estimates:
            graded = [r for r in self.results.values() if r.score is not None]
            scores = [r.score for r in graded if r.score is not None]
            groups = [r.group for r in graded]
            self._estimates[level] = stats.mean_estimate(scores, groups, level=level)
        return self._estimates[level]

    def add(self, number: int, results: Iterable[ItemResult]) -> None:
        """Take in the results of one more trial."""
        self.trials.append(number)
        for result in results:
            if result.score is not None or result.item not in self.results:
                self.results[result.item] = result
        self._estimates.clear()


class Archive:
    """Graphs by canonical key, in the order they were first tried.

    Args:
        level: level of the intervals that `ranking` compares by.
    """

    def __init__(self, level: float = 0.95) -> None:
        self._level = level
        self._entries: dict[str, Entry] = {}
        self._ranking: list[Entry] | None = None

    @property
    def entries(self) -> Mapping[str, Entry]:
        """All graphs tried so far."""
        return self._entries

    def add(self, record: TrialRecord) -> None:
        """Take in a finished trial; a reused one brings no new results but is noted."""
        key = record.proposal.graph.key
        if key not in self._entries:
            self._entries[key] = Entry(
                record.proposal.graph.canonical(),
                record.proposal.origin,
                record.round,
                record.number,
                record.expected_cost,
            )
        self._entries[key].add(record.number, record.results)
        self._ranking = None

    def known(self, key: str, item: str) -> ItemResult | None:
        """The graph's result on an item when it was graded before."""
        entry = self._entries.get(key)
        result = entry.results.get(item) if entry else None
        return result if result is not None and result.score is not None else None

    def best(self) -> Entry | None:
        """The first of the ranking, None before any score."""
        ranking = self.ranking()
        return ranking[0] if ranking else None

    def leader(self) -> Best | None:
        """`best`, as events carry it."""
        entry = self.best()
        if entry is None:
            return None
        estimate, graph = entry.estimate(self._level), entry.graph
        return Best(
            graph.key,
            graph.describe(),
            estimate.mean,
            estimate.interval,
            estimate.n,
            entry.expected_cost,
        )

    def ranking(self) -> list[Entry]:
        """Graphs with a score, best lower bound first; ties to the cheaper, then by key."""
        if self._ranking is None:
            scored = [e for e in self._entries.values() if e.estimate(self._level).n]
            scored.sort(key=lambda e: (-e.estimate(self._level).low, e.expected_cost, e.graph.key))
            self._ranking = scored
        return list(self._ranking)
