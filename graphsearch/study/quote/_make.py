"""The quote of a study, from three ways in which it may go."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from graphsearch.study.baselines import affordable
from graphsearch.study.lengths import length_items
from graphsearch.study.quote._calls import Calls
from graphsearch.study.quote._play import Bill, Course, Play
from graphsearch.study.quote._record import Phase, Quote, Range
from graphsearch.study.sizing import ADVICE
from graphsearch.study.usable import never_used
from graphsearch.words import counted

if TYPE_CHECKING:
    from graphsearch.study.experiment import Experiment

__all__ = ["NO_ROUND", "make_quote"]

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


def make_quote(parts: "Experiment") -> Quote:
    """Play the schedule of a study without running it.

    Args:
        parts: of the study; its searcher is not asked.
    """
    calls = Calls(parts)
    plays = [Play(parts, calls, course) for course in _COURSES]
    for play in plays:
        play.run()
    expected = plays[0]
    phases = {
        name: _phase(parts, calls, [play.bills[name] for play in plays])
        for name in ("search", "selection", "test")
    }
    phases["total"] = _phase(parts, calls, [play.total() for play in plays])
    phases = {name: _capped(parts, name, phase) for name, phase in phases.items()}
    costs = sorted(expected.costs)
    judged = [play.total().judged() for play in plays]
    return Quote(
        rounds=_ordered(*(play.rounds for play in plays)),
        graphs=_ordered(*(len(play.seen) for play in plays)),
        stopped_by=expected.stopped_by,
        graph_cost=Range(sum(costs) / len(costs), costs[0], costs[-1]),
        currency=parts.graph_budget.currency,
        phases=phases,
        test_items=_ordered(*(play.test_items for play in plays)),
        lengths=_lengths(parts),
        warnings=(*_warnings(parts, expected), *_reserved(parts, calls, expected)),
        no_time=_no_time(parts),
        judge=_phase(parts, calls, judged) if calls.judged else None,
        ceiling=tuple(_ceiling(parts)),
        grader=parts.identity()["task"]["grader"],
    )


def _ceiling(parts: "Experiment") -> Iterable[str]:
    apart = parts.evaluation_budget
    yield from (
        f"{amount} for search and selection" if apart else str(amount)
        for amount in parts.search_budget
    )
    yield from (f"{amount} for test and baselines" for amount in apart)


def _phase(parts: "Experiment", calls: Calls, bills: Sequence[Bill]) -> Phase:
    """From the expected, the low and the high play."""
    budgets = (parts.graph_budget, *parts.search_budget, *parts.evaluation_budget)
    currencies = dict.fromkeys([amount.currency for amount in budgets])
    priced = [c for c in (*currencies, "seconds") if _can_price(parts, c)]
    made = _ordered(*(round(sum(bill.made.values())) for bill in bills))
    cost = {
        c: made if c == "calls" else _widened(parts, *(calls.cost(bill.made, c) for bill in bills))
        for c in ("tokens", *priced)
    }
    return Phase(
        asked=_ordered(*(round(bill.asked) for bill in bills)),
        made=made,
        tokens=cost["tokens"],
        cost={c: cost[c] for c in priced},
    )


def _capped(parts: "Experiment", name: str, phase: Phase) -> Phase:
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


def _can_price(parts: "Experiment", currency: Any) -> bool:
    return _unpriced(parts, currency) is None


def _no_time(parts: "Experiment") -> str:
    return _unpriced(parts, "seconds") or ""


def _unpriced(parts: "Experiment", currency: Any) -> str | None:
    """Why the first model that has no price in a currency has none."""
    cost = parts.space.cost.in_currency(currency)
    models = [*parts.space.models, *(s.model for s in parts.space.sinks if s.model is not None)]
    return next((why for why in map(cost.can_price, models) if why is not None), None)


def _ordered(expected: float, *others: float) -> Range:
    return Range(expected, min(expected, *others), max(expected, *others))


def _widened(parts: "Experiment", expected: float, *others: float) -> Range:
    plain = _ordered(expected, *others)
    low, high = _LENGTHS if parts.space.cost.lengths is None else _MEASURED
    return Range(expected, plain.low * low, plain.high * high)


def _lengths(parts: "Experiment") -> str:
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


def _warnings(parts: "Experiment", play: Play) -> Iterable[str]:
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


def _reserved(parts: "Experiment", calls: Calls, play: Play) -> Iterable[str]:
    """Advice where the budget is small beside the longest replies that are allowed."""
    most = max((calls.longest_reply(graph) for graph in play.seen.values()), default=0)
    held = (
        f"each reply is reserved at up to {most:,} tokens, {parts.task.profile.answer:,} expected"
    )
    graphs = parts.settings.per_round
    if play.narrow is not None:
        room = f"{play.narrow} of the {graphs} graphs of a round"
        yield f"the search budget has room for {room} at a time, since {held}: {ADVICE}"
    elif length_items(parts) and not _covers_widest(parts, calls):
        yield (
            "if replies turn out to be shorter than assumed, graphs of up to "
            f"{parts.space.slots + 1} calls are planned, and the search budget has no room for "
            f"{graphs} of them at a time, since {held}: {ADVICE}"
        )


def _covers_widest(parts: "Experiment", calls: Calls) -> bool:
    """Whether a round of graphs that use every slot is covered on one question at worst."""
    from graphsearch.graph import CollaborationGraph

    times = parts.settings.per_round * (parts.space.slots + 1)
    share = 1 - parts.settings.reserve
    worst = [calls.worst(CollaborationGraph.single(model)) for model in affordable(parts)]
    return all(
        times * max((one[amount.currency] for one in worst), default=0.0) <= share * float(amount)
        for amount in parts.search_budget
    )
