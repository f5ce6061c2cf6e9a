"""Who wins: the best graphs of the search meet on items and draws that none of them has seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from graphsearch.records.errors import BudgetRefused, StudyStopped
from graphsearch.records.events import Finalists, WinnerFound
from graphsearch.records.trials import ItemResult
from graphsearch.study.archive import Entry
from graphsearch.study.baselines import is_plain
from graphsearch.study.items import arrange
from graphsearch.study.losses import named
from graphsearch.study.race import Contestant, RunBlock, race
from graphsearch.study.result import Finalist
from graphsearch.study.room import ADVICE

if TYPE_CHECKING:
    from graphsearch.graph import CollaborationGraph
    from graphsearch.records.tasks import Item
    from graphsearch.study.study import Study

__all__ = ["PLAIN_FINALISTS", "Choice", "choose", "chunks"]

PLAIN_FINALISTS = 3
"""Plain graphs that are finalists anyway."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The winner and how it was found.

    Attributes:
        winner: its entry in the archive.
        results: the winner on the selection items; empty when none were affordable.
        finalists: all that met, best first.
        items: items they were to meet on.
        note: what a reader must know, "" for nothing.
    """

    winner: Entry
    results: tuple[ItemResult, ...]
    finalists: tuple[Finalist, ...]
    items: "tuple[Item, ...]"
    note: str = ""


def chunks(items: "Sequence[Item]", size: int) -> "list[Sequence[Item]]":
    """Blocks of equal size; the last may be shorter."""
    return [items[start : start + size] for start in range(0, len(items), size)]


async def choose(study: "Study") -> Choice:
    """Race the finalists on the selection split; best lower bound wins, ties to the cheaper.

    Finalists are the best of the search and, whether or not they are among these, its best plain
    graphs: what anyone would try must be beaten on fresh items too, and a plain graph that was a
    little unlucky on the few items of the search would otherwise come back in the comparison.

    Raises:
        BudgetRefused: the budget covered no graph.
        StudyStopped: no graph has a result.
    """
    settings = study.parts.settings
    ranking = study.archive.ranking()
    if not ranking:
        _refuse_nothing(study)
    items = arrange(study.parts.task.splits["selection"], "selection", seed=study.parts.seed)
    items = items[: settings.selection_items]
    if settings.winner == "last":
        return _last(study, items)
    best = ranking[: settings.finalists]
    plain = [entry for entry in ranking if is_plain(entry.graph)][:PLAIN_FINALISTS]
    entries = best + [entry for entry in plain if entry not in best]
    _announce(study, entries, len(items), plain=len(entries) - len(best))
    field = await race(
        [entry.graph for entry in entries],
        chunks(items, settings.test_block),
        _block_runner(study),
        alpha=settings.race_alpha,
        on_block=lambda number, field: study.voice.say_block("selection", number, field),
    )
    return _judge(study, entries, field, items)


def _refuse_nothing(study: "Study") -> NoReturn:
    """There is no winner: the budget covered no graph, or all failed."""
    lost = study.runner.tally.losses.all
    if lost:
        raise StudyStopped(
            f"no graph was evaluated, so there is no winner; of what was asked {named(lost)} got "
            f"no verdict ({lost[0].by}: {lost[0].error}); all calls are kept: mend the cause, and "
            "begin in a new folder"
        )
    if study.stopped is not None and study.stopped.rule == "budget":
        raise BudgetRefused(
            "no graph was evaluated: the search budget covers not one question for any graph of a "
            "round, each reply reserved as long as it may be; "
            f"{ADVICE} (`graphsearch quote` tells what it buys), and begin in a new folder"
        )
    raise StudyStopped("no graph was evaluated, so there is no winner; all calls are kept")


def _block_runner(study: "Study") -> RunBlock:
    async def run_block(
        number: int, graphs: "Sequence[CollaborationGraph]", items: "Sequence[Item]"
    ) -> Sequence[Sequence[ItemResult]]:
        return await study.runner.block(
            f"selection/{number}", graphs, items, stream="selection", account="selection"
        )

    return run_block


def _judge(
    study: "Study",
    entries: Sequence[Entry],
    field: Sequence[Contestant],
    items: "tuple[Item, ...]",
) -> Choice:
    made = [
        (entry, contestant, _finalist(study, entry, contestant.results))
        for entry, contestant in zip(entries, field, strict=True)
    ]
    # A graph that another one beat cannot win by having been judged on fewer, luckier items.
    made.sort(
        key=lambda m: (m[1].stopped, -m[2].evidence.interval[0], m[0].expected_cost, m[2].key)
    )
    entry, contestant, _ = made[0]
    note = ""
    if not contestant.results:
        entry = entries[0]
        note = "The budget covered no selection items: the winner is the best of the search alone."
    _crown(study, entry, contestant.results)
    finalists = tuple(m[2] for m in made) if contestant.results else ()
    return Choice(entry, tuple(contestant.results), finalists, items, note)


def _last(study: "Study", items: "tuple[Item, ...]") -> Choice:
    proposed = [t for t in study.trials if t.proposal.origin != "incumbent"]
    entry = study.archive.entries[proposed[-1].proposal.graph.key]
    _crown(study, entry, [])
    note = "As published, the winner is the last graph proposed; nothing was selected."
    return Choice(entry, (), (), items, note)


def _finalist(study: "Study", entry: Entry, results: Sequence[ItemResult]) -> Finalist:
    evidence = study.parts.evidence(results, planned=entry.expected_cost)
    return Finalist(entry.graph.key, entry.graph.describe(), evidence)


def _announce(study: "Study", entries: Sequence[Entry], items: int, *, plain: int) -> None:
    graphs = tuple({"key": e.graph.key, "text": e.graph.describe()} for e in entries)
    study.voice.say(Finalists, graphs=graphs, items=items, plain=plain)


def _crown(study: "Study", entry: Entry, results: Sequence[ItemResult]) -> None:
    evidence = _finalist(study, entry, results).evidence
    study.voice.say(
        WinnerFound,
        key=entry.graph.key,
        text=entry.graph.describe(),
        accuracy=evidence.accuracy,
        interval=evidence.interval,
        n=evidence.n,
        expected_cost=entry.expected_cost,
    )
