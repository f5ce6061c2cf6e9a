"""A study under way: what it is made of, where it is kept, what it may spend, where its events go.

No algorithm lives here. The phases (prepare, search, select, test, conclude) ask two things of a
run: `block` runs graphs on questions, as far as the budget covers them, and `once` decides a thing
once. A run that goes on after a stop answers both from what is on disk.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from graphsearch.ledger import Ledger, Spend
from graphsearch.records.errors import StoreError
from graphsearch.records.events import EventLog, Listener
from graphsearch.records.tasks import Item
from graphsearch.records.trials import Failure, ItemResult, TrialRecord
from graphsearch.study.budgets import limits_of
from graphsearch.study.calibration import Calibration
from graphsearch.study.decisions import Decisions, Keeper
from graphsearch.study.events import EventSink
from graphsearch.study.failures import Failures, check_endpoints
from graphsearch.study.folder import same_study
from graphsearch.study.items import arrange
from graphsearch.study.lengths import LengthTally
from graphsearch.study.race import split_losers
from graphsearch.study.tally import Tally

if TYPE_CHECKING:
    from graphsearch.execution import Executor, GraphRun
    from graphsearch.graph import CollaborationGraph
    from graphsearch.study.experiment import Experiment
    from graphsearch.study.race import Losers

__all__ = ["Block", "Known", "Part", "Run", "to_result"]

Known = Callable[[str, str], ItemResult | None]
"""A graph's result on an item that needs no run: (graph key, item id) -> result."""


class Part(NamedTuple):
    """Items of a block that the budget covers, under the name of their admission."""

    name: str
    items: Sequence[Item]


@dataclass(slots=True)
class Block:
    """What running graphs on the same items brought.

    Attributes:
        results: one list a graph, all on the same items in the same order.
        transcripts: by (graph key, item id), of what was run now.
    """

    results: list[list[ItemResult]]
    transcripts: "dict[tuple[str, str], GraphRun]" = field(default_factory=dict)

    def extend(self, more: "Block") -> None:
        """Add a block of the same graphs on further items."""
        for whole, results in zip(self.results, more.results, strict=True):
            whole.extend(results)
        self.transcripts.update(more.transcripts)


