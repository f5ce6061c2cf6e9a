"""What a search will take, before it spends anything: the phases of a study on dry runs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from graphsearch.study.asjson import AsJson
from graphsearch.study.budgets import EVALUATION, SEARCH, SELECTION
from graphsearch.study.dryexecutor import Course
from graphsearch.study.dryrun import Draws, DryRun, dry_run
from graphsearch.study.expected_calls import ExpectedCalls
from graphsearch.study.lengths import length_items, models_of
from graphsearch.study.losses import one_line
from graphsearch.study.sizing import ADVICE
from graphsearch.study.usable import never_used
from graphsearch.words import counted

if TYPE_CHECKING:
    from graphsearch.study.experiment import Experiment

__all__ = ["NO_ROUND", "Phase", "Quote", "Range", "make_quote"]

NO_ROUND = "the search budget covers not one question for the graphs of a round; raise it"

_LENGTHS = (0.7, 1.4)
"""How far real token lengths commonly lie from a task's profile; widens every range."""
_MEASURED = (0.9, 1.1)
"""The same for lengths that were measured, model by model."""
_COURSES = (
    Course(kept=0.7, opened=0.75, overlap=0.5, finalists=0.75),
    Course(kept=0.4, opened=0.5, overlap=1.0, finalists=0.5),
    Course(kept=1.0, opened=1.0, overlap=0.0, finalists=1.0),
)
"""As expected, and the least and the most that is likely."""
_FEW_GRAPHS = 20
_LONGEST_OPTION: Final = 80
_JUDGED = frozenset({"judge", "judge-selection", "judge-test", "judge-baseline"})


@dataclass(frozen=True, slots=True)
class Range(AsJson):
    """An expectation with a low and a high end."""

    expected: float
    low: float
    high: float

    def at_most(self, limit: float) -> "Range":
        """The part of it that lies within a limit."""
        return Range(min(self.expected, limit), min(self.low, limit), min(self.high, limit))


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

    def within(self, experiment: "Experiment", name: str) -> "Phase":
        """Its ranges, none of which ends above a budget: what that does not cover is not spent.

        Args:
            experiment: of the study.
            name: of the phase, which says which budgets hold.
        """
        apart = experiment.evaluation_budget
        cost = dict(self.cost)
        for currency, part in self.cost.items():
            search = [float(a) for a in experiment.search_budget if a.currency == currency]
            after = [float(a) for a in apart if a.currency == currency]
            most = after if name == "test" and apart else search
            if name == "total" and apart:
                most = [search[0] + after[0]] if search and after else []
            if most:
                cost[currency] = part.at_most(most[0])
        # Calls and tokens are told in any case, and once: as the budget in them has it.
        return replace(
            self,
            cost=cost,
            made=cost.get("calls", self.made),
            tokens=cost.get("tokens", self.tokens),
        )


@dataclass(frozen=True, slots=True)
class Quote:
    """The prediction for a study.

    Attributes:
        rounds: rounds of the search.
        graphs: different graphs tried.
        stopped_by: `rounds` or `budget`.
        graph_cost: cost of one question over the graphs drawn, in the graph budget's currency.
        phases: `search`, `selection`, `test` and `total`.
        test_items: items the held-out test will have.
        lengths: mean tokens of question and answer that costs are expected by, in words.
        judge: the part of the total that a judge takes, None where no model judges.
        warnings: what to mend before one starts.
        ceiling: the budgets, which nothing that happens can pass.
        grader: who judges the answers: `name` and `options` (None where nobody knows them).
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
    ceiling: tuple[str, ...] = ()
    grader: Mapping[str, Any] = field(default_factory=dict)

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
            "ceiling": list(self.ceiling),
            "grader": dict(self.grader),
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
        if self.ceiling:
            lines.append(f"never over {' and '.join(self.ceiling)} (hard ceiling)")
        lines.append(f"test items {_text(self.test_items)}")
        if self.grader:
            options = _options_text(self.grader["options"] or {})
            lines.append(f"grader     {self.grader['name']}{options and f' ({options})'}")
        lines.append(f"lengths    {self.lengths}")
        if self.no_time:
            lines.append(f"time       not known: {self.no_time}")
        return "\n".join([*lines, *(f"warning: {warning}" for warning in self.warnings)])


def _option_text(value: Any) -> str:
    """A model of a judge's own by its name, a long rubric by its beginning."""
    if not isinstance(value, Mapping):
        return one_line(str(value), _LONGEST_OPTION)
    return str(value["name"]) if "name" in value else f"({_options_text(value)})"


