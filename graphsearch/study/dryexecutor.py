"""An executor that makes no call: what each is expected to use is booked, by the course assumed."""

import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from graphsearch.execution import Executor, FitRun, GraphRun, NodeRun, judge_account
from graphsearch.graph import CollaborationGraph
from graphsearch.ledger import Spend
from graphsearch.records.calls import Message, Outcome, Reply, Usage
from graphsearch.records.fits import Fit
from graphsearch.records.tasks import Item, Verdict
from graphsearch.study.baselines import is_plain
from graphsearch.study.expected_calls import ExpectedCalls, Kind, Use
from graphsearch.study.race import Contestant

if TYPE_CHECKING:
    from graphsearch.ledger import Ledger
    from graphsearch.study.experiment import Experiment

__all__ = ["Course", "DryExecutor"]

_UNTOLD = Usage(None, None, 1)
"""A call whose tokens nobody has counted: an expectation is no measurement."""


@dataclass(frozen=True, slots=True)
class Course:
    """What nobody knows before a study has run, taken as it may be.

    Attributes:
        kept: share of the graphs in a race that go on after each block.
        opened: share of the questions that a gate lets through at most on which it really opens.
        overlap: how far gates open on the same questions: 1 wherever they can, 0 by chance alone.
        finalists: which graphs become finalists, by cost: 1 the dearest, 0.5 those in the middle.
    """

    kept: float
    opened: float
    overlap: float
    finalists: float


