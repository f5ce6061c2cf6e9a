"""What each section of the page shows, worked out from the record of the study."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphsearch.agents.roles import get_roles
from graphsearch.records.roles import FittedRole, Role
from graphsearch.report import words
from graphsearch.report.advice import advice_rounds
from graphsearch.report.colours import BASELINE, WINNER, assigned
from graphsearch.report.facts import lengths, outcomes, provenance, spend
from graphsearch.report.graph import draw_graph, graph_steps
from graphsearch.report.numbers import UNKNOWN, interval, number, percent
from graphsearch.report.probabilities import probabilities
from graphsearch.report.read import FinishedRun
from graphsearch.report.scores import scores, trust
from graphsearch.report.strips import draw_interval
from graphsearch.report.svg import NARROW, WIDE
from graphsearch.report.tradeoff import tradeoff

__all__ = ["fitted_parts", "sections"]

_Record = Mapping[str, Any]

_ARCHIVE_ROWS = 60
_ORACLE = "#8a93a0"


def sections(run: FinishedRun) -> dict[str, Any]:
    """Everything the template names."""
    result = run.result
    test, baselines, trials = result["test"], result["baselines"], result["trials"]
    models = [str(m["name"]) for m in result["fleet"]["models"]]
    colours = assigned(models)
    roles = get_roles("chat")  # what a role declares does not depend on the words of its prompts
    graph = result["winner"]["graph"]
    state, verdict = words.verdict(result)

    items = UNKNOWN
    if asked := [r["items"] for r in result["rounds"]]:
        low, high = min(asked), max(asked)
        items = f"{low:,}" if low == high else f"{low:,} to {high:,}"

    # The tried graphs with the best lower bounds.
    known = [e for e in result["archive"] if e["interval"] is not None]
    known.sort(key=lambda e: (-e["interval"][0], e["expected_cost"], e["key"]))
    return {
        "result": result,
        "currency": result["budgets"]["graph"]["currency"],
        "headline": words.headline(result),
        "state": state,
        "verdict": verdict,
        "best_of_kinds": words.best_of_kinds(result),
        "tally": words.tally(result) if baselines else None,
        "break_even": None if result["break_even"] is None else result["break_even"]["reason"],
        "winner": {
            "wide": draw_graph(graph, colours, width=WIDE, class_="graph wide", roles=roles),
            "narrow": draw_graph(graph, colours, width=NARROW, class_="graph narrow", roles=roles),
            "steps": graph_steps(graph, roles),
            "nodes": len(graph["nodes"]),
            "fitted": fitted_parts(result["winner"], roles),
        },
        "rows": _comparison(result),
        "shorter": test is not None and any(r["evidence"]["n"] < test["n"] for r in baselines),
        "tradeoff": tradeoff(result),
        "archive": {
            "rows": known[:_ARCHIVE_ROWS],
            "total": len(result["archive"]),
            "trials": len(trials),
            "stopped": sum(t["state"] == "stopped" for t in trials),
            "failed": sum(t["state"] == "failed" for t in trials),
        },
        "probabilities": probabilities(result, models, colours),
        "scores": scores(result),
        "items": items,
        "advice": advice_rounds(result),
        "trust": trust(result),
        "spend": spend(result),
        "lengths": lengths(result),
        "outcomes": outcomes(result),
        "limits": words.limits(result),
        "provenance": provenance(run),
    }


def fitted_parts(winner: _Record, roles: Mapping[str, Role]) -> list[str]:
    """What was measured for the winner's thresholds and votes, a sentence a node."""
    fit = winner.get("fit")
    if fit is None:
        return []
    said = []
    for node, values in sorted(fit["nodes"].items(), key=lambda pair: int(pair[0])):
        role = roles.get(str(winner["graph"]["nodes"][int(node)]["role"]))
        found = role.describe(values) if isinstance(role, FittedRole) else str(values)
        said.append(f"Node {int(node) + 1}: {found} (measured on {fit['items']} questions).")
    return said


def _comparison(result: _Record) -> list[dict[str, Any]]:
    """The winner first, then every baseline, with intervals on two common scales."""
    test, winner = result["test"], result["winner"]
    shown: list[tuple[str, str, _Record, _Record | None]] = [
        (
            row["name"],
            "oracle" if row["oracle"] else words.standing(row, winner),
            row["evidence"],
            row["difference"],
        )
        for row in result["baselines"]
    ]
    if test is not None:
        shown.insert(0, ("The winner", "winner", test, None))

    bounds = [b for _, _, e, _ in shown if e["interval"] for b in e["interval"]]
    accuracies = _domain(bounds, 0.0, 1.0)
    spans = [d["interval"] for _, _, _, d in shown if d and d["interval"]]
    gains = _domain([0.0, *(b for span in spans for b in span)], -1.0, 1.0)
    rows = []
    for name, kind, evidence, difference in shown:
        colour = WINNER if kind == "winner" else _ORACLE if kind == "oracle" else BASELINE
        share = None
        if test is not None and test["used"] and evidence["used"] is not None:
            share = evidence["used"] / test["used"]
        accuracy, ends = evidence["accuracy"], evidence["interval"]
        described = f"{name}: {percent(accuracy)} ({interval(ends)}), n = {number(evidence['n'])}"
        gain, span = (difference["mean"], difference["interval"]) if difference else (None, None)
        rows.append(
            {
                "name": name,
                "kind": kind,
                "best": kind != "winner" and name == result["best_plain"],
                "evidence": evidence,
                "difference": difference,
                "share": share,
                "strip": draw_interval(
                    accuracy, ends, accuracies, colour=colour, described=described
                ),
                "gain": draw_interval(
                    gain, span, gains, colour=colour, zero=0.0, described=f"winner minus {name}"
                ),
            }
        )
    return rows


def _domain(values: Sequence[float], lowest: float, highest: float) -> tuple[float, float]:
    """The ends of a scale that holds the values, with some room."""
    if not values:
        return lowest, highest
    pad = max((max(values) - min(values)) * 0.05, 0.005)
    return max(min(values) - pad, lowest), min(max(values) + pad, highest)
