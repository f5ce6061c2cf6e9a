"""The phases of a study on a dry run: no call is made, and what it would use is booked.

What nobody knows before a study has run (which graphs lose a race, how often gates open, which
graphs become finalists) is taken as a `Course` says. All else, the schedule, admissions by the
worst case, budgets and what graphs share, is the study's own code.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphsearch.ledger import Ledger
from graphsearch.records.trials import Proposal, TrialRecord
from graphsearch.searchers.base import Opening
from graphsearch.study.baselines import affordable
from graphsearch.study.budgets import limits_of
from graphsearch.study.dryexecutor import Course, DryExecutor
from graphsearch.study.events import EventSink
from graphsearch.study.expected_calls import ExpectedCalls, labelled_answers
from graphsearch.study.heldout import held_out_test
from graphsearch.study.prepare import JUDGE, prepare
from graphsearch.study.run import Run
from graphsearch.study.search import Search, search
from graphsearch.study.select import select
from graphsearch.study.stop import rules_of
from graphsearch.waiting import wait_for

if TYPE_CHECKING:
    from graphsearch.graph import CollaborationGraph
    from graphsearch.study.experiment import Experiment

__all__ = ["Draws", "DryRun", "dry_run"]

_MOST_ROUNDS = 200
_TRIES = 20
_REFERENCE = 100
"""Graphs among which a cost is dear or cheap."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """How a study would go.

    Attributes:
        ledger: what it would spend, by account.
        asked: account -> calls, counted for every graph that uses them.
        rounds: rounds of the search.
        stopped_by: the rule that ends it.
        graphs: the different graphs that would be tried.
        first_items: questions of the first round.
        narrow: graphs that the first round has room for at worst, None where it has for all.
        test_items: questions of the held-out test.
        dearest_call: currency -> most that a single call of a model that fits can cost.
    """

    ledger: Ledger
    asked: Mapping[str, int]
    rounds: int
    stopped_by: str
    graphs: "tuple[CollaborationGraph, ...]"
    first_items: int
    narrow: int | None
    test_items: int
    dearest_call: Mapping[str, float]


def dry_run(
    experiment: "Experiment", course: Course, calls: ExpectedCalls, draws: "Draws"
) -> DryRun:
    """Prepare, search, select and test, without a call.

    Args:
        experiment: of the study.
        course: what is taken for granted.
        calls: names and prices of calls.
        draws: the graphs that are proposed.
    """
    settings = experiment.settings
    searcher = _DrySearcher(draws)
    dry = replace(
        experiment,
        # How long it takes, and when nothing better comes, nobody knows.
        settings=settings.model_copy(
            update={
                "patience": None,
                "seconds": None,
                "rounds": min(settings.rounds or _MOST_ROUNDS, _MOST_ROUNDS),
                "length_items": 0 if experiment.space_at is None else settings.length_items,
            }
        ),
        make_agent=None,
        make_searcher=lambda space: searcher,
    )
    budgets = experiment.search_budget, experiment.evaluation_budget
    ledger = Ledger(limits_of(*budgets, reserve=settings.reserve))
    executor = DryExecutor(dry, course, calls, ledger, draws.first(_REFERENCE), _Memory({}))
    # The judge is taken to agree with people.
    keeper = _Memory({JUDGE: {}})
    events = EventSink(experiment.task, *budgets, ledger)
    run = Run(dry, keeper, ledger, executor, events, folder=Path(), losers=executor.losers)
    executor.judge("search", labelled_answers(experiment))

    async def go() -> DryRun:
        planned = await prepare(run)
        searched = await search(Search(run, planned), rules=rules_of(dry.settings))
        tested = None
        if searched.rounds:  # without a trial there is no winner to select or to test
            choice = await select(run, planned, searched)
            tested = (await held_out_test(run, planned, choice)).winner
        return DryRun(
            ledger=ledger,
            asked=run.tally.asked + executor.asked,
            rounds=len(searched.rounds),
            stopped_by=searched.stopped.rule,
            graphs=tuple(searcher.proposed),
            first_items=searched.rounds[0]["items"] if searched.rounds else 0,
            narrow=searched.sizing.narrow,
            test_items=0 if tested is None else tested.n,
            dearest_call=executor.dearest_call(affordable(experiment)),
        )

    return wait_for(go)


class Draws:
    """Different graphs in the order in which they are proposed, the same for every course.

    First what the searcher begins with, then samples of the first distribution over the space,
    until nothing new is easily found.
    """

    def __init__(self, experiment: "Experiment") -> None:
        import numpy as np

        from graphsearch.space import Distribution

        searcher = experiment.make_searcher(experiment.space)
        self._opening = list(searcher.opening) if isinstance(searcher, Opening) else []
        self._distribution = Distribution(experiment.space)
        self._rng = np.random.default_rng(experiment.seed)
        self._found: dict[str, CollaborationGraph] = {}
        self._source = self._draw()

    def first(self, count: int) -> "list[CollaborationGraph]":
        """The first graphs, as many as there are."""
        while len(self._found) < count:
            graph = next(self._source, None)
            if graph is None:
                break
            self._found.setdefault(graph.key, graph)
        return list(self._found.values())[:count]

    def _draw(self) -> "Iterator[CollaborationGraph]":
        yield from self._opening
        tries = 0
        while tries < _TRIES:
            before = len(self._found)
            yield from (trace.graph for trace in self._distribution.sample_many(self._rng, 16))
            tries = tries + 1 if len(self._found) == before else 0


class _DrySearcher:
    """Proposes draws, in order."""

    name = "dry run"

    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        self.proposed: list[CollaborationGraph] = []

    def ask(self, k: int) -> Sequence[Proposal]:
        """The next graphs."""
        new = self._draws.first(len(self.proposed) + k)[len(self.proposed) :]
        self.proposed += new
        return [Proposal(graph) for graph in new]

    def tell(self, trials: Sequence[TrialRecord]) -> None:
        """Scores change nothing."""


class _Memory:
    """Keeps decisions while a dry run lasts."""

    name = "dry run"
    journal = verdicts = None

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def get_checkpoint(self, name: str) -> Any | None:
        """The value of that name."""
        return self._values.get(name)

    def put(
        self, *, trials: Sequence[TrialRecord] = (), checkpoints: Mapping[str, Any] | None = None
    ) -> None:
        """Keep values; trials are kept by the search itself."""
        self._values.update(checkpoints or {})

    def all_trials(self) -> list[TrialRecord]:
        """None: a dry run is never gone on with."""
        return []

    def close(self) -> None:
        """Nothing is open."""
