"""The search: ask, race on shared items, tell, advice, until a stop rule ends it.

A search that goes on after a stop repeats its rounds: the searcher is asked for the same graphs
and told the same records, which are on disk, and so stands where it stood.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from graphsearch.records.calls import digest
from graphsearch.records.errors import StoreError
from graphsearch.records.events import (
    AdviceGiven,
    BlockDone,
    RoundDone,
    RoundStarted,
    SearchStopped,
)
from graphsearch.records.trials import ItemResult, Proposal, TrialRecord, TrialState
from graphsearch.searchers.base import Restorable
from graphsearch.study.admit import admitted
from graphsearch.study.advice import (
    Adviser,
    advice_to_json,
    transcripts_of,
)
from graphsearch.study.archive import Archive
from graphsearch.study.items import round_items
from graphsearch.study.prepare import LENGTHS, say_lengths
from graphsearch.study.race import Contestant, blocks_of, race, said_block
from graphsearch.study.sizing import RoundSizing
from graphsearch.study.stop import Progress, Stopped, StopRule, used_up

if TYPE_CHECKING:
    from graphsearch.execution import GraphRun
    from graphsearch.graph import CollaborationGraph
    from graphsearch.records.tasks import Item
    from graphsearch.study.experiment import Experiment
    from graphsearch.study.run import Run

__all__ = ["Search", "Searched", "search"]

VERSION = 2
"""Of the checkpoint `study`."""


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search found.

    Attributes:
        archive: everything tried, by graph.
        trials: all trials by number.
        rounds: the log of each round, as in `result.json`.
        stopped: why it ended.
        sizing: how many graphs of a round the budget had room for.
    """

    archive: Archive
    trials: tuple[TrialRecord, ...]
    rounds: tuple[Mapping[str, Any], ...]
    stopped: Stopped
    sizing: RoundSizing


async def search(going: "Search", *, rules: Sequence[StopRule]) -> Searched:
    """Rounds until a stop rule ends them, the searcher has nothing more, or the budget is used up.

    Args:
        going: the search, new or one to go on with.
        rules: asked before every round.
    """
    while going.stopped is None:
        verdicts = [rule(going.progress) for rule in rules]
        stopped = next((verdict for verdict in verdicts if verdict is not None), None)
        if stopped is None:
            proposals = going.ask(going.sizing.asked)
            records = await going.evaluate(proposals) if proposals else []
            if records:
                await going.tell(records)
            elif proposals:
                stopped = used_up(going.experiment)
            else:
                stopped = Stopped("exhausted", "The searcher has no further graph to propose.")
        if stopped is not None:
            await going.stop(stopped)
    return going.outcome()