def _options_text(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_option_text(value)}" for name, value in options.items())


def _counted(part: Range, noun: str) -> str:
    text = _text(part)
    return f"{text} {noun}" if text == "1" else f"{text} {noun}s"


def _text(part: Range) -> str:
    shown = [
        f"{v:,.0f}" if abs(v) >= 100 else f"{v:.3g}" for v in (part.expected, part.low, part.high)
    ]
    return shown[0] if len(set(shown)) == 1 else f"{shown[0]} ({shown[1]} to {shown[2]})"


def make_quote(experiment: "Experiment") -> Quote:
    """Go through the phases of a study without a call, in the courses that are likely.

    Args:
        experiment: of the study; its searcher is only asked what it begins with.
    """
    calls, draws = ExpectedCalls(experiment), Draws(experiment)
    runs = [dry_run(experiment, course, calls, draws) for course in _COURSES]
    expected = runs[0]
    accounts = {"search": SEARCH, "selection": SELECTION, "test": EVALUATION}
    accounts["total"] = frozenset().union(*accounts.values())
    costs = sorted(map(experiment.space.cost.graph, expected.graphs))
    for_search = " for search and selection" if experiment.evaluation_budget else ""
    ceiling = [f"{amount}{for_search}" for amount in experiment.search_budget]
    ceiling += [f"{amount} for test and baselines" for amount in experiment.evaluation_budget]
    return Quote(
        rounds=_ordered(*(run.rounds for run in runs)),
        graphs=_ordered(*(len(run.graphs) for run in runs)),
        stopped_by=expected.stopped_by,
        graph_cost=Range(sum(costs) / len(costs), costs[0], costs[-1]),
        currency=experiment.graph_budget.currency,
        phases={
            name: _phase(experiment, runs, names).within(experiment, name)
            for name, names in accounts.items()
        },
        test_items=_ordered(*(run.test_items for run in runs)),
        lengths=_lengths(experiment),
        warnings=(*_warnings(experiment, expected), *_reserved(experiment, calls, expected)),
        no_time=_unpriced(experiment, "seconds") or "",
        judge=_phase(experiment, runs, _JUDGED) if calls.judged else None,
        ceiling=tuple(ceiling),
        grader=experiment.identity()["task"]["grader"],
    )


def _phase(experiment: "Experiment", runs: Sequence[DryRun], accounts: Iterable[str]) -> Phase:
    """What the expected, the low and the high run book to some accounts."""

    def spent(currency: str) -> list[float]:
        return [
            float(sum(Decimal(run.ledger.spent(currency, name)) for name in accounts))
            for run in runs
        ]

    def asked(run: DryRun) -> int:
        # A judge's calls are no graph's: those that are made are all that is asked for.
        judged = sum(int(run.ledger.spent("calls", name)) for name in accounts if name in _JUDGED)
        return judged + sum(run.asked.get(name, 0) for name in accounts)

    budgets = (
        experiment.graph_budget,
        *experiment.search_budget,
        *experiment.evaluation_budget,
    )
    currencies = dict.fromkeys([*(amount.currency for amount in budgets), "seconds"])
    priced = [c for c in currencies if _unpriced(experiment, c) is None]
    made = _ordered(*(round(count) for count in spent("calls")))
    low, high = _LENGTHS if experiment.space.cost.lengths is None else _MEASURED
    cost = {"calls": made}
    for currency in ("tokens", *priced):
        if currency != "calls":
            plain = _ordered(*spent(currency))
            cost[currency] = Range(plain.expected, plain.low * low, plain.high * high)
    return Phase(
        asked=_ordered(*map(asked, runs)),
        made=made,
        tokens=cost["tokens"],
        cost={c: cost[c] for c in priced},
    )


