"""The end of a study: winner, sealed test, comparison, and the record of all of it."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphsearch.cost import CURRENCIES
from graphsearch.records.events import Done
from graphsearch.records.trials import ItemResult
from graphsearch.study._show import number
from graphsearch.study.baselines import (
    FITTED,
    PROBED,
    Alternative,
    alternatives,
    fit_fusers,
    measure_prices,
)
from graphsearch.study.budgets import ASKED_ONCE
from graphsearch.study.calibration import ACCOUNT
from graphsearch.study.evidence import Evidence
from graphsearch.study.judging import judge_part, note_on_judge
from graphsearch.study.lengths import lengths_part
from graphsearch.study.losses import note_on_losses
from graphsearch.study.result import BreakEven, Result, Row, Winner
from graphsearch.study.runner import Tally
from graphsearch.study.sealed import Tested, open_seal, winner_of_test
from graphsearch.study.select import Choice, choose
from graphsearch.study.usable import never_used
from graphsearch.study.verdict import compared, rivals_of, verdict
from graphsearch.words import counted

if TYPE_CHECKING:
    from graphsearch.records.fits import Fit
    from graphsearch.study.archive import Entry
    from graphsearch.study.study import Study

__all__ = ["against_budget", "break_even", "finish"]

_MUCH_LESS = 0.75
"""Share of the allowed cost below which a reader is told that some of it is unused."""


async def finish(study: "Study") -> Result:
    """Selection, sealed test and baselines; writes `result.json` and `timing.json`.

    A study that has ended has its result: going on with it asks nobody anything again.
    """
    tested_for = winner_of_test(study)
    if tested_for is not None and (study.folder / "result.json").is_file():
        known = Result.load(study.folder)
        if known.winner.graph.key == tested_for:
            return known
    begun = study.seconds
    choice = await choose(study)
    selected = study.seconds
    tested = await open_seal(study, choice, await _plan(study, choice))
    result = _assemble(study, choice, tested)
    result.save(study.folder)
    spans = {"search": begun, "selection": selected - begun, "test": study.seconds - selected}
    traffic = study.executor.traffic
    calls = {"made": traffic.made, "recalled": traffic.cache_hits, "shared": traffic.shared}
    _write_timing(study.folder, {"seconds": spans, "calls": calls})
    study.voice.say(
        Done,
        verdict=result.verdict,
        seconds=study.seconds,
    )
    return result


async def _plan(study: "Study", choice: Choice) -> list[Alternative]:
    """The alternatives, sized by what the winner and single calls use on selection items."""
    if not study.parts.settings.baselines:
        return []
    # Where the budget had the winner meet few items, measuring the others takes few as well.
    items = choice.items[: len(choice.results) or FITTED]
    prices = await measure_prices(study, items)
    plan = alternatives(study.parts, prices, used=_used(study, choice, PROBED))
    return await fit_fusers(study, plan, items, used=_used(study, choice, FITTED))


def _used(study: "Study", choice: Choice, items: int) -> float:
    """The winner's used cost on the items that an alternative's cost is measured on.

    The same items, because a question's length moves the cost of both alike.
    """
    planned = choice.winner.expected_cost
    used = study.parts.evidence(choice.results[:items], planned=planned).used
    return planned if used is None else used


def _assemble(study: "Study", choice: Choice, tested: Tested) -> Result:
    entry = choice.winner
    winner = Winner(
        entry.graph,
        entry.origin,
        entry.round,
        entry.trial,
        entry.expected_cost,
        study.runner.calibration.of(entry.graph),
    )
    found = compared(
        rivals_of(winner, tested.winner, tested.rows),
        used=None if tested.winner is None else tested.winner.used,
    )
    best = next((row for row in tested.rows if found and row.name == found.best.name), None)
    spend = _spend(study)
    tally = _whole_tally(study)
    stopped = study.stopped
    return Result(
        winner=winner,
        test=tested.winner,
        selection=choice.finalists,
        baselines=tested.rows,
        best_plain=best.name if best else None,
        verdict=verdict(winner, tested.winner, found),
        break_even=break_even(
            tested.winner, best, _total(spend, study.parts.graph_budget.currency)
        ),
        stopped_by={"rule": stopped.rule, "reason": stopped.reason} if stopped else {},
        spend=spend,
        calls=_calls(study, tally),
        outcomes=tally.to_json()["outcomes"],
        rounds=study.rounds,
        trials=[_trial(study, number) for number in range(len(study.trials))],
        archive=[_archived(study, entry) for entry in study.archive.ranking()],
        provenance=_provenance(study),
        notes=tuple(
            note
            for note in (
                _nothing_right(study),
                note_on_losses(tally.losses.all, study.parts.task),
                study.room.note(),
                *(f"{said[0].upper()}{said[1:]}." for said in never_used(study.parts.space)),
                note_on_judge(study),
                choice.note,
                against_budget(tested.winner),
                *tested.notes,
            )
            if note
        ),
        lengths=lengths_part(study),
        judge=judge_part(study, _kept_results(study, choice)),
        losses=tuple(tally.losses.to_json()),
        folder=study.folder,
    )


def _kept_results(study: "Study", choice: Choice) -> list[ItemResult]:
    """Answers of graphs in the search, each once, and of the winner in the selection."""
    searched = [r for entry in study.archive.ranking() for r in entry.results.values()]
    return [*searched, *choice.results]


def _nothing_right(study: "Study") -> str:
    if any(entry.estimate(study.parts.settings.level).mean for entry in study.archive.ranking()):
        return ""
    return (
        "Not one answer of the search was right: before believing that of the models, read some "
        "replies, and check the prompts, the grader and the gold answers."
    )


def against_budget(test: Evidence | None) -> str:
    """What to say of a winner that really uses more than allowed, or much less; "" otherwise."""
    if test is None or test.used is None:
        return ""
    allowed, used = f"{number(test.allowed)} {test.currency}", number(test.used)
    if test.used > test.allowed:
        return (
            f"The winner was planned at {number(test.planned)} of the {allowed} allowed and really "
            f"used {used}: prompts or answers are longer than the task's token profile says. The "
            "budget bounds the expected cost; a cap bounds the real one."
        )
    if test.used < _MUCH_LESS * test.allowed:
        return (
            f"The winner uses {used} of the {allowed} allowed. The plain alternatives beside it "
            "are given what it uses, not what is allowed."
        )
    return ""


def break_even(test: Evidence | None, best: Row | None, spend: float | None) -> BreakEven | None:
    """After how many questions a right answer costs less with the winner, search included."""
    if test is None or best is None or spend is None:
        return None
    if not test.accuracy or not best.evidence.accuracy:
        return None
    if test.used is None or best.evidence.used is None:
        return None
    mine = test.used / test.accuracy
    theirs = best.evidence.used / best.evidence.accuracy
    unit = test.currency
    if mine >= theirs:
        reason = (
            f"A right answer costs {number(mine)} {unit} with the winner and {number(theirs)} with "
            f"{best.name}: the search does not pay for itself by cost."
        )
        return BreakEven(best.name, None, spend, unit, reason)
    questions = math.ceil(spend / (theirs - mine) / test.accuracy)
    reason = (
        f"A right answer costs {number(mine)} {unit} with the winner and {number(theirs)} with "
        f"{best.name}: the {number(spend)} {unit} spent are back after "
        f"{counted(questions, 'question')}."
    )
    return BreakEven(best.name, questions, spend, unit, reason)


def _spend(study: "Study") -> dict[str, Any]:
    """Spend by currency and account; a currency in which some call has no price is left out."""
    ledger = study.ledger
    return {
        currency: {
            "total": float(ledger.spent(currency)),
            "accounts": {name: float(ledger.spent(currency, name)) for name in ledger.accounts},
        }
        for currency in CURRENCIES
        if not ledger.unknown(currency)
    }


def _total(spend: Mapping[str, Any], currency: str) -> float | None:
    return spend[currency]["total"] if currency in spend else None


def _whole_tally(study: "Study") -> Tally:
    """The study's tally and what calibration asked for and lost.

    That is kept with each fit and added here, once, because a resumed study recalls fits that
    the tally it goes on with may or may not have known.
    """
    tally = Tally.from_json(study.runner.tally.to_json())
    calibration = study.runner.calibration
    graphs = [entry.graph for entry in study.archive.entries.values()]
    calibration.recall(graphs)
    for graph in graphs:
        fit = calibration.of(graph)
        if fit is not None:
            tally.count(ACCOUNT, calibration.failed(graph))
            tally.asked[ACCOUNT] += fit.calls
    return tally


def _calls(study: "Study", tally: Tally) -> dict[str, Any]:
    asked = tally.asked
    made = {name: int(study.ledger.spent("calls", name)) for name in study.ledger.accounts}
    names = sorted({*asked, *made})
    accounts = {name: {"asked": asked[name], "made": made.get(name, 0)} for name in names}
    for name in ASKED_ONCE & accounts.keys():
        accounts[name]["asked"] = accounts[name]["made"]
    return {
        "asked": sum(account["asked"] for account in accounts.values()),
        "made": sum(account["made"] for account in accounts.values()),
        "accounts": accounts,
    }


def _provenance(study: "Study") -> dict[str, Any]:
    from graphsearch import __version__

    identity = study.parts.identity()
    identity.pop("limits")
    # An export serves the winner from where its models were.
    identity["fleet"] = study.parts.fleet.to_json()
    graph = study.parts.graph_budget
    count = len(study.parts.search_budget)
    states = study.voice.budgets()
    return {
        "graphsearch_version": __version__,
        **identity,
        "prompt_set": study.parts.names.get("prompt_set"),
        "budgets": {
            "graph": {"text": str(graph), "currency": graph.currency, "allowed": float(graph)},
            "search": _budget_rows(study.parts.search_budget, states[:count]),
            "evaluation": _budget_rows(study.parts.evaluation_budget, states[count:]) or None,
        },
    }


def _budget_rows(amounts: Sequence[Any], states: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {
            "text": str(amount),
            "currency": state.currency,
            "allowed": state.allowed,
            "spent": state.spent,
            "left": state.left,
        }
        for amount, state in zip(amounts, states, strict=False)
    ]


def _trial(study: "Study", place: int) -> dict[str, Any]:
    record = study.trials[place]
    graph = record.proposal.graph
    return {
        "number": record.number,
        "round": record.round,
        "origin": record.proposal.origin,
        "state": record.state.value,
        "reused": record.reused,
        "key": graph.key,
        "text": graph.describe(),
        **_fit(record.fit),
        **_summary(study, record.results, record.expected_cost),
    }


def _archived(study: "Study", entry: "Entry") -> dict[str, Any]:
    return {
        "key": entry.graph.key,
        "text": entry.graph.describe(),
        "graph": entry.graph.to_json(),
        "trials": entry.trials,
        **_fit(study.runner.calibration.of(entry.graph)),
        **_summary(study, tuple(entry.results.values()), entry.expected_cost),
    }


def _fit(fit: "Fit | None") -> dict[str, Any]:
    """The fitted parts of a graph; nothing where it has none."""
    return {} if fit is None else {"fit": fit.to_json()}


def _summary(study: "Study", results: Sequence[Any], planned: float) -> dict[str, Any]:
    evidence = study.parts.evidence(results, planned=planned)
    return {
        "expected_cost": planned,
        "used_cost": evidence.used,
        "n": evidence.n,
        "accuracy": evidence.accuracy,
        "interval": list(evidence.interval),
        "outcomes": dict(evidence.outcomes),
    }


def _write_timing(folder: Path, session: Mapping[str, Any]) -> None:
    """Wall times and traffic of the session that ended the study; no part of the result."""
    path = folder / "timing.json"
    beside = path.with_suffix(".json.part")
    beside.write_text(json.dumps(session, indent=1) + "\n", encoding="utf-8")
    os.replace(beside, path)
