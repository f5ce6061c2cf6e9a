"""What a search will take, before it spends anything.

Graphs are drawn from the first distribution over the space, and the schedule of the study is
played with them: races with stops, the window over the search items, selection, sealed test and
baselines. Nothing is run; a call is known by its place in its graph, which tells exactly which
calls two graphs share.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from graphsearch.rolenames import role_name
from graphsearch.study.baselines import Prices, affordable, alternatives
from graphsearch.study.budgets import SELECTION_SHARE
from graphsearch.study.judge_cost import expected_judge_cost, judge_calls
from graphsearch.study.lengths import length_items
from graphsearch.study.race import blocks_of
from graphsearch.study.usable import never_used
from graphsearch.words import counted

if TYPE_CHECKING:
    from graphsearch.graph import CollaborationGraph
    from graphsearch.study.parts import Parts

__all__ = ["NO_ROUND", "Phase", "Quote", "Range", "make_quote"]

NO_ROUND = "the search budget covers not one question for the graphs of a round; raise it"

_LENGTHS = (0.7, 1.4)
"""How far real token lengths commonly lie from a task's profile; widens every range."""
_MEASURED = (0.9, 1.1)
"""The same for lengths that were measured, model by model."""
_KEPT = {"low": 0.4, "expected": 0.7, "high": 1.0}
"""Share of the graphs in a race that go on after each block."""
_FEW_GRAPHS = 20
_MOST_ROUNDS = 200
_TRIES = 20

Call = tuple[str, int]
"""Model and in-degree of a call: what its expected cost depends on. Calls of a judge have the
in-degrees -1, -2, ...: -1 less their place among those that judge one answer."""


