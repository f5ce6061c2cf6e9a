"""The held-out test: the winner and every baseline on the same fresh items, read once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graphsearch.records.errors import StudyStopped
from graphsearch.records.events import BaselineDone, BlockDone
from graphsearch.records.trials import ItemResult
from graphsearch.study.asjson import AsJson
from graphsearch.study.baselines import Baseline, derive, plan_baselines
from graphsearch.study.evidence import Evidence, compare
from graphsearch.study.items import arrange
from graphsearch.study.race import Contestant, Losers, chunks
from graphsearch.study.result import Row
from graphsearch.study.tally import Tally

if TYPE_CHECKING:
    from graphsearch.execution import Executor, GraphRun
    from graphsearch.graph import CollaborationGraph
    from graphsearch.records.tasks import Item
    from graphsearch.study.experiment import Experiment
    from graphsearch.study.run import Part, Run
    from graphsearch.study.select import Choice

__all__ = ["Tested", "held_out_test", "winner_of_test"]

_MARK = "test"


@dataclass(frozen=True, slots=True)
class Tested(AsJson):
    """What the held-out test showed.

    Attributes:
        winner: the winner on it, None when the budget covered no item.
        rows: baselines, best first.
        notes: what a reader must know.
    """

    winner: Evidence | None
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


def winner_of_test(run: "Run") -> str | None:
    """Key of the graph whose held-out test was measured to its end, None before that."""
    mark = run.made(_MARK)
    return mark["winner"] if mark is not None and mark.get("record") is not None else None


async def held_out_test(run: "Run", experiment: "Experiment", choice: "Choice") -> Tested:
    """Measure the winner and the baselines on the test split.

    The winner is written down before the first test item is read. From then on the test belongs
    to it: a resumed study repeats the same measurement from the journal, a finished one serves
    the record, and another winner is refused.

    Raises:
        StudyStopped: the test was read for another winner.
    """
    plan = await plan_baselines(
        run,
        experiment,
        choice.items,
        results=choice.results,
        planned=choice.winner.expected_cost,
    )
    graph = choice.winner.graph
    mark = run.made(_MARK)
    if mark is not None and mark["winner"] != graph.key:
        raise StudyStopped("the held-out test was already read for another winner")
    if mark is not None and mark.get("record") is not None:
        run.tally = Tally.from_json(mark["tally"])
        return Tested.from_json(mark["record"])
    opened = {"winner": graph.key, "plan": [baseline.to_json() for baseline in plan]}
    run.put({_MARK: opened})
    tested = await _measure(run, experiment, graph, plan)
    run.put({_MARK: {**opened, "record": tested.to_json(), "tally": run.tally.to_json()}})
    return tested


@dataclass(slots=True)
class _Entrant:
    """One baseline on the test; it stops when another is clearly better."""

    baseline: Baseline
    results: list[ItemResult] = field(default_factory=list)
    stopped: bool = False

    async def take(
        self,
        executor: "Executor",
        items: "Sequence[Item]",
        results: Mapping[str, list[ItemResult]],
        transcripts: "Mapping[tuple[str, str], GraphRun]",
    ) -> None:
        """Add the results on some items; baselines that share a graph share its run."""
        baseline = self.baseline
        mine = results[baseline.graph.key]
        if baseline.is_derived:
            runs = [transcripts.get((baseline.graph.key, item.id)) for item in items]
            mine = await derive(executor, baseline, items, mine, runs)
        self.results.extend(mine)

    def row(self, experiment: "Experiment", winner: Sequence[ItemResult]) -> Row:
        """What the baseline reached, and how the winner compares on the same items."""
        baseline = self.baseline
        planned = experiment.space.cost.graph(baseline.planned_graph)
        return Row(
            name=baseline.name,
            kind=baseline.kind,
            model=baseline.model,
            copies=baseline.copies,
            oracle=baseline.oracle,
            graph=None if baseline.is_derived else baseline.graph.to_json(),
            evidence=experiment.evidence(self.results, planned=planned),
            difference=compare(winner, self.results, level=experiment.settings.level),
        )


async def _measure(
    run: "Run", experiment: "Experiment", winner: "CollaborationGraph", plan: Sequence[Baseline]
) -> Tested:
    """Winner and baselines block by block, each part covered for all of them together."""
    settings = experiment.settings
    items = arrange(experiment.task.splits["test"], "test", seed=experiment.seed)
    wanted = items[: settings.test_items]
    blocks = chunks(wanted, settings.test_block)
    mine: list[ItemResult] = []
    entrants = [_Entrant(baseline) for baseline in plan]
    for number, block in enumerate(blocks):
        alive = [entrant for entrant in entrants if not entrant.stopped]
        graphs = _graphs(entrant.baseline.graph for entrant in alive)
        derived = [e.baseline.graph for e in alive if e.baseline.is_derived]
        async for part in run.admitted(
            f"test/{number}",
            _graphs([winner, *graphs]),
            block,
            account="baseline",
            derived=derived,
        ):
            mine += await _run_winner(run, number, winner, part)
            found = await run.part(part, graphs, stream="test", account="baseline")
            by_key = dict(zip([graph.key for graph in graphs], found.results, strict=True))
            for entrant in alive:
                await entrant.take(run.executor, part.items, by_key, found.transcripts)
            run.events.say(
                BlockDone,
                phase="baseline",
                block=number,
                items=len(part.items),
                alive=len(alive),
                stopped=0,
            )
        if len(mine) < min((number + 1) * settings.test_block, len(wanted)):
            break
        _stop_losers(alive, run.losers, settings.race_alpha)
    notes = []
    if not mine and plan:
        notes.append("The budget did not cover the baselines.")
        entrants = []
        for number, block in enumerate(blocks):
            alone = f"test alone/{number}"
            async for part in run.admitted(alone, [winner], block, account="test"):
                mine += await _run_winner(run, number, winner, part)
    if len(mine) < len(wanted):
        notes.append(f"The budget covered {len(mine)} of {len(wanted)} test items.")
    rows = [entrant.row(experiment, mine) for entrant in entrants]
    for row in rows:
        run.events.say(
            BaselineDone,
            name=row.name,
            baseline=row.kind,
            n=row.evidence.n,
            accuracy=row.evidence.accuracy,
            interval=row.evidence.interval,
            difference=row.difference.mean if row.difference else None,
        )
    rows.sort(key=lambda row: (-(row.evidence.accuracy or 0.0), row.evidence.used or 0.0, row.name))
    notes += note_on_stops(sum(entrant.stopped for entrant in entrants))
    planned = experiment.space.cost.graph(winner)
    evidence = experiment.evidence(mine, planned=planned) if mine else None
    return Tested(evidence, tuple(rows), tuple(notes))


def _stop_losers(alive: Sequence[_Entrant], losers: Losers, alpha: float) -> None:
    """Stop families of which every row is clearly worse than some other baseline.

    The same anytime-valid test as in a race of the search. Single calls are cheap and never stop;
    a row that needs the grader is no rival, and one draw of a vote keeps no family going.
    """
    rivals = [e for e in alive if not e.baseline.oracle and e.baseline.kind != "sampled"]
    contestants = [Contestant(e.baseline.graph, e.results) for e in rivals]
    beaten = {id(one) for one in losers(contestants, alpha / max(len(rivals) - 1, 1))}
    kept = {
        entrant.baseline.family
        for entrant, contestant in zip(rivals, contestants, strict=True)
        if id(contestant) not in beaten or entrant.baseline.kind == "single"
    }
    for entrant in alive:
        entrant.stopped = entrant.baseline.family not in kept


def note_on_stops(count: int) -> tuple[str, ...]:
    """What to say of so many baselines that stopped early."""
    if not count:
        return ()
    who = "One baseline that was clearly worse than another one stopped early; it"
    if count > 1:
        who = f"{count} baselines that were clearly worse than another one stopped early; each"
    return (f"{who} is compared with the winner on the items it ran.",)


def _graphs(graphs: "Iterable[CollaborationGraph]") -> "list[CollaborationGraph]":
    """Each graph once."""
    return list({graph.key: graph for graph in graphs}.values())


async def _run_winner(
    run: "Run", number: int, winner: "CollaborationGraph", part: "Part"
) -> list[ItemResult]:
    found = await run.part(part, [winner], stream="test", account="test")
    count = len(part.items)
    run.events.say(BlockDone, phase="test", block=number, items=count, alive=1, stopped=0)
    return found.results[0]
