"""The study: one search, from the first proposal to the result, on a folder that survives it."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from graphsearch.ledger import Ledger
from graphsearch.records.errors import StoreError
from graphsearch.records.events import (
    BudgetState,
    Listener,
    RoundDone,
    RoundStarted,
    SearchStopped,
    StudyStarted,
    TrialDone,
)
from graphsearch.records.trials import ItemResult, Proposal, TrialRecord, TrialState
from graphsearch.study.admit import admitted
from graphsearch.study.advice import Advised, Adviser
from graphsearch.study.archive import Archive
from graphsearch.study.budgets import limits_of
from graphsearch.study.experiment import Experiment
from graphsearch.study.folder import found_in, same_study
from graphsearch.study.items import Window, arrange
from graphsearch.study.judging import check_judge
from graphsearch.study.lengths import LengthTally, measure_lengths, restore_plan, say_lengths
from graphsearch.study.race import Contestant, blocks_of, race
from graphsearch.study.room import Room
from graphsearch.study.runner import Runner, Tally
from graphsearch.study.stop import Progress, Stopped, rules_of, used_up
from graphsearch.study.usable import never_used
from graphsearch.study.voice import Voice

if TYPE_CHECKING:
    from graphsearch.execution import Executor
    from graphsearch.graph import CollaborationGraph
    from graphsearch.records.tasks import Item
    from graphsearch.store import Store
    from graphsearch.study.result import Result

__all__ = ["Study"]

VERSION = 1
"""Of the checkpoint."""


class Study:
    """One search. Open it on a folder, `run` it, or drive it step by step; close it.

        async with Study.open(parts, "runs/one") as study:
            result = await study.run()

    For a loop of one's own:

        async with Study.open(parts, folder) as study:
            proposals = study.ask(8)
            records = await study.evaluate(proposals)
            await study.tell(records)
            ...
            result = await study.finish()

    A folder that holds the same study is gone on with: every call on disk is served from there, so
    the steps up to where it stood are repeated for free and the next ones are those that would
    have come.

    Attributes:
        parts: what it is made of.
        archive: everything tried so far.
        ledger: what was spent.
        rounds: the log of each round, as in `result.json`.
    """

    def __init__(
        self,
        parts: Experiment,
        store: "Store",
        executor: "Executor",
        ledger: Ledger,
        *,
        folder: Path,
        listener: Listener | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.parts = parts
        self.folder = folder
        self.store = store
        self.ledger = ledger
        self.executor = executor
        pool = arrange(parts.task.splits["search"], "search", seed=parts.seed)
        self.runner = Runner(
            executor,
            store,
            ledger,
            infra_share=parts.settings.infra_share,
            calibration=pool[: parts.settings.calibration_items],
            lost=lambda loss: self.voice.say_loss(loss),
        )
        self.archive = Archive(parts.settings.level)
        self.rounds: list[dict[str, Any]] = []
        self.voice = Voice(
            parts,
            ledger,
            self.archive,
            path=folder / "events.jsonl",
            clock=clock,
            listener=listener,
        )
        self._clock = clock
        self._adviser = Adviser(self)
        self.room = Room(self)
        self.window = Window(pool[: parts.settings.search_items], parts.settings.window)
        self._trials: list[TrialRecord] = []
        self._field: dict[str, Contestant] = {}
        self._best_round: int | None = None
        self._best_low = -1.0
        self._started = clock()
        self._stopped: Stopped | None = None
        self._announced = False
        self._restore()

    # -- opening and closing ---------------------------------------------------------------------

    @classmethod
    def open(
        cls,
        parts: Experiment,
        folder: str | Path,
        *,
        listener: Listener | None = None,
        clock: Callable[[], float] = time.time,
    ) -> "Study":
        """Open a study on a run folder, new or stopped before.

        Args:
            parts: what it is made of; the same as before when the folder holds a study.
            folder: the run folder, made if missing.
            listener: hears of every event.
            clock: seconds since the epoch.

        Raises:
            StoreError: the folder is in use, or holds a study made of other parts.
        """
        from graphsearch.execution import Executor
        from graphsearch.store import Store

        path = Path(folder)
        store = Store.open(path)
        try:
            same_study(store, parts, path)
            limits = limits_of(
                parts.search_budget, parts.evaluation_budget, reserve=parts.settings.reserve
            )
            ledger = Ledger(limits)
            ledger.restore(store.totals())
            executor = Executor(
                parts.engines,
                parts.roles,
                parts.fleet,
                store,
                ledger,
                seed=parts.seed,
                profile=parts.task.profile,
                grader=parts.task.grader,
                concurrency=parts.concurrency,
                policy=parts.retries,
                halts=True,
                changed=lambda state: study.voice.say_endpoint(state),
            )
            study = cls(parts, store, executor, ledger, folder=path, listener=listener, clock=clock)
            return study
        except BaseException:
            store.close()
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close grader, engines, log and store; everything done is kept."""
        try:
            self.executor.close()
            for engine in dict.fromkeys(self.parts.engines.values()):
                await engine.aclose()
        finally:
            self.voice.close()
            self.store.close()

    # -- the whole of it -------------------------------------------------------------------------

    async def run(self) -> "Result":
        """Search, select, test, compare."""
        self._announce()
        await self.search()
        return await self.finish()

    def _announce(self) -> None:
        """Say once what is being studied, in a loop of the caller's own as well."""
        if self._announced:
            return
        self._announced = True
        parts, done = self.parts, len(self.rounds)
        told = {"seed": parts.seed, "resumed": done > 0, "rounds_done": done}
        names = {"task": parts.task.name, "searcher": parts.searcher.name}
        self.voice.say(StudyStarted, **names, **told, warnings=never_used(parts.space))

    async def search(self) -> Stopped:
        """Rounds until a stop rule speaks; says which."""
        rules = rules_of(self.parts.settings)
        while self._stopped is None:
            progress = Progress(len(self.rounds), self._best_round, self.seconds)
            verdicts = [rule(progress) for rule in rules]
            stopped = next((v for v in verdicts if v is not None), None) or await self.step()
            if stopped is not None:
                self.stop(stopped)
        return self._stopped

    def stop(self, stopped: Stopped) -> None:
        """End the search for a reason, which the result will name."""
        self._stopped = stopped
        self.store.put_checkpoint("stopped", {"rule": stopped.rule, "reason": stopped.reason})
        self.voice.say(SearchStopped, rule=stopped.rule, reason=stopped.reason)
        say_lengths(self)

    async def finish(self) -> "Result":
        """Finalists, winner, sealed test, baselines; writes `result.json`."""
        from graphsearch.study.finish import finish

        self._announce()
        if self._stopped is None:
            self.stop(Stopped("user", "The search was ended by its caller."))
        return await finish(self)

    # -- one round -------------------------------------------------------------------------------

    async def step(self) -> Stopped | None:
        """One whole round: ask, race, tell, advice. None when the search may go on."""
        await self.prepare()
        proposals = self.ask(self.room.asked)
        if not proposals:
            return Stopped("exhausted", "The searcher has no further graph to propose.")
        records = await self.evaluate(proposals)
        if not records:
            apart = bool(self.parts.evaluation_budget)
            return used_up(self.parts.settings.reserve, evaluation_apart=apart)
        await self.tell(records)
        return None

    async def prepare(self) -> None:
        """Find out what a judge is worth and how long replies are, once, before the first round.

        `step` does it by itself; in a loop of one's own it comes before the first `ask`, and
        without it the lengths that the task assumes hold. Raises as what it calls.
        """
        if not self.rounds:
            await check_judge(self)
            await measure_lengths(self)

    def ask(self, k: int) -> Sequence[Proposal]:
        """Up to `k` graphs to try, from the searcher."""
        return self.parts.searcher.ask(k)

    async def evaluate(
        self, proposals: "Sequence[Proposal | CollaborationGraph]"
    ) -> list[TrialRecord]:
        """Race graphs on the next items, incumbents beside them.

        Args:
            proposals: what a searcher proposed, or plain graphs of one's own.

        Returns:
            One record a proposal, in order; empty when the budget covers no item. Nothing is kept
            until `tell`.

        Raises:
            GraphError: one is not in the space, or above the graph budget.
            StudyStopped: too many failures of the infrastructure.
        """
        self._announce()
        space, searcher = self.parts.space, self.parts.searcher.name
        asked = [admitted(proposal, space, by=searcher) for proposal in proposals]
        if not self.rounds:
            await check_judge(self)
        lineup = self._lineup(asked)
        items = self.window.peek()
        number = len(self.rounds)
        self.voice.say(
            RoundStarted,
            round=number,
            proposals=len(asked),
            incumbents=sum(p.origin == "incumbent" for p in lineup.values()),
            items=len(items),
        )
        running = await self.room.fitting([p.graph for p in lineup.values()], items[0])
        field = await race(
            running,
            blocks_of(items, self.parts.settings.blocks),
            self._run_block,
            alpha=self.parts.settings.race_alpha,
            on_block=lambda k, field: self.voice.say_block("search", k, field, round_=number),
        )
        without = {p.graph.key: Contestant(p.graph) for p in asked}  # if there was no room
        self._field = without | {contestant.graph.key: contestant for contestant in field}
        return self._records(asked) if field and field[0].results else []

    async def tell(self, records: Sequence[TrialRecord]) -> None:
        """Hand records to the searcher, hear the agent, and write all of it in one transaction.

        Args:
            records: what `evaluate` returned for the last `ask`.
        """
        self.parts.searcher.tell(records)
        everything = [*records, *self._incumbent_records(records)]
        for record in everything:
            self.archive.add(record)
        for record in everything:
            self._say_trial(record)
        self._note_best()
        log = self._round_log(records, await self._adviser.advise(records))
        self.window.advance(max(len(record.results) for record in everything))
        self.rounds.append(log)
        self._trials.extend(everything)
        self.store.put(
            trials=everything,
            checkpoints={f"round/{log['round']:06d}": log, "study": self._checkpoint()},
        )
        self.voice.say(RoundDone, round=log["round"], mean=log["mean"], best_accuracy=log["best"])

    def _lineup(self, proposals: Sequence[Proposal]) -> dict[str, Proposal]:
        """Distinct graphs by key: the proposals in their order, then the incumbents."""
        lineup: dict[str, Proposal] = {}
        for proposal in proposals:
            lineup.setdefault(proposal.graph.key, proposal)
        for entry in self.archive.ranking()[: self.parts.settings.incumbents]:
            lineup.setdefault(entry.graph.key, Proposal(entry.graph, origin="incumbent"))
        return lineup

    async def _run_block(
        self, number: int, graphs: "Sequence[CollaborationGraph]", items: "Sequence[Item]"
    ) -> Sequence[Sequence[ItemResult]]:
        return await self.runner.block(
            f"search/{len(self.rounds)}/{number}",
            graphs,
            items,
            stream="search",
            account="search",
            known=self.archive.known,
        )

    def _records(self, proposals: Sequence[Proposal]) -> list[TrialRecord]:
        seen: set[str] = set()
        records: list[TrialRecord] = []
        for proposal in proposals:
            key = proposal.graph.key
            records.append(
                self._record(proposal, len(self._trials) + len(records), reused=key in seen)
            )
            seen.add(key)
        return records

    def _record(self, proposal: Proposal, number: int, *, reused: bool) -> TrialRecord:
        contestant = self._field[proposal.graph.key]
        return TrialRecord(
            number=number,
            round=len(self.rounds),
            proposal=proposal,
            state=_state(contestant),
            results=tuple(contestant.results),
            expected_cost=self.parts.space.cost.graph(proposal.graph),
            reused=reused,
            fit=self.runner.calibration.of(proposal.graph),
        )

    def _incumbent_records(self, records: Sequence[TrialRecord]) -> list[TrialRecord]:
        proposed = {record.proposal.graph.key for record in records}
        first = len(self._trials) + len(records)
        others = [c for key, c in self._field.items() if key not in proposed]
        return [
            self._record(Proposal(c.graph, origin="incumbent"), first + place, reused=False)
            for place, c in enumerate(others)
        ]

    def _note_best(self) -> None:
        best = self.archive.best()
        low = best.estimate(self.parts.settings.level).low if best else -1.0
        if low > self._best_low:
            self._best_low, self._best_round = low, len(self.rounds)

    # -- where it stands -------------------------------------------------------------------------

    @property
    def seconds(self) -> float:
        """Wall time since this session began."""
        return self._clock() - self._started

    @property
    def budgets(self) -> tuple[BudgetState, ...]:
        """The budgets as they stand now, also in the middle of a block."""
        return self.voice.budgets()

    @property
    def stopped(self) -> Stopped | None:
        """Why the search ended, None while it goes on."""
        return self._stopped

    @property
    def trials(self) -> Sequence[TrialRecord]:
        """All trials by number."""
        return self._trials

    def _say_trial(self, record: TrialRecord) -> None:
        entry = self.archive.entries[record.proposal.graph.key]
        estimate = entry.estimate(self.parts.settings.level)
        self.voice.say(
            TrialDone,
            number=record.number,
            round=record.round,
            origin=record.proposal.origin,
            state=record.state.value,
            key=entry.graph.key,
            text=entry.graph.describe(),
            n=estimate.n,
            accuracy=estimate.mean,
            interval=estimate.interval,
            expected_cost=record.expected_cost,
        )

    def _round_log(
        self,
        records: Sequence[TrialRecord],
        advised: Advised,
    ) -> dict[str, Any]:
        means = [record.mean for record in records if record.mean is not None]
        best = self.archive.best()
        currencies = dict.fromkeys(state.currency for state in self.voice.budgets())
        return {
            "round": len(self.rounds),
            "items": max(len(record.results) for record in records),
            "trials": [record.number for record in records],
            "mean": sum(means) / len(means) if means else None,
            "best": max(means, default=None),
            "leader": best.graph.key if best else None,
            "spent": {currency: float(self.ledger.spent(currency)) for currency in currencies},
            "table": advised.table,
            "advice": advised.advice,
        }

    # -- checkpoints -----------------------------------------------------------------------------

    def _checkpoint(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "rounds": len(self.rounds),
            "position": self.window.position,
            "best_round": self._best_round,
            "best_low": self._best_low,
            "agent_calls": self._adviser.calls,
            "tally": self.runner.tally.to_json(),
            "lengths": self.runner.lengths.to_json(),
            "searcher": self.parts.searcher.state(),
        }

    def _restore(self) -> None:
        restore_plan(self)
        state = self.store.get_checkpoint("study")
        if state is None:
            return
        if state["version"] != VERSION:
            raise StoreError(f"the study is of version {state['version']}, not {VERSION}")
        self.parts.searcher.load_state(state["searcher"])
        self.window.position = state["position"]
        self._best_round = state["best_round"]
        self._best_low = state["best_low"]
        self._adviser.calls = state["agent_calls"]
        self.runner.tally = Tally.from_json(state["tally"])
        self.runner.lengths = LengthTally.from_json(state.get("lengths", {}))
        self._trials = self.store.all_trials()
        for record in self._trials:
            self.archive.add(record)
        for number in range(state["rounds"]):
            self.rounds.append(found_in(self.store, f"round/{number:06d}"))
        stopped = self.store.get_checkpoint("stopped")
        self._stopped = Stopped(stopped["rule"], stopped["reason"]) if stopped else None


def _state(contestant: Contestant) -> TrialState:
    if all(result.score is None for result in contestant.results):
        return TrialState.FAILED
    return TrialState.STOPPED if contestant.stopped else TrialState.COMPLETE
