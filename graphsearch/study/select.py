"""Who wins: the best graphs of the search meet on items and draws that none of them has seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from graphsearch.records.errors import BudgetRefused, StudyStopped
from graphsearch.records.events import BlockDone, Finalists, WinnerFound
from graphsearch.records.trials import ItemResult
from graphsearch.study.archive import Entry
from graphsearch.study.baselines import is_plain
from graphsearch.study.items import arrange
from graphsearch.study.losses import Loss, named
from graphsearch.study.race import chunks, race, said_block
from graphsearch.study.result import Finalist
from graphsearch.study.sizing import ADVICE
from graphsearch.study.stop import Stopped

if TYPE_CHECKING:
    from graphsearch.graph import CollaborationGraph
    from graphsearch.records.tasks import Item
    from graphsearch.study.experiment import Experiment
    from graphsearch.study.run import Run
    from graphsearch.study.search import Searched

__all__ = ["Choice", "select"]

_PLAIN_FINALISTS = 3
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


async def select(run: "Run", experiment: "Experiment", searched: "Searched") -> Choice:
    """Race the finalists on the selection split; best lower bound wins, ties to the cheaper.

    Finalists are the best of the search and, whether or not they are among these, its best
    baselines: what anyone would try must be beaten on fresh items too, and a baseline that was a
    little unlucky on the few items of the search would otherwise come back in the comparison.

    Raises:
        BudgetRefused: the budget covered no graph.
        StudyStopped: no graph has a result.
    """
    settings = experiment.settings
    ranking = searched.archive.ranking()
    if not ranking:
        _refuse_nothing(run.tally.losses.all, searched.stopped)
    items = arrange(experiment.task.splits["selection"], "selection", seed=experiment.seed)
    items = items[: settings.selection_items]

    def finalist(entry: Entry, results: Sequence[ItemResult]) -> Finalist:
        evidence = experiment.evidence(results, planned=entry.expected_cost)
        return Finalist(entry.graph.key, entry.graph.describe(), evidence)

    if settings.winner == "last":
        proposed = [t for t in searched.trials if t.proposal.origin != "incumbent"]
        last = searched.archive.entries[proposed[-1].proposal.graph.key]
        note = "As published, the winner is the last graph proposed; nothing was selected."
        choice = Choice(last, (), (), items, note)
        return _crowned(run, choice, finalist(last, ()))

    best = ranking[: settings.finalists]
    plain = [entry for entry in ranking if is_plain(entry.graph)][:_PLAIN_FINALISTS]
    entries = best + [entry for entry in plain if entry not in best]
    run.events.say(
        Finalists,
        graphs=tuple({"key": e.graph.key, "text": e.graph.describe()} for e in entries),
        items=len(items),
        plain=len(entries) - len(best),
    )

    async def run_block(
        number: int, graphs: "Sequence[CollaborationGraph]", block: "Sequence[Item]"
    ) -> Sequence[Sequence[ItemResult]]:
        found = await run.block(
            f"selection/{number}", graphs, block, stream="selection", account="selection"
        )
        return found.results

    field = await race(
        [entry.graph for entry in entries],
        chunks(items, settings.test_block),
        run_block,
        alpha=settings.race_alpha,
        losers=run.losers,
        on_block=lambda number, field: run.events.say(
            BlockDone, **said_block("selection", number, field)
        ),
    )
    made = [
        (entry, contestant, finalist(entry, contestant.results))
        for entry, contestant in zip(entries, field, strict=True)
    ]
    # A graph that another one beat cannot win by having been judged on fewer, luckier items.
    made.sort(
        key=lambda m: (m[1].stopped, -m[2].evidence.interval[0], m[0].expected_cost, m[2].key)
    )
    entry, contestant, shown = made[0]
    if contestant.results:
        results, finalists = tuple(contestant.results), tuple(m[2] for m in made)
        return _crowned(run, Choice(entry, results, finalists, items), shown)
    note = "The budget covered no selection items: the winner is the best of the search alone."
    return _crowned(run, Choice(entries[0], (), (), items, note), finalist(entries[0], ()))


def _refuse_nothing(lost: Sequence[Loss], stopped: Stopped) -> NoReturn:
    """There is no winner: the budget covered no graph, or all failed."""
    if lost:
        raise StudyStopped(
            f"no graph was evaluated, so there is no winner; of what was asked {named(lost)} got "
            f"no verdict ({lost[0].by}: {lost[0].error}); all calls are kept: mend the cause, and "
            "begin in a new folder"
        )
    if stopped.rule == "budget":
        raise BudgetRefused(
            "no graph was evaluated: the search budget covers not one question for any graph of a "
            "round, each reply reserved as long as it may be; "
            f"{ADVICE} (`graphsearch quote` tells what it buys), and begin in a new folder"
        )
    raise StudyStopped("no graph was evaluated, so there is no winner; all calls are kept")


def _crowned(run: "Run", choice: Choice, shown: Finalist) -> Choice:
    """The choice, once it is said."""
    run.events.say(
        WinnerFound,
        key=shown.key,
        text=shown.text,
        accuracy=shown.evidence.accuracy,
        interval=shown.evidence.interval,
        n=shown.evidence.n,
        expected_cost=choice.winner.expected_cost,
    )
    return choice
