"""Runs graphs on blocks of items: admits what the budget covers, counts what was asked for."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from graphsearch.ledger import Spend
from graphsearch.records.tasks import Item
from graphsearch.records.trials import Failure, ItemResult
from graphsearch.study.calibration import Calibration
from graphsearch.study.failures import Failures, check_endpoints
from graphsearch.study.lengths import LengthTally
from graphsearch.study.losses import Loss, Losses

if TYPE_CHECKING:
    from graphsearch.execution import Executor, GraphRun
    from graphsearch.graph import CollaborationGraph
    from graphsearch.ledger import Ledger
    from graphsearch.store import Store

__all__ = ["Known", "Part", "Runner", "Tally", "to_result"]

Known = Callable[[str, str], ItemResult | None]
"""A graph's result on an item that needs no run: (graph key, item id) -> result."""


@dataclass(slots=True)
class Tally:
    """Counts that a study keeps besides the journal, because the journal holds shared calls once.

    Attributes:
        asked: account -> calls, a shared call counted for every graph that used it.
        outcomes: account -> outcome -> answers of graphs.
        losses: the questions that were not evaluated.
    """

    asked: Counter[str] = field(default_factory=Counter)
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    losses: Losses = field(default_factory=Losses)

    def count(self, account: str, results: Iterable[ItemResult]) -> None:
        """Take in results that were run (not those known before)."""
        ended = self.outcomes.setdefault(account, Counter())
        for result in results:
            self.asked[account] += sum(usage.calls for usage in result.usage.values())
            ended[result.outcome.value] += 1
            self.losses.take(result)

    def to_json(self) -> dict[str, Any]:
        """All counts, names sorted; losses only where there were any."""
        outcomes = {name: dict(sorted(c.items())) for name, c in sorted(self.outcomes.items())}
        counts = {"asked": dict(sorted(self.asked.items())), "outcomes": outcomes}
        lost = self.losses.to_json()
        return counts | {"losses": lost} if lost else counts

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Tally":
        """The counts that `to_json` wrote."""
        outcomes = {name: Counter(counts) for name, counts in values["outcomes"].items()}
        losses = Losses(map(Loss.from_json, values.get("losses", ())))
        return cls(Counter(values["asked"]), outcomes, losses)


class Part(NamedTuple):
    """Items of a block that the budget covers, under the name of their admission."""

    name: str
    items: Sequence[Item]