class Search:
    """A search under way, also in a loop of somebody's own.

    Args:
        run: runs blocks and keeps what is decided.
        experiment: as it is planned, measured lengths included.

    Attributes:
        archive: everything tried so far.
        trials: all trials by number.
        rounds: the log of each round, as in `result.json`.
        sizing: how many graphs of a round the budget has room for.
        stopped: why it ended, None while it goes on.
    """

    def __init__(self, run: "Run", experiment: "Experiment") -> None:
        """Stands where an earlier session stood.

        Raises:
            StoreError: the run is of an older release, or the searcher does not propose again
                what it had proposed.
        """
        self._run = run
        self.experiment = experiment
        self._searcher = experiment.make_searcher(experiment.space)
        self._adviser = Adviser(experiment, self._searcher, run.executor)
        self.archive = Archive(experiment.settings.level)
        self.trials: list[TrialRecord] = []
        self.rounds: list[dict[str, Any]] = []
        self._window = round_items(experiment)
        self._asked: list[tuple[int, Sequence[Proposal]]] = []
        self._field: dict[str, Contestant] = {}
        self._transcripts: Mapping[tuple[str, str], GraphRun] = {}
        self._best_round: int | None = None
        self._best_low = -1.0
        self._repeat()
        # In a first round that was cut short as many graphs are asked for as there were before.
        room = run.made("room") if self.rounds else None
        self.sizing = RoundSizing(
            experiment.settings.per_round, None if room is None else room["graphs"]
        )
        ended = run.made("stopped")
        self.stopped = None if ended is None else Stopped(ended["rule"], ended["reason"])

    @property
    def progress(self) -> Progress:
        """Where it stands, for stop rules."""
        return Progress(len(self.rounds), self._best_round, self._run.seconds)

    def outcome(self) -> Searched:
        """What was found; the search has ended."""
        assert self.stopped is not None
        return Searched(
            self.archive, tuple(self.trials), tuple(self.rounds), self.stopped, self.sizing
        )

    # -- one round -------------------------------------------------------------------------------

    def ask(self, k: int) -> Sequence[Proposal]:
        """Up to `k` graphs to try, from the searcher."""
        proposals = self._searcher.ask(k)
        self._asked.append((k, proposals))
        return proposals

    async def evaluate(
        self, proposals: "Sequence[Proposal | CollaborationGraph]"
    ) -> list[TrialRecord]:
        """Race graphs on the next items, the best so far among them.

        Returns:
            One record a proposal, in order; empty when the budget covers no item. Nothing is kept
            until `tell`.
        """
        run, settings, number = self._run, self.experiment.settings, len(self.rounds)
        asked = [admitted(one, self.experiment.space, by=self._searcher.name) for one in proposals]
        lineup: dict[str, Proposal] = {}
        for proposal in asked:
            lineup.setdefault(proposal.graph.key, proposal)
        for entry in self.archive.ranking()[: settings.incumbents]:
            lineup.setdefault(entry.graph.key, Proposal(entry.graph, origin="incumbent"))
        items = self._window.peek()
        run.events.say(
            RoundStarted,
            round=number,
            proposals=len(asked),
            incumbents=sum(p.origin == "incumbent" for p in lineup.values()),
            items=len(items),
        )

        async def run_block(
            place: int, graphs: "Sequence[CollaborationGraph]", block: "Sequence[Item]"
        ) -> Sequence[Sequence[ItemResult]]:
            found = await run.block(
                f"search/{number}/{place}",
                graphs,
                block,
                stream="search",
                account="search",
                known=self.archive.known,
            )
            self._transcripts = found.transcripts
            return found.results

        field = await race(
            await self._fitting([p.graph for p in lineup.values()], items[0]),
            blocks_of(items, settings.blocks),
            run_block,
            alpha=settings.race_alpha,
            losers=run.losers,
            on_block=lambda place, field: run.events.say(
                BlockDone, round=number, **said_block("search", place, field)
            ),
        )
        without = {p.graph.key: Contestant(p.graph) for p in asked}  # if there was no room
        self._field = without | {contestant.graph.key: contestant for contestant in field}
        if not field or not field[0].results:
            return []
        return self._records(asked, len(self.trials))

    async def tell(self, records: Sequence[TrialRecord]) -> None:
        """Give records to the searcher, have it advised, and write all of it in one transaction."""
        run, number = self._run, len(self.rounds)
        self._searcher.tell(records)
        proposed = {record.proposal.graph.key for record in records}
        others = [c.graph for key, c in self._field.items() if key not in proposed]
        incumbents = [Proposal(graph, origin="incumbent") for graph in others]
        trials = [*records, *self._records(incumbents, len(self.trials) + len(records))]
        self._take(trials)
        for trial in trials:
            entry = self.archive.entries[trial.proposal.graph.key]
            estimate = entry.estimate(self.experiment.settings.level)
            run.events.say_trial(trial, entry.graph, estimate)
        said = await self._adviser.advise(await self._shown(records))
        advice = said.to_json()
        if advice is not None:
            run.events.say(
                AdviceGiven,
                round=number,
                agent=said.agent,
                valid=advice["valid"],
                summary=advice["summary"],
                edits=tuple(advice["edits"]),
            )
        means = [record.mean for record in records if record.mean is not None]
        best = self.archive.best()
        currencies = dict.fromkeys(state.currency for state in run.events.budgets())
        log = {
            "round": number,
            "items": max(len(record.results) for record in records),
            "trials": [record.number for record in records],
            "mean": sum(means) / len(means) if means else None,
            "best": max(means, default=None),
            "leader": best.graph.key if best else None,
            "spent": {currency: float(run.ledger.spent(currency)) for currency in currencies},
            "table": said.table,
            "advice": advice,
        }
        self._end_round(trials, log)
        searcher = self._searcher
        state = {"searcher": searcher.state()} if isinstance(searcher, Restorable) else {}
        run.put(
            {
                f"round/{number:06d}": log,
                f"history/{number:06d}": {
                    "asked": [[k, _keys(proposals)] for k, proposals in self._asked],
                    "agent": said.agent is not None,
                    "advice": advice_to_json(said.advice),
                    "calls": self._adviser.calls,
                },
                "study": {
                    "version": VERSION,
                    "rounds": len(self.rounds),
                    **run.counts(),
                    **state,
                },
            },
            trials=trials,
        )
        self._asked = []
        run.events.say(RoundDone, round=number, mean=log["mean"], best_accuracy=log["best"])

    async def stop(self, stopped: Stopped) -> None:
        """End the search for a reason, which the result will name."""

        def make() -> dict[str, str]:
            self._run.events.say(SearchStopped, rule=stopped.rule, reason=stopped.reason)
            say_lengths(self._run, self.experiment)
            return {"rule": stopped.rule, "reason": stopped.reason}

        kept = await self._run.once("stopped", make)
        self.stopped = Stopped(kept["rule"], kept["reason"])

    # -- parts of a round ------------------------------------------------------------------------

    async def _fitting(
        self, graphs: "Sequence[CollaborationGraph]", item: "Item"
    ) -> "Sequence[CollaborationGraph]":
        """Those of a round's graphs, in order, that are covered together on its first question.

        All of them where the first round had room for all: then a budget that is used up ends the
        search, as it should.
        """
        is_first = not self.rounds
        if not is_first and self.sizing.narrow is None:
            return graphs
        name = f"search/{len(self.rounds)}/0"
        fitting = await self._run.fitting(
            name, graphs, item, account="search", known=self.archive.known
        )
        if is_first and len(fitting) < len(graphs):
            room = {"graphs": len(fitting), "of": len(graphs)}
            await self._run.once("room", lambda: room)
            self.sizing = replace(self.sizing, narrow=len(fitting))
        return fitting

    def _records(self, proposals: Sequence[Proposal], first: int) -> list[TrialRecord]:
        """Records of the race that has ended; of equal graphs all but the first are reused."""
        seen: set[str] = set()
        records: list[TrialRecord] = []
        for proposal in proposals:
            contestant = self._field[proposal.graph.key]
            state = TrialState.STOPPED if contestant.stopped else TrialState.COMPLETE
            if all(result.score is None for result in contestant.results):
                state = TrialState.FAILED
            records.append(
                TrialRecord(
                    number=first + len(records),
                    round=len(self.rounds),
                    proposal=proposal,
                    state=state,
                    results=tuple(contestant.results),
                    expected_cost=self.experiment.space.cost.graph(proposal.graph),
                    reused=proposal.graph.key in seen,
                    fit=self._run.calibration.of(proposal.graph),
                )
            )
            seen.add(proposal.graph.key)
        return records

    def _take(self, trials: Sequence[TrialRecord]) -> None:
        """Add the trials of a round to the archive, and see whether something better came."""
        for trial in trials:
            self.archive.add(trial)
        best = self.archive.best()
        estimate = best.estimate(self.experiment.settings.level) if best else None
        if estimate is not None and estimate.low > self._best_low:
            self._best_low, self._best_round = estimate.low, len(self.rounds)
        self._run.events.lead(self.archive.leader())

    def _end_round(self, trials: Sequence[TrialRecord], log: dict[str, Any]) -> None:
        self._window.advance(max(len(trial.results) for trial in trials))
        self.rounds.append(log)
        self.trials.extend(trials)

    async def _shown(self, records: Sequence[TrialRecord]) -> Mapping[str, Any]:
        """What an agent is shown that only the study knows.

        Budgets stay as they were before it spoke: a round that is repeated after a stop in the
        middle of its advice asks the very same, and pays nothing again.
        """
        limit, done = self.experiment.settings.rounds, len(self.rounds) + 1

        def budgets() -> dict[str, dict[str, float]]:
            return {
                state.currency: {"allowed": state.allowed, "spent": state.spent, "left": state.left}
                for state in self._run.events.budgets()
            }

        speaks = self.experiment.agent_model is not None
        shown = await self._run.once(f"shown/{done - 1:06d}", budgets) if speaks else budgets()
        items = {item.id: item for item in self._window.peek()}
        return {
            "round": done - 1,
            "rounds_left": None if limit is None else limit - done,
            "budgets": shown,
            "failures": transcripts_of(records, items, self._transcripts),
        }

    # -- going on --------------------------------------------------------------------------------

    def _repeat(self) -> None:
        """Repeat the rounds that are on disk."""
        run = self._run
        counted = run.made("study") or run.made(LENGTHS)
        if counted is not None:
            run.count_from(counted)
        state = run.made("study")
        if state is None:
            return
        if state["version"] != VERSION:
            raise StoreError(
                f"the search was begun by another release (its version is {state['version']}, this "
                f"one goes on with {VERSION}); end it with that release, or begin in a new folder"
            )
        trials: dict[int, list[TrialRecord]] = {}
        for trial in run.trials():
            trials.setdefault(trial.round, []).append(trial)
        restored = state.get("searcher") if isinstance(self._searcher, Restorable) else None
        if restored is not None and isinstance(self._searcher, Restorable):
            self._searcher.load_state(restored)
        for number in range(state["rounds"]):
            log = run.found(f"round/{number:06d}")
            history = run.found(f"history/{number:06d}")
            if restored is None:
                self._repeat_round(history, trials[number][: len(log["trials"])])
            self._adviser.calls = history["calls"]
            self._take(trials[number])
            self._end_round(trials[number], log)

    def _repeat_round(self, history: Mapping[str, Any], told: Sequence[TrialRecord]) -> None:
        """Ask the searcher the same again, tell it the same, and give it the same advice."""
        asked: list[Proposal] = []
        for k, keys in history["asked"]:
            proposals = self._searcher.ask(k)
            if _keys(proposals) != keys:
                raise StoreError(
                    f"searcher {self._searcher.name!r} does not propose again what it proposed in "
                    f"round {len(self.rounds)}, so the search cannot go on where it stood: a "
                    "searcher's proposals may depend on its seed and on what it was told alone, "
                    "and one that is given as an object must be new"
                )
            asked += proposals
        # Its own proposals, not their copies from disk: it may know them by more than their JSON.
        if [p.graph.key for p in asked] == [trial.proposal.graph.key for trial in told]:
            told = [replace(trial, proposal=p) for trial, p in zip(told, asked, strict=True)]
        self._searcher.tell(told)
        self._adviser.repeat(history)


def _keys(proposals: Sequence[Proposal]) -> str:
    return digest([proposal.graph.key for proposal in proposals])