def _unpriced(experiment: "Experiment", currency: Any) -> str | None:
    """Why the first model that has no price in a currency has none."""
    cost = experiment.space.cost.in_currency(currency)
    reasons = map(cost.can_price, models_of(experiment.space))
    return next((why for why in reasons if why is not None), None)


def _ordered(expected: float, *others: float) -> Range:
    return Range(expected, min(expected, *others), max(expected, *others))


def _lengths(experiment: "Experiment") -> str:
    known = experiment.space.cost.lengths
    if known is not None:
        each = [
            f"{model} {one.question:,} and {one.answer:,}{'' if one.calls else ' (as the others)'}"
            for model in experiment.space.models
            if (one := known.get(model)) is not None
        ]
        return f"tokens a question and an answer, as measured: {'; '.join(each)}"
    profile = experiment.task.profile
    told = f"{profile.question:,} tokens a question, {profile.answer:,} an answer"
    first = length_items(experiment)
    then = (
        f", and the search measures its own on {counted(first, 'question')} first" if first else ""
    )
    if not experiment.task.is_estimated:
        return f"{told}, as the task or its profile says{then}"
    return f"{told}, which is assumed: tell measured ones by --profile{then}"


def _warnings(experiment: "Experiment", run: DryRun) -> Iterable[str]:
    settings = experiment.settings
    yield from never_used(experiment.space)
    if run.rounds == 0:
        yield NO_ROUND
    elif run.first_items < min(
        settings.window, settings.search_items, len(experiment.task.splits["search"])
    ):
        yield (
            f"the search budget covers {counted(run.first_items, 'question')} of the "
            f"{settings.window} of one round; raise it or shrink the blocks"
        )
    elif len(run.graphs) < _FEW_GRAPHS:
        yield f"the budget allows only {len(run.graphs)} different graphs; a search needs more"
    questions = len(experiment.task.splits["test"])
    if questions < settings.min_test_items:
        yield (
            f"the task has {questions} test items (wanted: at least {settings.min_test_items}); "
            "give more questions"
        )
    elif run.test_items < settings.min_test_items:
        yield (
            f"the budget allows only {run.test_items} test items (wanted: at least "
            f"{settings.min_test_items}); raise it, or give evaluation_budget"
        )
    for split, wanted in (("search", settings.window), ("selection", settings.selection_items)):
        there = len(experiment.task.splits[split])  # type: ignore[index]
        if there < wanted:
            has = counted(there, f"{split} item")
            yield f"the task has {has}; the settings ask for {wanted}"


def _reserved(experiment: "Experiment", calls: ExpectedCalls, run: DryRun) -> Iterable[str]:
    """Advice where the budget is small beside the longest replies that are allowed."""
    graphs, widest = experiment.settings.per_round, experiment.space.slots + 1
    share = 1 - experiment.settings.reserve
    may_be_narrow = length_items(experiment) and any(
        graphs * widest * run.dearest_call.get(amount.currency, 0.0) > share * float(amount)
        for amount in experiment.search_budget
    )
    if run.narrow is None and not may_be_narrow:
        return
    most = max(map(calls.longest_reply, run.graphs), default=0)
    held = (
        f"each reply is reserved at up to {most:,} tokens, "
        f"{experiment.task.profile.answer:,} expected"
    )
    if run.narrow is not None:
        room = f"{run.narrow} of the {graphs} graphs of a round"
        yield f"the search budget has room for {room} at a time, since {held}: {ADVICE}"
    else:
        yield (
            f"if replies turn out to be shorter than assumed, graphs of up to {widest} calls are "
            f"planned, and the search budget has no room for {graphs} of them at a time, since "
            f"{held}: {ADVICE}"
        )
