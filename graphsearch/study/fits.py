"""Fitted parts of graphs: worked out on calibration questions once, kept, and used unchanged."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphsearch.calls import digest
from graphsearch.errors import StudyStopped
from graphsearch.fits import Fit
from graphsearch.ledger import Spend
from graphsearch.tasks import Item

if TYPE_CHECKING:
    from graphsearch.execution import Executor
    from graphsearch.graph import CollaborationGraph
    from graphsearch.ledger import Ledger
    from graphsearch.store import Store

__all__ = ["ACCOUNT", "Fits"]

ACCOUNT = "search"
"""Calibration is part of the search: its items, its draws, its spend."""


class Fits:
    """The fits of a study.

    Args:
        executor: works them out, and uses them.
        store: keeps them.
        ledger: says what is covered.
        items: calibration questions, of the search split.
    """

    def __init__(
        self, executor: "Executor", store: "Store", ledger: "Ledger", items: Sequence[Item]
    ) -> None:
        self._executor = executor
        self._store = store
        self._ledger = ledger
        self._items = tuple(items)

    def of(self, graph: "CollaborationGraph") -> Fit | None:
        """What was fitted for a graph, None when it was not, or has no such parts."""
        return self._executor.get_fit(graph)

    def recall(self, graphs: "Sequence[CollaborationGraph]") -> "list[CollaborationGraph]":
        """Use what is in the store; the graphs that are still to be fitted."""
        missing = []
        for graph in graphs:
            if not self._executor.needs_fit(graph):
                continue
            kept = self._store.get_checkpoint(_name(graph))
            if kept is None:
                missing.append(graph)
            else:
                self._executor.set_fit(graph, Fit.from_json(kept))
        return missing

    async def ensure(self, name: str, graphs: "Sequence[CollaborationGraph]") -> bool:
        """Fit what is still to be fitted; False when the budget does not cover that.

        One graph after the other: graphs share most calls, so what the first has paid leaves room
        for the worst case of the next.

        Args:
            name: of the block that the graphs are to run, for the record of the admission.
            graphs: any graphs.

        Raises:
            StudyStopped: calls failed on all calibration questions.
        """
        for graph in self.recall(graphs):
            if not self._admitted(f"admission/{name}/{_name(graph)}", graph):
                return False
            fit = await self._fit(graph)
            self._store.put_checkpoint(_name(graph), fit.to_json())
        return True

    def _admitted(self, name: str, graph: "CollaborationGraph") -> bool:
        decided = self._store.get_checkpoint(name)
        if decided is None:
            decided = {"covered": self._covered(graph)}
            self._store.put_checkpoint(name, decided)
        return bool(decided["covered"])

    def _covered(self, graph: "CollaborationGraph") -> bool:
        worst = Spend.total(self._executor.worst_fit(graph, item) for item in self._items)
        return self._ledger.would_cover(worst, ACCOUNT)

    async def _fit(self, graph: "CollaborationGraph") -> Fit:
        fit = await self._executor.fit(graph, self._items, stream="search", account=ACCOUNT)
        if fit is None:
            cause = self._executor.down or "every call failed, or the budget was reached"
            raise StudyStopped(
                f"the parts of {graph.describe()} could not be fitted: of its "
                f"{len(self._items)} calibration questions none was answered ({cause}); all "
                "finished calls are kept: mend the cause, then resume"
            )
        return fit


def _name(graph: "CollaborationGraph") -> str:
    return f"fit/{digest(graph.key)}"