class Runner:
    """One way to run a block, for search, selection, test and baselines alike.

    Args:
        executor: runs one graph.
        store: keeps admissions.
        ledger: says what is covered.
        infra_share: share of infrastructure failures above which the study stops.
        calibration: questions on which fitted parts of graphs are worked out.
        lost: hears of each question that a model could not be evaluated on, once.

    Attributes:
        calibration: fits the parts of graphs that must be, and knows what was fitted.
    """

    def __init__(
        self,
        executor: "Executor",
        store: "Store",
        ledger: "Ledger",
        *,
        infra_share: float,
        calibration: Sequence[Item] = (),
        lost: Callable[[Loss], None] | None = None,
    ) -> None:
        self._failures = Failures(infra_share, lost=lost)
        self.calibration = Calibration(
            executor, store, ledger, items=calibration, failures=self._failures
        )
        self._executor = executor
        self._store = store
        self._ledger = ledger
        self.tally = Tally()
        self.lengths = LengthTally()
        """Tokens of the calls that graphs of the search made."""
        self.runs: dict[tuple[str, str], GraphRun] = {}
        """Runs of the latest block, by (graph key, item id): the transcripts."""

    async def block(
        self,
        name: str,
        graphs: "Sequence[CollaborationGraph]",
        items: Sequence[Item],
        *,
        stream: str,
        account: str,
        known: Known | None = None,
    ) -> list[list[ItemResult]]:
        """Run every graph on the same items, as many of them as the budget covers.

        Args:
            name: names the admission in the store; a block of the same name in a resumed study is
                admitted as it was the first time.
            graphs: different graphs.
            items: items of the block; the end of the budget may cut some off.
            stream: stream of draws.
            account: account to book to.
            known: results that need no run.

        Returns:
            One list of results a graph, all on the same items in the same order.

        Raises:
            StudyStopped: too many failures of the infrastructure.
        """
        found: list[list[ItemResult]] = [[] for _ in graphs]
        self.runs.clear()
        if not await self.calibration.ensure(name, graphs):
            return found
        for part in self.admitted(name, graphs, items, account=account, known=known):
            results = await self.run(part, graphs, stream=stream, account=account, known=known)
            for whole, more in zip(found, results, strict=True):
                whole.extend(more)
        return found

    async def fitting(
        self,
        name: str,
        graphs: "Sequence[CollaborationGraph]",
        item: Item,
        *,
        account: str,
        known: Known | None = None,
    ) -> "list[CollaborationGraph]":
        """Those of the graphs, in order, that the budget covers together on one question at worst.

        Their fitted parts are worked out first. Decided once, as an admission.

        Args:
            name: of the block that they are to run.
            graphs: different graphs.
            item: the question.
            account: account to book to.
            known: results that need no run.
        """
        ready = await self.calibration.ready(name, graphs)
        kept = self._store.get_checkpoint(f"fitting/{name}")
        if kept is None:
            kept = {"keys": self._together(ready, item, account, known)}
            self._store.put_checkpoint(f"fitting/{name}", kept)
        return [graph for graph in ready if graph.key in kept["keys"]]

    def _together(
        self,
        graphs: "Sequence[CollaborationGraph]",
        item: Item,
        account: str,
        known: Known | None,
    ) -> list[str]:
        total, keys = Spend.total([]), []
        for graph in graphs:
            more = total
            if known is None or known(graph.key, item.id) is None:
                more = Spend.total([total, self._executor.worst_case(graph, item)])
            if self._ledger.would_cover(more, account):
                total = more
                keys.append(graph.key)
        return keys

    def admitted(
        self,
        name: str,
        graphs: "Sequence[CollaborationGraph]",
        items: Sequence[Item],
        *,
        account: str,
        known: Known | None = None,
        derived: "Sequence[CollaborationGraph]" = (),
    ) -> "Iterator[Part]":
        """Parts of a block that the budget covers, each to be run before the next is asked for.

        What a part really used is mostly far below its worst case, so the rest of a block that
        was not covered at first is covered when the part is paid; only then does it end.

        Args:
            name: names the admissions in the store.
            graphs: different graphs.
            items: items of the block.
            account: account to book to.
            known: results that need no run.
            derived: graphs of which one message more is judged, each time they are named.
        """
        number = 0
        while items:
            part = f"{name}/{number}"
            count = self.admit(part, graphs, items, account=account, known=known, derived=derived)
            if count == 0:
                return
            yield Part(part, items[:count])
            items = items[count:]
            number += 1

    async def run(
        self,
        part: Part,
        graphs: "Sequence[CollaborationGraph]",
        *,
        stream: str,
        account: str,
        known: Known | None = None,
    ) -> list[list[ItemResult]]:
        """Run every graph on the items of a part; the rest as for `block`.

        What failed for a reason of the infrastructure is written down when the part has ended, and
        is not asked again by a resumed study: what followed was built on it, the winner perhaps.
        """
        self.calibration.recall(graphs)
        failed = self._failed_before(part, account)
        found = await asyncio.gather(
            *(
                self._graph(graph, part.items, stream, account, _first_of(failed, known))
                for graph in graphs
            )
        )
        self._failures.tell()
        check_endpoints(self._executor)
        self._failures.check()
        self._keep_failed(part, account, graphs, found)
        return list(found)

    def _failed_before(self, part: Part, account: str) -> dict[tuple[str, str], ItemResult]:
        """What failed when this part was first run, by (graph key, item id); it counts as run."""
        kept = self._store.get_checkpoint(_failures_of(part, account)) or []
        failed = {(key, one["item"]): ItemResult.from_json(one) for key, one in kept}
        self._count(account, failed.values())
        return failed

    def _keep_failed(
        self,
        part: Part,
        account: str,
        graphs: "Sequence[CollaborationGraph]",
        found: Sequence[Sequence[ItemResult]],
    ) -> None:
        failed = [
            (graph.key, result.to_json())
            for graph, results in zip(graphs, found, strict=True)
            for result in results
            if result.score is None
        ]
        if failed:
            self._store.put_checkpoint(_failures_of(part, account), failed)

    def _count(self, account: str, results: Collection[ItemResult]) -> None:
        self.tally.count(account, results)
        self._failures.count(len(results), [one for one in results if one.score is None])

    def admit(
        self,
        name: str,
        graphs: "Sequence[CollaborationGraph]",
        items: Sequence[Item],
        *,
        account: str,
        known: Known | None = None,
        derived: "Sequence[CollaborationGraph]" = (),
    ) -> int:
        """How many of the items, from the front, the budget covers at worst; decided once."""
        decided = self._store.get_checkpoint(f"admission/{name}")
        if decided is None:
            decided = {"items": self._covered(graphs, items, account, known, derived)}
            self._store.put_checkpoint(f"admission/{name}", decided)
        return min(int(decided["items"]), len(items))

    def _covered(
        self,
        graphs: "Sequence[CollaborationGraph]",
        items: Sequence[Item],
        account: str,
        known: Known | None,
        derived: "Sequence[CollaborationGraph]",
    ) -> int:
        total = Spend.total([])
        for count, item in enumerate(items):
            worst = [
                self._executor.worst_case(graph, item)
                for graph in graphs
                if known is None or known(graph.key, item.id) is None
            ]
            worst += [self._executor.worst_verdict(graph, item) for graph in derived]
            total = Spend.total([total, *worst])
            if not self._ledger.would_cover(total, account):
                return count
        return len(items)

    async def _graph(
        self,
        graph: "CollaborationGraph",
        items: Sequence[Item],
        stream: str,
        account: str,
        known: Known | None,
    ) -> list[ItemResult]:
        found = {item.id: known(graph.key, item.id) if known else None for item in items}
        missing = [item for item in items if found[item.id] is None]
        runs = await self._executor.run(graph, missing, stream=stream, account=account)
        fresh = {}
        for item, run in zip(missing, runs, strict=True):
            fresh[item.id] = to_result(run, item)
            self.runs[graph.key, item.id] = run
            if account == "search":
                self.lengths.add(graph, run, self._executor.roles)
        self._count(account, fresh.values())
        return [found[item.id] or fresh[item.id] for item in items]


def _failures_of(part: Part, account: str) -> str:
    return f"failed/{part.name}/{account}"


def _first_of(found: Mapping[tuple[str, str], ItemResult], known: Known | None) -> Known:
    def look(key: str, item: str) -> ItemResult | None:
        return found.get((key, item)) or (known(key, item) if known else None)

    return look


def to_result(run: "GraphRun", item: Item) -> ItemResult:
    """The record of one graph on one item."""
    verdict = run.verdict
    return ItemResult(
        item=item.id,
        score=None if verdict is None else verdict.score,
        outcome=run.outcome,
        usage=run.usage,
        cost=run.price.floats(),
        group=item.group,
        answer=None if verdict is None else verdict.parsed,
        failure=_failure(run) if verdict is None else None,
    )


def _failure(run: "GraphRun") -> Failure | None:
    if run.error is None:
        return None
    culprit = run.culprit
    return Failure(None if culprit is None else culprit.model, run.error, run.lasts)