class Run:
    """One way to run a block and to decide a thing, for all phases alike.

    Args:
        experiment: what the run is made of.
        keeper: where decisions are kept.
        ledger: says what is covered.
        executor: runs one graph.
        events: where events go.
        folder: the run folder.
        losers: says who has lost a race.
        clock: seconds since the epoch.

    Attributes:
        calibration: fits the parts of graphs that must be, and knows what was fitted.
        tally: what was asked for and how it ended.
        lengths: tokens of the calls that graphs of the search made.
    """

    def __init__(
        self,
        experiment: "Experiment",
        keeper: Keeper,
        ledger: Ledger,
        executor: "Executor",
        events: EventSink,
        *,
        folder: Path,
        losers: "Losers" = split_losers,
        clock: Callable[[], float] = time.time,
    ) -> None:
        settings = experiment.settings
        pool = arrange(experiment.task.splits["search"], "search", seed=experiment.seed)
        self.experiment = experiment
        self.ledger = ledger
        self.executor = executor
        self.events = events
        self.folder = folder
        self.losers = losers
        self._clock, self._begun = clock, clock()
        self._keeper = keeper
        self._decisions = Decisions(keeper)
        self._failures = Failures(settings.infra_share, lost=events.say_loss)
        self.calibration = Calibration(
            executor,
            ledger,
            self._decisions,
            items=pool[: settings.calibration_items],
            failures=self._failures,
        )
        self.tally = Tally()
        self.lengths = LengthTally()
        self.made, self.once, self.put = (
            self._decisions.made,
            self._decisions.once,
            self._decisions.put,
        )

    @classmethod
    def open(
        cls,
        experiment: "Experiment",
        folder: str | Path,
        *,
        listener: Listener | None = None,
        clock: Callable[[], float] = time.time,
    ) -> "Run":
        """Open a run on a folder, new or stopped before; see `Study.open`."""
        from graphsearch.execution import Executor
        from graphsearch.store import Store

        path = Path(folder)
        store = Store.open(path)
        try:
            same_study(store, experiment, path)
            budgets = experiment.search_budget, experiment.evaluation_budget
            ledger = Ledger(limits_of(*budgets, reserve=experiment.settings.reserve))
            ledger.restore(store.totals())
            events = EventSink(
                experiment.task,
                *budgets,
                ledger,
                log=EventLog(path / "events.jsonl", clock),
                listener=listener,
            )
            executor = Executor(
                experiment.engines,
                experiment.roles,
                experiment.fleet,
                store,
                ledger,
                seed=experiment.seed,
                profile=experiment.task.profile,
                grader=experiment.task.grader,
                concurrency=experiment.concurrency,
                policy=experiment.retries,
                halts=True,
                changed=events.say_endpoint,
            )
            return cls(experiment, store, ledger, executor, events, folder=path, clock=clock)
        except BaseException:
            store.close()
            raise

    async def aclose(self) -> None:
        """Close grader, engines, log and store; everything done is kept."""
        try:
            self.executor.close()
            for engine in dict.fromkeys(self.experiment.engines.values()):
                await engine.aclose()
        finally:
            self.events.close()
            self._keeper.close()

    @property
    def seconds(self) -> float:
        """Wall time since this session began."""
        return self._clock() - self._begun

    def trials(self) -> "list[TrialRecord]":
        """All trials that were kept."""
        return self._keeper.all_trials()

    def found(self, name: str) -> dict[str, Any]:
        """What was decided under a name that every whole study has decided.

        Raises:
            StoreError: it is missing.
        """
        value = self.made(name)
        if not isinstance(value, dict):
            raise StoreError(f"the study is damaged: {name} is missing", where=self._keeper.name)
        return value

    def counts(self) -> dict[str, Any]:
        """Tally and lengths as they stand, for the record of a phase."""
        return {"tally": self.tally.to_json(), "lengths": self.lengths.to_json()}

    def count_from(self, record: Mapping[str, Any]) -> None:
        """Go on with the counts that stood when a record was written."""
        self.tally = Tally.from_json(record["tally"])
        if "lengths" in record:
            self.lengths = LengthTally.from_json(record["lengths"])

    # -- running graphs --------------------------------------------------------------------------

    async def block(
        self,
        name: str,
        graphs: "Sequence[CollaborationGraph]",
        items: Sequence[Item],
        *,
        stream: str,
        account: str,
        known: Known | None = None,
    ) -> Block:
        """Run every graph on the same items, as many of them as the budget covers.

        Args:
            name: names the admission; a block of the same name in a resumed study is admitted as
                it was the first time.
            graphs: different graphs.
            items: items of the block; the end of the budget may cut some off.
            stream: stream of draws.
            account: account to book to.
            known: results that need no run.

        Raises:
            StudyStopped: too many failures of the infrastructure.
        """
        found = Block([[] for _ in graphs])
        ready = await self.calibration.ready(name, graphs, together=True)
        if len(ready) == len(graphs):
            async for part in self.admitted(name, graphs, items, account=account, known=known):
                found.extend(
                    await self.part(part, graphs, stream=stream, account=account, known=known)
                )
        return found

    async def admitted(
        self,
        name: str,
        graphs: "Sequence[CollaborationGraph]",
        items: Sequence[Item],
        *,
        account: str,
        known: Known | None = None,
        derived: "Sequence[CollaborationGraph]" = (),
    ) -> AsyncIterator[Part]:
        """Parts of a block that the budget covers, each to be run before the next is asked for.

        What a part really used is mostly far below its worst case, so the rest of a block that
        was not covered at first is covered when the part is paid; only then does it end.

        Args:
            name: names the admissions, which are decided once.
            graphs: different graphs.
            items: items of the block.
            account: account to book to.
            known: results that need no run.
            derived: graphs of which one message more is judged, each time they are named.
        """

        def covered(left: Sequence[Item]) -> dict[str, int]:
            total = Spend.total([])
            for count, item in enumerate(left):
                worst = self._worst(graphs, item, known)
                worst += [self.executor.worst_verdict(graph, item) for graph in derived]
                total = Spend.total([total, *worst])
                if not self.ledger.would_cover(total, account):
                    return {"items": count}
            return {"items": len(left)}

        number, rest = 0, items
        while rest:
            part = f"{name}/{number}"
            admission = await self.once(f"admission/{part}", partial(covered, rest))
            count = min(int(admission["items"]), len(rest))
            if count == 0:
                return
            yield Part(part, rest[:count])
            rest = rest[count:]
            number += 1

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

        def together() -> dict[str, list[str]]:
            total, keys = Spend.total([]), []
            for graph in ready:
                more = Spend.total([total, *self._worst([graph], item, known)])
                if self.ledger.would_cover(more, account):
                    total = more
                    keys.append(graph.key)
            return {"keys": keys}

        kept = await self.once(f"fitting/{name}", together)
        return [graph for graph in ready if graph.key in kept["keys"]]

    def _worst(
        self, graphs: "Iterable[CollaborationGraph]", item: Item, known: Known | None
    ) -> list[Spend]:
        """The most that each graph which must be run for an item can cost."""
        return [
            self.executor.worst_case(graph, item)
            for graph in graphs
            if known is None or known(graph.key, item.id) is None
        ]

    async def part(
        self,
        part: Part,
        graphs: "Sequence[CollaborationGraph]",
        *,
        stream: str,
        account: str,
        known: Known | None = None,
    ) -> Block:
        """Run every graph on the items of an admitted part; the rest as for `block`.

        What failed for a reason of the infrastructure is written down when the part has ended, and
        is not asked again by a resumed study: what followed was built on it, the winner perhaps.
        """
        self.calibration.missing(graphs)
        mark = f"failed/{part.name}/{account}"
        failed = {
            (key, one["item"]): ItemResult.from_json(one) for key, one in self.made(mark) or []
        }
        self._count(account, list(failed.values()))
        found = Block([])

        def before(key: str, item: str) -> ItemResult | None:
            return failed.get((key, item)) or (known(key, item) if known else None)

        async def run(graph: "CollaborationGraph") -> list[ItemResult]:
            there = {item.id: before(graph.key, item.id) for item in part.items}
            missing = [item for item in part.items if there[item.id] is None]
            runs = await self.executor.run(graph, missing, stream=stream, account=account)
            fresh = {}
            for item, one in zip(missing, runs, strict=True):
                fresh[item.id] = to_result(one, item)
                found.transcripts[graph.key, item.id] = one
                if account == "search":
                    self.lengths.add(graph, one, self.experiment.roles)
            self._count(account, list(fresh.values()))
            return [there[item.id] or fresh[item.id] for item in part.items]

        found.results.extend(await asyncio.gather(*(run(graph) for graph in graphs)))
        self._failures.tell()
        check_endpoints(self.executor.down)
        self._failures.check()
        lost = [
            (graph.key, result.to_json())
            for graph, results in zip(graphs, found.results, strict=True)
            for result in results
            if result.score is None
        ]
        if lost:
            self.put({mark: lost})
        return found

    def _count(self, account: str, results: Sequence[ItemResult]) -> None:
        self.tally.count(account, results)
        self._failures.count(len(results), [one for one in results if one.score is None])


def to_result(run: "GraphRun", item: Item) -> ItemResult:
    """The record of one graph on one item."""
    verdict = run.verdict
    failure = None
    if verdict is None and run.error is not None:
        culprit = None if run.culprit is None else run.culprit.model
        failure = Failure(culprit, run.error, run.lasts)
    return ItemResult(
        item=item.id,
        score=None if verdict is None else verdict.score,
        outcome=run.outcome,
        usage=run.usage,
        cost=run.price.floats(),
        group=item.group,
        answer=None if verdict is None else verdict.parsed,
        failure=failure,
    )
