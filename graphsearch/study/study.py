"""The study: one search, from the first proposal to the result, on a folder that survives it."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from graphsearch.ledger import Ledger
from graphsearch.records.events import BudgetState, Done, Listener, StudyStarted
from graphsearch.records.trials import Proposal, TrialRecord
from graphsearch.study.archive import Archive
from graphsearch.study.experiment import Experiment
from graphsearch.study.prepare import check_judge, planned, prepare
from graphsearch.study.run import Run
from graphsearch.study.search import Search, search
from graphsearch.study.stop import Stopped, rules_of
from graphsearch.study.usable import never_used

if TYPE_CHECKING:
    from graphsearch.execution import Traffic
    from graphsearch.graph import CollaborationGraph
    from graphsearch.study.result import Result

__all__ = ["Study"]


class Study:
    """One search. Open it on a folder, `run` it, or drive it step by step; close it.

        async with Study.open(experiment, "runs/one") as study:
            result = await study.run()

    For a loop of one's own:

        async with Study.open(experiment, folder) as study:
            proposals = study.ask(8)
            records = await study.evaluate(proposals)
            await study.tell(records)
            ...
            result = await study.finish()

    A folder that holds the same study is gone on with: every call on disk is served from there, so
    the steps up to where it stood are repeated for free and the next ones are those that would
    have come.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._going: Search | None = None
        self._is_announced = False

    # -- opening and closing ---------------------------------------------------------------------

    @classmethod
    def open(
        cls,
        experiment: Experiment,
        folder: str | Path,
        *,
        listener: Listener | None = None,
        clock: Callable[[], float] = time.time,
    ) -> "Study":
        """Open a study on a run folder, new or stopped before.

        Args:
            experiment: what it is made of; the same as before when the folder holds a study.
            folder: the run folder, made if missing.
            listener: gets every event.
            clock: seconds since the epoch.

        Raises:
            StoreError: the folder is in use, or holds a study made of something else.
        """
        return cls(Run.open(experiment, folder, listener=listener, clock=clock))

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
        await self._run.aclose()

    # -- the whole of it -------------------------------------------------------------------------

    async def run(self) -> "Result":
        """Prepare, search, select, test, conclude.

        A study that has ended has its result: going on with it asks nobody anything again.
        """
        self._announce()
        known = self._known()
        if known is None:
            await self.search()
            known = await self.finish()
        return known

    async def prepare(self) -> None:
        """Find out how far a judge agrees with people and how long replies are, once a study.

        `run` does it by itself; in a loop of one's own it comes before the first `ask`, and
        without it the lengths that the task assumes hold. Raises as what it calls.
        """
        self._announce()
        if self._run.made("study") is None:
            await prepare(self._run)
            self._going = None

    async def search(self) -> Stopped:
        """Rounds until a stop rule ends the search; says which."""
        self._announce()
        if self._run.made("stopped") is None:
            await self.prepare()
        found = await search(self._search, rules=rules_of(self._run.experiment.settings))
        return found.stopped

    async def finish(self) -> "Result":
        """Finalists, winner, held-out test, baselines; writes `result.json` and `timing.json`."""
        from graphsearch.study.conclude import conclude
        from graphsearch.study.heldout import held_out_test
        from graphsearch.study.result import write_json
        from graphsearch.study.select import select

        self._announce()
        known = self._known()
        if known is not None:
            return known
        run, experiment = self._run, self.experiment
        if self._search.stopped is None:
            await self._search.stop(Stopped("user", "The search was ended by its caller."))
        searched = self._search.outcome()
        begun = run.seconds
        choice = await select(run, experiment, searched)
        selected = run.seconds
        tested = await held_out_test(run, experiment, choice)
        result = conclude(run, experiment, searched, choice, tested, folder=self._run.folder)
        result.save(self._run.folder)
        spans = {"search": begun, "selection": selected - begun, "test": run.seconds - selected}
        traffic = run.executor.traffic
        calls = {"made": traffic.made, "recalled": traffic.cache_hits, "shared": traffic.shared}
        # Of the session that ended the study; no part of the result.
        write_json(self._run.folder / "timing.json", {"seconds": spans, "calls": calls})
        run.events.say(Done, verdict=result.verdict, seconds=run.seconds)
        return result

    def _known(self) -> "Result | None":
        """The result of a study that has ended."""
        from graphsearch.study.heldout import winner_of_test
        from graphsearch.study.result import Result

        tested_for = winner_of_test(self._run)
        if tested_for is None or not (self._run.folder / "result.json").is_file():
            return None
        known = Result.load(self._run.folder)
        return known if known.winner.graph.key == tested_for else None

    def _announce(self) -> None:
        """Say once what is being studied, in a loop of the caller's own as well."""
        if self._is_announced:
            return
        self._is_announced = True
        experiment, state = self._run.experiment, self._run.made("study")
        done = 0 if state is None else state["rounds"]
        if done:
            archive = Archive(experiment.settings.level)
            for trial in self._run.trials():
                archive.add(trial)
            self._run.events.lead(archive.leader())
        self._run.events.say(
            StudyStarted,
            task=experiment.task.name,
            searcher=experiment.searcher_named["name"],
            seed=experiment.seed,
            resumed=done > 0,
            rounds_done=done,
            warnings=never_used(self.experiment.space),
        )

    # -- a loop of one's own ---------------------------------------------------------------------

    def ask(self, k: int) -> Sequence[Proposal]:
        """Up to `k` graphs to try, from the searcher."""
        return self._search.ask(k)

    async def evaluate(
        self, proposals: "Sequence[Proposal | CollaborationGraph]"
    ) -> list[TrialRecord]:
        """Race graphs on the next items, the best so far among them.

        Args:
            proposals: what a searcher proposed, or graphs of one's own.

        Returns:
            One record a proposal, in order; empty when the budget covers no item. Nothing is kept
            until `tell`.

        Raises:
            GraphError: one is not in the space, or above the graph budget.
            StudyStopped: too many failures of the infrastructure.
        """
        self._announce()
        if not self.rounds:
            await check_judge(self._run)
        return await self._search.evaluate(proposals)

    async def tell(self, records: Sequence[TrialRecord]) -> None:
        """Give records to the searcher, have it advised, and write all of it in one transaction.

        Args:
            records: what `evaluate` returned for the last `ask`.
        """
        await self._search.tell(records)

    # -- where it stands -------------------------------------------------------------------------

    @property
    def _search(self) -> Search:
        if self._going is None:
            self._going = Search(self._run, self.experiment)
        return self._going

    @property
    def experiment(self) -> Experiment:
        """What it is made of; planned with measured lengths once these are known."""
        return planned(self._run)

    @property
    def archive(self) -> Archive:
        """Everything tried so far, by graph."""
        return self._search.archive

    @property
    def trials(self) -> Sequence[TrialRecord]:
        """All trials by number."""
        return self._search.trials

    @property
    def rounds(self) -> Sequence[Mapping[str, Any]]:
        """The log of each round, as in `result.json`."""
        return self._search.rounds

    @property
    def stopped(self) -> Stopped | None:
        """Why the search ended, None while it goes on."""
        return self._search.stopped

    @property
    def ledger(self) -> Ledger:
        """What was spent."""
        return self._run.ledger

    @property
    def traffic(self) -> "Traffic":
        """Calls made and shared in this session."""
        return self._run.executor.traffic

    @property
    def budgets(self) -> tuple[BudgetState, ...]:
        """The budgets as they stand now, also in the middle of a block."""
        return self._run.events.budgets()
