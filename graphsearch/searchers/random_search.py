"""Random search: graphs of the initial distribution, none twice."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphsearch.records.trials import Proposal, TrialRecord
from graphsearch.searchers._random import rng_for
from graphsearch.searchers.options import read_options
from graphsearch.space import Distribution, Space, Trace

__all__ = ["RandomSearcher", "make"]

TRIES = 512
PAGE = 64


class RandomSearcher:
    """Samples the initial distribution and proposes what is new.

    After 512 draws in a row that brought nothing new it proposes fewer than asked, which ends the
    search: in a small space everything likely has been tried then.
    """

    name = "random"

    def __init__(self, space: Space, *, seed: int = 0) -> None:
        self._distribution = Distribution(space)
        self._seed = seed
        self._draws = 0
        self._page: list[Trace] = []
        self._page_number = -1
        self._known: set[str] = set()

    def ask(self, k: int) -> Sequence[Proposal]:
        """`k` new graphs, or as many as are found."""
        proposals: list[Proposal] = []
        tries = 0
        while len(proposals) < k and tries < TRIES:
            trace = self._next()
            tries += 1
            if trace.graph.key not in self._known:
                self._known.add(trace.graph.key)
                proposals.append(Proposal(trace.graph, "sample"))
                tries = 0
        return proposals

    def _next(self) -> Trace:
        """The next draw; a page of draws takes little longer than one."""
        number, row = divmod(self._draws, PAGE)
        if number != self._page_number:
            self._page = self._distribution.sample_many(rng_for(self._seed, number), PAGE)
            self._page_number = number
        self._draws += 1
        return self._page[row]

    def tell(self, trials: Sequence[TrialRecord]) -> None:
        """Remember graphs that others proposed; scores change nothing."""
        self._known.update(trial.proposal.graph.key for trial in trials)


def make(
    space: Space, *, seed: int, options: Mapping[str, Any], folder: Path | None = None
) -> RandomSearcher:
    """From options: there are none."""
    del folder
    read_options("searcher random", options)
    return RandomSearcher(space, seed=seed)
