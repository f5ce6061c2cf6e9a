"""The end of a study: what was found, in a sentence, and the record of all of it."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphsearch.cost import CURRENCIES
from graphsearch.study.agreement import judge_part, note_on_judge
from graphsearch.study.budgets import ASKED_ONCE
from graphsearch.study.evidence import Evidence
from graphsearch.study.lengths import lengths_part
from graphsearch.study.losses import note_on_losses
from graphsearch.study.prepare import LENGTHS, agreement_in
from graphsearch.study.result import BreakEven, Result, Row, Winner
from graphsearch.study.show import number
from graphsearch.study.usable import never_used
from graphsearch.study.verdict import compared, rivals_of, verdict
from graphsearch.words import counted

if TYPE_CHECKING:
    from pathlib import Path

    from graphsearch.graph import CollaborationGraph
    from graphsearch.ledger import Ledger
    from graphsearch.records.events import BudgetState
    from graphsearch.records.fits import Fit
    from graphsearch.study.calibration import Calibration
    from graphsearch.study.experiment import Experiment
    from graphsearch.study.heldout import Tested
    from graphsearch.study.run import Run
    from graphsearch.study.search import Searched
    from graphsearch.study.select import Choice

__all__ = ["against_budget", "break_even", "conclude"]

_MUCH_LESS = 0.75
"""Share of the allowed cost below which a reader is told that some of it is unused."""

_NOTHING_RIGHT = (
    "Not one answer of the search was right: before believing that of the models, read some "
    "replies, and check the prompts, the grader and the gold answers."
)


def conclude(
    run: "Run",
    experiment: "Experiment",
    searched: "Searched",
    choice: "Choice",
    tested: "Tested",
    *,
    folder: "Path",
) -> Result:
    """The verdict and the whole record; asks nobody anything.

    Args:
        run: what was asked for, spent and decided.
        experiment: as it was planned.
        searched: the search.
        choice: the winner.
        tested: the held-out test.
        folder: where the run lies.
    """
    entry, archive, task = choice.winner, searched.archive, experiment.task
    level = experiment.settings.level
    winner = Winner(
        entry.graph,
        entry.origin,
        entry.round,
        entry.trial,
        entry.expected_cost,
        run.calibration.of(entry.graph),
    )
    used = None if tested.winner is None else tested.winner.used
    found = compared(rivals_of(winner, tested.winner, tested.rows), used=used)
    best = next((row for row in tested.rows if found and row.name == found.best.name), None)
    tally = run.calibration.added_to(run.tally, [one.graph for one in archive.entries.values()])
    spend, calls = _books(run.ledger, tally.asked)
    total = spend.get(experiment.graph_budget.currency, {}).get("total")
    agreement = agreement_in(run)
    # Answers of graphs in the search, each once, and of the winner in the selection.
    kept = [r for entry in archive.ranking() for r in entry.results.values()] + [*choice.results]
    notes = (
        "" if any(entry.estimate(level).mean for entry in archive.ranking()) else _NOTHING_RIGHT,
        note_on_losses(tally.losses.all, task),
        searched.sizing.note(),
        *(f"{said[0].upper()}{said[1:]}." for said in never_used(experiment.space)),
        *experiment.notes,
        note_on_judge(task.grader, agreement),
        choice.note,
        against_budget(tested.winner),
        *tested.notes,
    )
    trials, tried = _tried(experiment, run.calibration, searched)
    return Result(
        winner=winner,
        test=tested.winner,
        selection=choice.finalists,
        baselines=tested.rows,
        best_plain=best.name if best else None,
        verdict=verdict(winner, tested.winner, found),
        break_even=break_even(tested.winner, best, total),
        stopped_by={"rule": searched.stopped.rule, "reason": searched.stopped.reason},
        spend=spend,
        calls=calls,
        outcomes=tally.to_json()["outcomes"],
        rounds=searched.rounds,
        trials=trials,
        archive=tried,
        provenance=_provenance(experiment, run.events.budgets()),
        notes=tuple(note for note in notes if note),
        lengths=lengths_part(
            experiment.space,
            task.profile,
            run.lengths,
            were_measured=run.made(LENGTHS) is not None,
        ),
        judge=judge_part(task.grader, agreement, kept),
        losses=tuple(tally.losses.to_json()),
        folder=folder,
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
            f"The winner uses {used} of the {allowed} allowed. The baselines are given what it "
            "uses, not what is allowed."
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


def _books(ledger: "Ledger", asked: Mapping[str, int]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Spend by currency and account, and calls asked for and made.

    A currency in which some call has no price is left out.
    """
    spend: dict[str, Any] = {
        currency: {
            "total": float(ledger.spent(currency)),
            "accounts": {name: float(ledger.spent(currency, name)) for name in ledger.accounts},
        }
        for currency in CURRENCIES
        if not ledger.unknown(currency)
    }
    made = {name: int(ledger.spent("calls", name)) for name in ledger.accounts}
    accounts = {
        name: {
            "asked": made.get(name, 0) if name in ASKED_ONCE else asked.get(name, 0),
            "made": made.get(name, 0),
        }
        for name in sorted({*asked, *made})
    }
    asked_all = sum(account["asked"] for account in accounts.values())
    return spend, {"asked": asked_all, "made": sum(made.values()), "accounts": accounts}


def _tried(
    experiment: "Experiment", calibration: "Calibration", searched: "Searched"
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All trials, and all graphs with what is known of them over all their trials, best first."""

    def summary(
        graph: "CollaborationGraph", results: Sequence[Any], planned: float, fit: "Fit | None"
    ) -> dict[str, Any]:
        evidence = experiment.evidence(results, planned=planned)
        return {
            **({} if fit is None else {"fit": fit.to_json()}),
            "key": graph.key,
            "text": graph.describe(),
            "expected_cost": planned,
            "used_cost": evidence.used,
            "n": evidence.n,
            "accuracy": evidence.accuracy,
            "interval": list(evidence.interval),
            "outcomes": dict(evidence.outcomes),
        }

    trials = [
        {
            "number": trial.number,
            "round": trial.round,
            "origin": trial.proposal.origin,
            "state": trial.state.value,
            "reused": trial.reused,
            **summary(trial.proposal.graph, trial.results, trial.expected_cost, trial.fit),
        }
        for trial in searched.trials
    ]
    graphs = []
    for entry in searched.archive.ranking():
        fit, results = calibration.of(entry.graph), tuple(entry.results.values())
        known = summary(entry.graph, results, entry.expected_cost, fit)
        graphs.append({"graph": entry.graph.to_json(), "trials": entry.trials, **known})
    return trials, graphs


def _provenance(experiment: "Experiment", states: "Sequence[BudgetState]") -> dict[str, Any]:
    from graphsearch import __version__

    identity = experiment.identity()
    identity.pop("limits")
    # An export serves the winner from where its models were.
    identity["fleet"] = experiment.fleet.to_json()
    graph = experiment.graph_budget

    def rows(amounts: Sequence[Any], states: "Sequence[BudgetState]") -> list[dict[str, Any]]:
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

    count = len(experiment.search_budget)
    return {
        "graphsearch_version": __version__,
        **identity,
        "prompt_set": experiment.names.get("prompt_set"),
        "budgets": {
            "graph": {"text": str(graph), "currency": graph.currency, "allowed": float(graph)},
            "search": rows(experiment.search_budget, states[:count]),
            "evaluation": rows(experiment.evaluation_budget, states[count:]) or None,
        },
    }