@dataclass(frozen=True, slots=True)
class Range:
    """An expectation with a low and a high end."""

    expected: float
    low: float
    high: float

    def at_most(self, limit: float) -> "Range":
        """The part of it that lies within a limit."""
        return Range(min(self.expected, limit), min(self.low, limit), min(self.high, limit))

    def to_json(self) -> dict[str, float]:
        """All fields by name."""
        return {"expected": self.expected, "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True)
class Phase:
    """One part of a study: search, selection, or test with baselines.

    Attributes:
        asked: calls counted for every graph that uses them.
        made: calls really made.
        tokens: of the calls made.
        cost: of the calls made, by currency (those that all models can be priced in).
    """

    asked: Range
    made: Range
    tokens: Range
    cost: dict[str, Range]

    def to_json(self) -> dict[str, Any]:
        """All fields by name."""
        return {
            "calls_asked": self.asked.to_json(),
            "calls_made": self.made.to_json(),
            "tokens": self.tokens.to_json(),
            "cost": {currency: part.to_json() for currency, part in self.cost.items()},
        }


@dataclass(frozen=True, slots=True)
class Quote:
    """The prediction for a study.

    Attributes:
        rounds: rounds of the search.
        graphs: different graphs tried.
        stopped_by: `rounds` or `budget`.
        graph_cost: cost of one question over the graphs drawn, in the graph budget's currency.
        phases: `search`, `selection`, `test` and `total`.
        test_items: items the sealed test will have.
        lengths: mean tokens of question and answer that costs are expected by, in words.
        judge: the part of the total that a judge takes, None where no model judges.
        warnings: what to mend before one starts.
        no_time: why no time is predicted, "" when it is.
    """

    rounds: Range
    graphs: Range
    stopped_by: str
    graph_cost: Range
    currency: str
    phases: dict[str, Phase]
    test_items: Range
    lengths: str
    warnings: tuple[str, ...]
    no_time: str = ""
    judge: Phase | None = None

    def to_json(self) -> dict[str, Any]:
        """All fields by name."""
        return {
            "rounds": self.rounds.to_json(),
            "graphs": self.graphs.to_json(),
            "stopped_by": self.stopped_by,
            "graph_cost": {"currency": self.currency, **self.graph_cost.to_json()},
            "phases": {name: phase.to_json() for name, phase in self.phases.items()},
            "test_items": self.test_items.to_json(),
            "lengths": self.lengths,
            "judge": None if self.judge is None else self.judge.to_json(),
            "no_time": self.no_time,
            "warnings": list(self.warnings),
        }

    def __str__(self) -> str:
        size = f"{_counted(self.graphs, 'graph')} in {_counted(self.rounds, 'round')}"
        each = f"{_text(self.graph_cost)} {self.currency} a question"
        lines = [f"{size} (ends by {self.stopped_by}), each {each}"]
        phases = dict(self.phases) if self.judge is None else {**self.phases, "judge": self.judge}
        for name, phase in phases.items():
            costs = [
                f"{_text(part)} {currency}"
                for currency, part in phase.cost.items()
                if currency not in {"calls", "tokens"}
            ]
            lines.append(
                f"{name:<10} {_counted(phase.made, 'call')} of {_text(phase.asked)} asked for, "
                + ", ".join([f"{_text(phase.tokens)} tokens", *costs])
            )
        lines.append(f"test items {_text(self.test_items)}")
        lines.append(f"lengths    {self.lengths}")
        if self.no_time:
            lines.append(f"time       not known: {self.no_time}")
        return "\n".join([*lines, *(f"warning: {warning}" for warning in self.warnings)])


def make_quote(parts: "Parts") -> Quote:
    """Play the schedule of a study without running it.

    Args:
        parts: of the study; its searcher is not asked.
    """
    plays = {name: _Play(parts, kept) for name, kept in _KEPT.items()}
    for play in plays.values():
        play.run()
    low, expected, high = plays["low"], plays["expected"], plays["high"]
    phases = {
        name: _phase(parts, [play.bills[name] for play in (expected, low, high)])
        for name in ("search", "selection", "test")
    }
    phases["total"] = _phase(parts, [play.total() for play in (expected, low, high)])
    phases = {name: _capped(parts, name, phase) for name, phase in phases.items()}
    costs = sorted(expected.costs)
    judged = [play.total().judged() for play in (expected, low, high)]
    return Quote(
        rounds=_ordered(expected.rounds, low.rounds, high.rounds),
        graphs=_ordered(*(len(play.seen) for play in (expected, low, high))),
        stopped_by=expected.stopped_by,
        graph_cost=Range(sum(costs) / len(costs), costs[0], costs[-1]),
        currency=parts.graph_budget.currency,
        phases=phases,
        test_items=_ordered(expected.test_items, low.test_items, high.test_items),
        lengths=_lengths(parts),
        warnings=tuple(_warnings(parts, expected)),
        no_time=_no_time(parts),
        judge=_phase(parts, judged) if judge_calls(parts) else None,
    )


@dataclass(slots=True)
class _Bill:
    """Calls by model and in-degree."""

    asked: int = 0
    made: Counter[Call] = field(default_factory=Counter)

    def add(self, calls: Iterable[tuple[int, Call]], known: set[int]) -> None:
        for identity, call in calls:
            self.asked += 1
            if identity not in known:
                known.add(identity)
                self.made[call] += 1

    def judged(self) -> "_Bill":
        """The calls of a judge alone."""
        made = Counter({call: count for call, count in self.made.items() if call[1] < 0})
        return _Bill(sum(made.values()), made)


class _Play:
    """One way the study may go: which share of a race goes on after each block is given."""

    def __init__(self, parts: "Parts", kept: float) -> None:
        import numpy as np

        from graphsearch.space import Distribution

        self._parts = parts
        self._kept = kept
        self._rng = np.random.default_rng(parts.seed)
        self._distribution = Distribution(parts.space)
        self._names: dict[Any, int] = {}
        self._calls: dict[str, list[tuple[int, Call]]] = {}
        self.bills = {name: _Bill() for name in ("search", "selection", "test")}
        self.seen: dict[str, CollaborationGraph] = {}
        self.costs: list[float] = []
        self.rounds = 0
        self.first_items = 0
        self.stopped_by = "rounds"
        self.test_items = 0

    def run(self) -> None:
        """Search, selection, test."""
        self._search()
        if self.rounds == 0:
            return  # without a trial there is no winner to select or to test
        self._select()
        self._test()

    def total(self) -> _Bill:
        """All bills together."""
        whole = _Bill()
        for bill in self.bills.values():
            whole.asked += bill.asked
            whole.made += bill.made
        return whole

    def _search(self) -> None:
        settings = self._parts.settings
        pool = min(settings.search_items, len(self._parts.task.splits["search"]))
        known: list[set[int]] = [set() for _ in range(pool)]
        kept = settings.reserve * (SELECTION_SHARE if self._parts.evaluation_budget else 1)
        position = 0
        while self.rounds < (settings.rounds or _MOST_ROUNDS):
            graphs = self._incumbents() + self._draw(settings.per_round)
            places = [(position + i) % pool for i in range(min(settings.window, pool))]
            covered = self._round(graphs, blocks_of(places, settings.blocks), known, 1 - kept)
            self.rounds += covered > 0
            if self.rounds == 1:
                self.first_items = covered
            if covered < len(places):
                self.stopped_by = "budget"
                break
            position = (position + settings.window) % max(pool, 1)

    def _round(
        self,
        graphs: "list[CollaborationGraph]",
        blocks: Iterable[Sequence[int]],
        known: list[set[int]],
        share: float,
    ) -> int:
        """A race, as far as the budget covers it; how many items that were."""
        done = 0
        for block in blocks:
            covered = self._block(graphs, block, known, share)
            done += covered
            if covered < len(block):
                break
            graphs = graphs[: max(1, round(self._kept * len(graphs)))]
        return done

    def _block(
        self,
        graphs: "Sequence[CollaborationGraph]",
        places: Sequence[int],
        known: list[set[int]],
        share: float,
    ) -> int:
        """A block of items, or as many from its front as the budget covers; how many that were."""
        before = deepcopy(self.bills["search"]), {place: set(known[place]) for place in places}
        for graph in graphs:
            for place in places:
                self.bills["search"].add(self._calls_of(graph), known[place])
        if not self._over(self.bills["search"].made, share):
            return len(places)
        self.bills["search"] = before[0]
        for place, calls in before[1].items():
            known[place] = calls
        if len(places) == 1:
            return 0
        singles = (self._block(graphs, [place], known, share) for place in places)
        return sum(takewhile(bool, singles))

    def _select(self) -> None:
        settings = self._parts.settings
        finalists = list(self.seen.values())[: settings.finalists]
        items = min(settings.selection_items, len(self._parts.task.splits["selection"]))
        kept = 0.0 if self._parts.evaluation_budget else (1 - SELECTION_SHARE) * settings.reserve
        while items:
            self.bills["selection"] = _Bill()
            self._race("selection", finalists, items)
            if not self._over(self.total().made, 1 - kept):
                break
            items = int(items * 0.9)

    def _test(self) -> None:
        parts = self._parts
        if not self.costs:
            return
        used = sum(self.costs) / len(self.costs)
        prices = {model: parts.space.cost.gamma(model) for model in affordable(parts)}
        plan = alternatives(parts, Prices(prices, claims=False), used=used)
        winner = min(
            self.seen.values(), key=lambda graph: abs(parts.space.cost.graph(graph) - used)
        )
        staying = [winner, *(a.graph for a in plan if a.kind == "single")]
        # Crowds of the smallest models mostly lose first.
        others = sorted((a.graph for a in plan), key=len)
        graphs = {graph.key: graph for graph in [*staying, *others]}
        wanted = min(parts.settings.test_items, len(parts.task.splits["test"]))
        self.test_items = wanted
        while self.test_items:
            self.bills["test"] = _Bill()
            self._race("test", list(graphs.values()), self.test_items, staying=len(staying))
            if not self._over_evaluation():
                break
            self.test_items = int(self.test_items * 0.9)

    def _race(
        self,
        phase: str,
        graphs: "Sequence[CollaborationGraph]",
        items: int,
        *,
        staying: int = 1,
    ) -> None:
        """Blocks of the selection or the test; the first graphs stay, of the rest a share does."""
        size = self._parts.settings.test_block
        running = list(graphs)
        for start in range(0, items, size):
            self._measure(phase, running, min(size, items - start))
            others = round(self._kept * (len(running) - staying))
            running = running[: staying + max(others, 0)]

    def _measure(self, phase: str, graphs: "Sequence[CollaborationGraph]", items: int) -> None:
        """The same calls for every item, so one item is played and multiplied."""
        one = _Bill()
        known: set[int] = set()
        for graph in graphs:
            one.add(self._calls_of(graph), known)
        self.bills[phase].asked += one.asked * items
        self.bills[phase].made += Counter({c: count * items for c, count in one.made.items()})

    def _over(self, made: Counter[Call], share: float) -> bool:
        return any(
            _cost(self._parts, made, amount.currency) > share * float(amount)
            for amount in self._parts.search_budget
        )

    def _over_evaluation(self) -> bool:
        parts = self._parts
        if parts.evaluation_budget:
            made = self.bills["test"].made
            return any(
                _cost(parts, made, amount.currency) > float(amount)
                for amount in parts.evaluation_budget
            )
        return self._over(self.total().made, 1.0)

    def _draw(self, count: int) -> "list[CollaborationGraph]":
        """Graphs not drawn before, as long as they are easily found: searchers avoid repeats."""
        graphs: list[CollaborationGraph] = []
        for _ in range(_TRIES):
            for trace in self._distribution.sample_many(self._rng, count - len(graphs)):
                if trace.graph.key not in self.seen:
                    self.seen[trace.graph.key] = trace.graph
                    self.costs.append(self._parts.space.cost.graph(trace.graph))
                    graphs.append(trace.graph)
            if len(graphs) == count:
                break
        return graphs

    def _incumbents(self) -> "list[CollaborationGraph]":
        return list(self.seen.values())[: self._parts.settings.incumbents] if self.rounds else []

    def _calls_of(self, graph: "CollaborationGraph") -> list[tuple[int, Call]]:
        """Every call of a graph, named so that calls two graphs share have the same name."""
        if graph.key in self._calls:
            return self._calls[graph.key]
        whole = graph.canonical()
        names: dict[int, int] = {}
        copies: Counter[Any] = Counter()
        calls = []
        for i in whole.topological():
            node, parents = whole.nodes[i], whole.parents(i)
            same = (node.role, node.model, i == whole.sink, tuple(names[p] for p in parents))
            key = (*same, copies[same])
            copies[same] += 1
            names[i] = self._names.setdefault(key, len(self._names))
            if node.model is not None:
                # A gate asks the plain question; how often it will, nobody knows beforehand.
                read = 0 if role_name(node.role).gate is not None else len(parents)
                calls.append((names[i], (node.model, read)))
        for place, call in enumerate(judge_calls(self._parts)):
            # Equal answers are judged once, but how many are equal nobody knows beforehand.
            name = self._names.setdefault(("judge", place, graph.key), len(self._names))
            calls.append((name, (call.model, -1 - place)))
        self._calls[graph.key] = calls
        return calls


def _cost(parts: "Parts", made: Counter[Call], currency: Any) -> float:
    cost, judged = parts.space.cost.in_currency(currency), judge_calls(parts)
    each = {
        (model, degree): cost.node(model, degree)
        if degree >= 0
        else expected_judge_cost(parts, judged[-1 - degree], currency)
        for model, degree in made
    }
    return sum(count * each[call] for call, count in made.items())


def _phase(parts: "Parts", bills: Sequence[_Bill]) -> Phase:
    """From the expected, the low and the high play."""
    calls = [sum(bill.made.values()) for bill in bills]
    budgets = (parts.graph_budget, *parts.search_budget, *parts.evaluation_budget)
    currencies = dict.fromkeys([amount.currency for amount in budgets])
    priced = [c for c in (*currencies, "seconds") if _can_price(parts, c)]
    made = _ordered(*calls)
    cost = {
        c: made
        if c == "calls"
        else _widened(parts, *(_cost(parts, bill.made, c) for bill in bills))
        for c in ("tokens", *priced)
    }
    return Phase(
        asked=_ordered(*(bill.asked for bill in bills)),
        made=made,
        tokens=cost["tokens"],
        cost={c: cost[c] for c in priced},
    )


def _capped(parts: "Parts", name: str, phase: Phase) -> Phase:
    """No range ends above a budget: what it does not cover is not spent."""
    apart = parts.evaluation_budget
    cost = dict(phase.cost)
    for currency, part in phase.cost.items():
        search = [float(a) for a in parts.search_budget if a.currency == currency]
        after = [float(a) for a in apart if a.currency == currency]
        most = after if name == "test" and apart else search
        if name == "total" and apart:
            most = [search[0] + after[0]] if search and after else []
        if most:
            cost[currency] = part.at_most(most[0])
    # Calls and tokens are told in any case, and once: as the budget in them has it.
    return replace(
        phase,
        cost=cost,
        made=cost.get("calls", phase.made),
        tokens=cost.get("tokens", phase.tokens),
    )


def _can_price(parts: "Parts", currency: Any) -> bool:
    return _unpriced(parts, currency) is None


def _no_time(parts: "Parts") -> str:
    return _unpriced(parts, "seconds") or ""


def _unpriced(parts: "Parts", currency: Any) -> str | None:
    """Why the first model that has no price in a currency has none."""
    cost = parts.space.cost.in_currency(currency)
    models = [*parts.space.models, *(s.model for s in parts.space.sinks if s.model is not None)]
    return next((why for why in map(cost.can_price, models) if why is not None), None)


def _ordered(expected: float, *others: float) -> Range:
    return Range(expected, min(expected, *others), max(expected, *others))


def _widened(parts: "Parts", expected: float, *others: float) -> Range:
    plain = _ordered(expected, *others)
    low, high = _LENGTHS if parts.space.cost.lengths is None else _MEASURED
    return Range(expected, plain.low * low, plain.high * high)


def _lengths(parts: "Parts") -> str:
    known = parts.space.cost.lengths
    if known is not None:
        each = [
            f"{model} {one.question:,} and {one.answer:,}{'' if one.calls else ' (as the others)'}"
            for model in parts.space.models
            if (one := known.get(model)) is not None
        ]
        return f"tokens a question and an answer, as measured: {'; '.join(each)}"
    profile = parts.task.profile
    told = f"{profile.question:,} tokens a question, {profile.answer:,} an answer"
    first = length_items(parts)
    then = (
        f", and the search measures its own on {counted(first, 'question')} first" if first else ""
    )
    if not parts.task.is_estimated:
        return f"{told}, as the task or its profile says{then}"
    return f"{told}, which is assumed: tell measured ones by --profile{then}"


def _warnings(parts: "Parts", play: _Play) -> Iterable[str]:
    settings = parts.settings
    yield from never_used(parts.space)
    if play.rounds == 0:
        yield NO_ROUND
    elif play.first_items < min(
        settings.window, settings.search_items, len(parts.task.splits["search"])
    ):
        yield (
            f"the search budget covers {counted(play.first_items, 'question')} of the "
            f"{settings.window} of one round; raise it or shrink the blocks"
        )
    elif len(play.seen) < _FEW_GRAPHS:
        yield f"the budget allows only {len(play.seen)} different graphs; a search needs more"
    questions = len(parts.task.splits["test"])
    if questions < settings.min_test_items:
        yield (
            f"the task has {questions} test items (wanted: at least {settings.min_test_items}); "
            "give more questions"
        )
    elif play.test_items < settings.min_test_items:
        yield (
            f"the budget allows only {play.test_items} test items (wanted: at least "
            f"{settings.min_test_items}); raise it, or give evaluation_budget"
        )
    for split, wanted in (("search", settings.window), ("selection", settings.selection_items)):
        there = len(parts.task.splits[split])  # type: ignore[index]
        if there < wanted:
            has = counted(there, f"{split} item")
            yield f"the task has {has}; the settings ask for {wanted}"


def _counted(part: Range, noun: str) -> str:
    text = _text(part)
    return f"{text} {noun}" if text == "1" else f"{text} {noun}s"


def _text(part: Range) -> str:
    shown = [
        f"{v:,.0f}" if abs(v) >= 100 else f"{v:.3g}" for v in (part.expected, part.low, part.high)
    ]
    return shown[0] if len(set(shown)) == 1 else f"{shown[0]} ({shown[1]} to {shown[2]})"
