"""Fitted parts of graphs: worked out on calibration questions once, kept, and used unchanged."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from graphsearch.ledger import Spend
from graphsearch.records.calls import digest
from graphsearch.records.errors import StudyStopped
from graphsearch.records.fits import Fit
from graphsearch.records.tasks import Item
from graphsearch.records.trials import ItemResult
from graphsearch.study.decisions import Decisions
from graphsearch.study.failures import Failures, check_endpoints
from graphsearch.study.tally import Tally

if TYPE_CHECKING:
    from graphsearch.execution import Executor
    from graphsearch.graph import CollaborationGraph
    from graphsearch.ledger import Ledger

__all__ = ["Calibration"]

_ACCOUNT = "search"
"""Calibration is part of the search: its items, its draws, its spend."""


class Calibration:
    """Has the fitted parts of a study's graphs worked out, keeps them, and uses them again.

    Args:
        executor: works them out, and uses them.
        ledger: says what is covered.
        decisions: keeps them.
        items: calibration questions, of the search split.
        failures: of the study; those of calibration questions count among them.
    """

    def __init__(
        self,
        executor: "Executor",
        ledger: "Ledger",
        decisions: Decisions,
        *,
        items: Sequence[Item],
        failures: Failures,
    ) -> None:
        self._executor = executor
        self._ledger = ledger
        self._decisions = decisions
        self.items = tuple(items)
        self._failures = failures
        self._failed: dict[str, tuple[ItemResult, ...]] = {}

    def of(self, graph: "CollaborationGraph") -> Fit | None:
        """What was fitted for a graph, None when it was not, or has no such parts."""
        return self._executor.get_fit(graph)

    def missing(self, graphs: "Sequence[CollaborationGraph]") -> "list[CollaborationGraph]":
        """The graphs that are still to be fitted; fits that were kept are used from now on."""
        missing = []
        for graph in graphs:
            if not self._executor.needs_fit(graph):
                continue
            kept = self._decisions.made(_name(graph))
            if kept is None:
                missing.append(graph)
                continue
            failed = [ItemResult.from_json(one) for one in kept.get("failed", ())]
            self._use(graph, Fit.from_json(kept), failed)
            self._failures.count(len(self.items), failed)
        return missing

    def added_to(self, tally: Tally, graphs: "Sequence[CollaborationGraph]") -> Tally:
        """A study's tally and what calibration of these graphs asked for and lost.

        That is kept with each fit and added once, at the end, because a resumed study finds fits
        that the tally it goes on with may or may not have known.
        """
        whole = Tally.from_json(tally.to_json())
        self.missing(graphs)
        for graph in graphs:
            fit = self.of(graph)
            if fit is not None:
                whole.count(_ACCOUNT, self._failed.get(graph.key, ()))
                whole.asked[_ACCOUNT] += fit.calls
        return whole

    async def ready(
        self, name: str, graphs: "Sequence[CollaborationGraph]", *, together: bool = False
    ) -> "list[CollaborationGraph]":
        """Those of the graphs that have what they need to run, fitted now where it is covered.

        One graph after the other: graphs share most calls, so what the first has paid leaves room
        for the worst case of the next.

        Args:
            name: of the block that the graphs are to run, for the record of the admission.
            graphs: any graphs.
            together: the graphs run all or not at all, so the first that is not covered ends it.

        Raises:
            StudyStopped: too many calibration questions failed for reasons of the infrastructure.
                Nothing is kept of such a fit but its calls, so a resumed study asks again what
                was not answered.
        """
        missing = {graph.key for graph in self.missing(graphs)}
        found = []
        for graph in graphs:
            if graph.key in missing:
                admission = await self._decisions.once(
                    f"admission/{name}/{_name(graph)}", partial(self._covered, graph)
                )
                if not admission["covered"]:
                    if together:
                        break
                    continue
                await self._fit(graph)
            found.append(graph)
        return found

    def _covered(self, graph: "CollaborationGraph") -> dict[str, bool]:
        worst = Spend.total(self._executor.worst_fit(graph, item) for item in self.items)
        return {"covered": self._ledger.would_cover(worst, _ACCOUNT)}

    async def _fit(self, graph: "CollaborationGraph") -> None:
        """Keep a fit if enough questions were answered: it is never looked at again."""
        run = await self._executor.fit(graph, self.items, stream="search", account=_ACCOUNT)
        mine = Failures(self._failures.allowed, few=1)
        for failures in (mine, self._failures):
            failures.count(len(self.items), run.failed)
        self._failures.tell()
        check_endpoints(self._executor.down)
        mine.check(f"the parts of {graph.describe()} could not be fitted: ")
        self._failures.check()
        if run.fit is None:
            raise StudyStopped(f"{graph.describe()} has fitted parts, and there is no question")
        lost = {"failed": [result.to_json() for result in run.failed]} if run.failed else {}
        self._decisions.put({_name(graph): {**run.fit.to_json(), **lost}})
        self._use(graph, run.fit, run.failed)

    def _use(self, graph: "CollaborationGraph", fit: Fit, failed: "Sequence[ItemResult]") -> None:
        self._executor.set_fit(graph, fit)
        self._failed[graph.key] = tuple(failed)


def _name(graph: "CollaborationGraph") -> str:
    return f"fit/{digest(graph.key)}"
