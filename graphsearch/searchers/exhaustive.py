"""Exhaustive search: every graph of a small space, cheapest first."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphsearch.graph import CollaborationGraph
from graphsearch.records.trials import Proposal, TrialRecord
from graphsearch.searchers.options import read_options
from graphsearch.space import Space

__all__ = ["ExhaustiveSearcher", "make"]

LIMIT = 20_000


class ExhaustiveSearcher:
    """Proposes each graph of the space once, isomorphic ones taken as one."""

    name = "exhaustive"

    def __init__(self, space: Space, *, limit: int = LIMIT) -> None:
        """Lists the space.

        Raises:
            BudgetRefused: it has more than `limit` graphs.
        """
        self._graphs: list[CollaborationGraph] = space.graphs(limit)
        self._next = 0

    def __len__(self) -> int:
        return len(self._graphs)

    @property
    def opening(self) -> Sequence[CollaborationGraph]:
        """All graphs of the space."""
        return tuple(self._graphs)

    def ask(self, k: int) -> Sequence[Proposal]:
        """The next `k` graphs; none when all were proposed."""
        graphs = self._graphs[self._next : self._next + k]
        self._next += len(graphs)
        return [Proposal(graph, "grid") for graph in graphs]

    def tell(self, trials: Sequence[TrialRecord]) -> None:
        """Scores change nothing."""


def make(
    space: Space, *, seed: int, options: Mapping[str, Any], folder: Path | None = None
) -> ExhaustiveSearcher:
    """From options: `limit`, the most graphs to list (20,000)."""
    del seed, folder  # the order is the same always
    chosen = read_options("searcher exhaustive", options, limit=LIMIT)
    return ExhaustiveSearcher(space, limit=chosen["limit"])
