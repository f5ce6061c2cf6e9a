"""The sealed test: the winner and every plain alternative on the same fresh items, once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphsearch.records.errors import StudyStopped
from graphsearch.records.events import BaselineDone, BlockDone
from graphsearch.records.trials import ItemResult
from graphsearch.study.baselines import Alternative, derive
from graphsearch.study.evidence import Evidence, compare
from graphsearch.study.items import arrange
from graphsearch.study.race import Contestant, split_losers
from graphsearch.study.result import Row
from graphsearch.study.runner import Part, Tally
from graphsearch.study.select import Choice, chunks

if TYPE_CHECKING:
    from graphsearch.graph import CollaborationGraph
    from graphsearch.records.tasks import Item
    from graphsearch.study.study import Study

__all__ = ["Tested", "open_seal", "winner_of_test"]

_MARK = "test"


@dataclass(frozen=True, slots=True)
class Tested:
    """What the sealed test showed.

    Attributes:
        winner: the winner on it, None when the budget covered no item.
        rows: plain alternatives, best first.
        notes: what a reader must know.
    """

    winner: Evidence | None
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """All fields by name."""
        return {
            "winner": None if self.winner is None else self.winner.to_json(),
            "rows": [row.to_json() for row in self.rows],
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Tested":
        """The record that `to_json` wrote."""
        winner = values["winner"]
        return cls(
            None if winner is None else Evidence.from_json(winner),
            tuple(Row.from_json(row) for row in values["rows"]),
            tuple(values["notes"]),
        )


def winner_of_test(study: "Study") -> str | None:
    """Key of the graph whose sealed test was measured to its end, None before that."""
    mark = study.store.get_checkpoint(_MARK)
    return mark["winner"] if mark is not None and mark.get("record") is not None else None


async def open_seal(study: "Study", choice: Choice, plan: Sequence[Alternative]) -> Tested:
    """Measure the winner and the alternatives on the test split.

    The winner is written down before the first test item is read. From then on the test belongs
    to it: a resumed study repeats the same measurement from the journal, a finished one serves
    the record, and another winner is refused.

    Raises:
        StudyStopped: the test was read for another winner.
    """
    mark = study.store.get_checkpoint(_MARK)
    key = choice.winner.graph.key
    if mark is not None and mark["winner"] != key:
        raise StudyStopped("the sealed test was already read for another winner")
    if mark is not None and mark.get("record") is not None:
        study.runner.tally = Tally.from_json(mark["tally"])
        return Tested.from_json(mark["record"])
    opened = {"winner": key, "plan": [alternative.to_json() for alternative in plan]}
    study.store.put_checkpoint(_MARK, opened)
    tested = await _measure(study, choice.winner.graph, plan)
    record = {"record": tested.to_json(), "tally": study.runner.tally.to_json()}
    study.store.put_checkpoint(_MARK, opened | record)
    return tested


async def _measure(
    study: "Study", winner: "CollaborationGraph", plan: Sequence[Alternative]
) -> Tested:
    items = arrange(study.parts.task.splits["test"], "test", seed=study.parts.seed)
    wanted = items[: study.parts.settings.test_items]
    mine: list[ItemResult] = []
    entrants = [_Entrant(alternative) for alternative in plan]
    for number, block in enumerate(chunks(wanted, study.parts.settings.test_block)):
        alive = [entrant for entrant in entrants if not entrant.stopped]
        running = [entrant.alternative for entrant in alive]
        for part in _admitted(study, number, winner, running, block):
            mine += await _run_winner(study, number, winner, part)
            found = await _run(study, number, running, part)
            for entrant, results in zip(alive, found, strict=True):
                entrant.results.extend(results)
        if len(mine) < min((number + 1) * study.parts.settings.test_block, len(wanted)):
            break
        _stop_losers(alive, study.parts.settings.race_alpha)
    if not mine and plan:
        return await _measure_alone(study, winner)
    rows = [_row(study, entrant.alternative, entrant.results, mine) for entrant in entrants]
    rows.sort(key=lambda row: (-(row.evidence.accuracy or 0.0), row.evidence.used or 0.0, row.name))
    notes = [*_shortage(len(mine), len(wanted)), *_stops(entrants)]
    return Tested(_winner_evidence(study, winner, mine), tuple(rows), tuple(notes))


@dataclass(slots=True)
class _Entrant:
    """One alternative on the test; it stops when another is clearly better."""

    alternative: Alternative
    results: list[ItemResult] = field(default_factory=list)
    stopped: bool = False


def _stop_losers(alive: Sequence[_Entrant], alpha: float) -> None:
    """Stop families of which every row is clearly worse than some other alternative.

    The same anytime-valid test as in a race of the search. Single calls are cheap and never stop;
    a row that needs the grader is no rival, and one draw of a vote keeps no family going.
    """
    rivals = [e for e in alive if not e.alternative.oracle and e.alternative.kind != "sampled"]
    contestants = [Contestant(e.alternative.graph, e.results) for e in rivals]
    losers = split_losers(contestants, alpha / max(len(rivals) - 1, 1))
    beaten = {id(contestant) for contestant in losers}
    kept = {
        entrant.alternative.family
        for entrant, contestant in zip(rivals, contestants, strict=True)
        if id(contestant) not in beaten or entrant.alternative.kind == "single"
    }
    for entrant in alive:
        entrant.stopped = entrant.alternative.family not in kept


def _stops(entrants: Sequence[_Entrant]) -> tuple[str, ...]:
    count = sum(entrant.stopped for entrant in entrants)
    if not count:
        return ()
    if count == 1:
        note = "One plain alternative that was clearly worse than another one stopped early; it"
    else:
        note = f"{count} plain alternatives that were clearly worse than another one stopped early;"
        note += " each"
    return (f"{note} is compared with the winner on the items it ran.",)


def _graphs(plan: Sequence[Alternative]) -> "list[CollaborationGraph]":
    """Distinct graphs of a plan."""
    return list({alternative.graph.key: alternative.graph for alternative in plan}.values())


def _admitted(
    study: "Study",
    number: int,
    winner: "CollaborationGraph",
    plan: Sequence[Alternative],
    block: "Sequence[Item]",
) -> Iterator[Part]:
    """Parts of a block for which the winner and all alternatives together are covered."""
    graphs = list({graph.key: graph for graph in [winner, *_graphs(plan)]}.values())
    derived = [alternative.graph for alternative in plan if alternative.is_derived]
    return study.runner.admitted(
        f"test/{number}", graphs, block, account="baseline", derived=derived
    )


async def _run_winner(
    study: "Study", number: int, winner: "CollaborationGraph", part: Part
) -> list[ItemResult]:
    study.runner.runs.clear()  # transcripts are read block by block
    (results,) = await study.runner.run(part, [winner], stream="test", account="test")
    count = len(part.items)
    study.voice.say(BlockDone, phase="test", block=number, items=count, alive=1, stopped=0)
    return results


async def _run(
    study: "Study", number: int, plan: Sequence[Alternative], part: Part
) -> list[list[ItemResult]]:
    """Results of every alternative; those that share a graph share its run."""
    graphs = _graphs(plan)
    items = part.items
    found = await study.runner.run(part, graphs, stream="test", account="baseline")
    by_key = {graph.key: results for graph, results in zip(graphs, found, strict=True)}
    rows = []
    for alternative in plan:
        results = by_key[alternative.graph.key]
        if alternative.is_derived:
            runs = [study.runner.runs.get((alternative.graph.key, item.id)) for item in items]
            results = await derive(study.executor, alternative, items, results, runs)
        rows.append(results)
    study.voice.say(
        BlockDone, phase="baseline", block=number, items=len(items), alive=len(plan), stopped=0
    )
    return rows


async def _measure_alone(study: "Study", winner: "CollaborationGraph") -> Tested:
    """The winner without company, when the budget does not cover the comparison."""
    items = arrange(study.parts.task.splits["test"], "test", seed=study.parts.seed)
    wanted = items[: study.parts.settings.test_items]
    mine: list[ItemResult] = []
    for number, block in enumerate(chunks(wanted, study.parts.settings.test_block)):
        name = f"test alone/{number}"
        for part in study.runner.admitted(name, [winner], block, account="test"):
            mine += await _run_winner(study, number, winner, part)
    notes = ("The budget did not cover the plain alternatives.", *_shortage(len(mine), len(wanted)))
    return Tested(_winner_evidence(study, winner, mine), (), notes)


def _shortage(done: int, wanted: int) -> tuple[str, ...]:
    if done == wanted:
        return ()
    return (f"The budget covered {done} of {wanted} test items.",)


def _winner_evidence(
    study: "Study", winner: "CollaborationGraph", results: Sequence[ItemResult]
) -> Evidence | None:
    return _evidence(study, winner, results) if results else None


def _evidence(
    study: "Study", graph: "CollaborationGraph", results: Sequence[ItemResult]
) -> Evidence:
    return study.parts.evidence(results, planned=study.parts.space.cost.graph(graph))


def _row(
    study: "Study",
    alternative: Alternative,
    results: Sequence[ItemResult],
    winner: Sequence[ItemResult],
) -> Row:
    graph = alternative.graph
    evidence = _evidence(study, alternative.planned_graph, results)
    difference = compare(winner, results, level=study.parts.settings.level)
    row = Row(
        name=alternative.name,
        kind=alternative.kind,
        model=alternative.model,
        copies=alternative.copies,
        oracle=alternative.oracle,
        graph=None if alternative.is_derived else graph.to_json(),
        evidence=evidence,
        difference=difference,
    )
    study.voice.say(
        BaselineDone,
        name=row.name,
        baseline=row.kind,
        n=evidence.n,
        accuracy=evidence.accuracy,
        interval=evidence.interval,
        difference=difference.mean,
    )
    return row