class DryExecutor(Executor):
    """Books what calls are expected to use, in place of making them.

    Args:
        experiment: of the study.
        course: what is taken for granted.
        calls: names and prices of calls.
        ledger: where they are booked.
        reference: graphs among which a cost is dear or cheap.
        store: has kept nothing.

    Attributes:
        asked: calls by account that are asked for beside those of graphs.
    """

    def __init__(
        self,
        experiment: "Experiment",
        course: Course,
        calls: ExpectedCalls,
        ledger: "Ledger",
        reference: Sequence[CollaborationGraph],
        store: Any,
    ) -> None:
        task = experiment.task
        super().__init__(
            experiment.engines,
            experiment.roles,
            experiment.fleet,
            store,
            ledger,
            seed=experiment.seed,
            profile=task.profile,
            grader=task.grader,
        )
        self._course = course
        self._calls = calls
        self._ledger = ledger
        self._cost = experiment.space.cost.graph
        self._costs = sorted(map(self._cost, reference))
        self._incumbents = max(experiment.settings.incumbents, 1)
        self._item = task.splits["search"][0]
        self._luck = random.Random(experiment.seed)
        self._hard: dict[str, float] = {}
        self._opens: dict[tuple[str, int, str], bool] = {}
        self._known: dict[tuple[str, str], set[int]] = {}
        self._runs: dict[tuple[str, tuple[bool, ...]], GraphRun] = {}
        self._lucks: dict[str, float] = {}
        self.asked: Counter[str] = Counter()

    # -- in place of calls ---------------------------------------------------------------------

    async def run(  # type: ignore[override]
        self, graph: CollaborationGraph, items: Sequence[Item], *, stream: str, account: str
    ) -> list[GraphRun]:
        """The calls of a graph on items, but for gates that stay shut."""
        uses = self._calls.of(graph)
        gates = [use for use in uses if use.gate is not None]
        made: Counter[Kind] = Counter()
        runs = []
        for item in items:
            opened = tuple(self._opened(graph.key, gate, item) for gate in gates)
            found = self._runs.get((graph.key, opened))
            if found is None:
                found = self._runs[graph.key, opened] = self._outcome(graph, uses, opened)
            runs.append(found)
            shut = {gate.name for gate, is_open in zip(gates, opened, strict=True) if not is_open}
            self._make(made, (use for use in uses if use.name not in shut), stream, item)
        self._book(account, made)
        return runs

    async def fit(
        self, graph: CollaborationGraph, items: Sequence[Item], *, stream: str, account: str
    ) -> FitRun:
        """The calls below a graph's fitted parts."""
        below = [use for use in self._calls.of(graph) if use.is_below]
        made: Counter[Kind] = Counter()
        for item in items:
            self._make(made, below, stream, item)
        self._book(account, made)
        calls = len(below) * len(items)
        self.asked[account] += calls
        return FitRun(Fit(len(items), calls, {}))

    def needs_fit(self, graph: CollaborationGraph) -> bool:
        """Whether a graph has parts that must be fitted, and were not yet."""
        is_fitted = any(self.roles[node.role].is_fitted for node in graph.nodes)
        return is_fitted and self.get_fit(graph) is None

    async def verdict(
        self, item: Item, text: str, outcome: Outcome = Outcome.ANSWERED, *, account: str
    ) -> Verdict:
        """The calls of a judge, where one judges."""
        self.judge(account, 1)
        return Verdict(0.5)

    def judge(self, account: str, answers: int) -> None:
        """Book that so many answers are judged."""
        if answers:
            self._book(account, Counter(dict.fromkeys(self._calls.judging, answers)))

    async def ask(self, model: str, messages: Sequence[Message], **options: Any) -> Reply:
        """Nobody asks in a dry run; its searcher is not advised."""
        raise NotImplementedError

    def _make(self, made: Counter[Kind], uses: Iterable[Use], stream: str, item: Item) -> None:
        """Count the calls that no graph has made for an item before."""
        known = self._known.setdefault((stream, item.id), set())
        for use in uses:
            if use.name not in known:
                known.add(use.name)
                made[use.kind] += 1

    def _book(self, account: str, made: Counter[Kind]) -> None:
        for kind, count in made.items():
            spend = self._calls.spend(kind)
            total = Spend(tuple(None if q is None else q * count for q in spend.quanta))
            self._ledger.book(account if kind.judge is None else judge_account(account), total)

    # -- what is taken for granted -------------------------------------------------------------

    def losers(self, alive: Sequence[Contestant], level: float) -> list[Contestant]:
        """All but the share that the course keeps.

        Those that lead stay, which in a search are the incumbents; of the others crowds of one
        model go first, the larger before the smaller, and the rest by chance.
        """
        del level
        stay = max(1, round(self._course.kept * len(alive)))

        def place(contestant: Contestant) -> float:
            graph = contestant.graph
            if is_plain(graph):
                return len(graph)
            if graph.key not in self._lucks:
                self._lucks[graph.key] = self._luck.random()
            return self._lucks[graph.key]

        by_worth = sorted(alive, key=lambda one: -self._worth(one.graph))
        leading, others = by_worth[: self._incumbents], by_worth[self._incumbents :]
        return [*leading, *sorted(others, key=place)][stay:]

    def _worth(self, graph: CollaborationGraph) -> float:
        """A score that makes finalists of graphs as dear as the course says, and of no crowd."""
        quantile = bisect_left(self._costs, self._cost(graph)) / max(len(self._costs) - 1, 1)
        close = 1 - abs(min(quantile, 1.0) - self._course.finalists)
        return close / len(graph) if is_plain(graph) else close

    def _opened(self, key: str, gate: Use, item: Item) -> bool:
        """Whether a gate opens: partly on the hard questions, where others open as well."""
        found = self._opens.get((key, gate.name, item.id))
        if found is None:
            luck, course = self._luck.random, self._course
            hard = self._hard.setdefault(item.id, luck())
            drawn = hard if luck() < course.overlap else luck()
            found = drawn < (gate.gate or 0.0) * course.opened
            self._opens[key, gate.name, item.id] = found
        return found

    def _outcome(
        self, graph: CollaborationGraph, uses: Sequence[Use], opened: tuple[bool, ...]
    ) -> GraphRun:
        """What running a graph brings where these gates open."""
        is_open = iter(opened)
        asked = {
            use.node: use.kind
            for use in uses
            if use.kind.judge is None and (use.gate is None or next(is_open))
        }
        nodes = []
        for i, node in enumerate(graph.canonical().nodes):
            spend = self._calls.spend(asked[i]) if i in asked else None
            usage = Usage() if spend is None else _UNTOLD
            nodes.append(
                NodeRun(i, node.role, node.model, Outcome.ANSWERED, usage=usage, spend=spend)
            )
        models = Counter(kind.model for kind in asked.values())
        return GraphRun(
            "",
            Outcome.ANSWERED,
            Verdict(self._worth(graph)),
            "",
            _Price(Spend.total(self._calls.spend(kind) for kind in asked.values()).quanta),
            {model: Usage(None, None, count) for model, count in models.items()},
            tuple(nodes),
        )

    # -- worst cases: those of one question stand for all ----------------------------------------

    def worst_case(self, graph: CollaborationGraph, item: Item) -> Spend:
        """As of the first question."""
        return self._once("case", graph, super().worst_case)

    def worst_fit(self, graph: CollaborationGraph, item: Item) -> Spend:
        """As of the first question."""
        return self._once("fit", graph, super().worst_fit)

    def worst_verdict(self, graph: CollaborationGraph, item: Item) -> Spend:
        """As of the first question."""
        return self._once("verdict", graph, super().worst_verdict)

    def dearest_call(self, models: Sequence[str]) -> dict[str, float]:
        """Most that a single call of one of these models can cost, by currency."""
        single = CollaborationGraph.single
        worst = [self.worst_case(single(model), self._item).floats() for model in models]
        return {c: max(one.get(c, 0.0) for one in worst) for c in (worst[0] if worst else ())}

    def _once(self, what: str, graph: CollaborationGraph, bound: Any) -> Spend:
        known = self._calls.bounds
        if (what, graph.key) not in known:
            known[what, graph.key] = bound(graph, self._item)
        return known[what, graph.key]


class _Price(Spend):
    """A spend that stands for many questions, so its floats are worked out once."""

    @cached_property
    def _floats(self) -> dict[str, float]:
        return super().floats()

    def floats(self) -> dict[str, float]:
        """All known amounts by currency as floats."""
        return self._floats
