"""What each section of the page shows, worked out from the record of the study."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphsearch.agents.roles import get_roles
from graphsearch.records.roles import FittedRole, Role
from graphsearch.report import _words
from graphsearch.report._advice import advice_rounds
from graphsearch.report._books import outcomes, spend
from graphsearch.report._colours import BASELINE, WINNER, assigned
from graphsearch.report._graph import draw_graph, graph_steps
from graphsearch.report._learned import probabilities, scores, trust
from graphsearch.report._lengths import lengths
from graphsearch.report._numbers import UNKNOWN
from graphsearch.report._provenance import provenance
from graphsearch.report._read import Run
from graphsearch.report._strips import draw_interval
from graphsearch.report._svg import NARROW, WIDE
from graphsearch.report._tradeoff import MANY, Mark, draw_tradeoff, front_items

__all__ = ["sections"]

_Record = Mapping[str, Any]

_ARCHIVE_ROWS = 60
_GREY = "#8a93a0"


def sections(run: Run) -> dict[str, Any]:
    """Everything the template names."""
    result = run.result
    models = [str(m["name"]) for m in result["fleet"]["models"]]
    colours = assigned(models)
    roles = get_roles("chat")  # what a role declares does not depend on the words of its prompts
    state, verdict = _words.verdict(result)
    return {
        "result": result,
        "currency": result["budgets"]["graph"]["currency"],
        "headline": _words.headline(result),
        "state": state,
        "verdict": verdict,
        "rivals": _words.rivals(result),
        "tally": _words.tally(result) if result["baselines"] else None,
        "break_even": _words.break_even(result),
        "winner": _winner(result, colours, roles),
        "rows": _rows(result),
        "shorter": _stopped_early(result),
        "tradeoff": _tradeoff(result),
        "archive": _archive(result),
        "moves": probabilities(result, models, colours),
        "scores": scores(result),
        "items": _range([r["items"] for r in result["rounds"]]),
        "advice": advice_rounds(result),
        "trust": trust(result),
        "spend": spend(result),
        "lengths": lengths(result),
        "outcomes": outcomes(result),
        "limits": _words.limits(result),
        "provenance": provenance(run),
    }


def _stopped_early(result: _Record) -> bool:
    """Whether some baseline answered fewer test questions than the winner."""
    test = result["test"]
    return test is not None and any(r["evidence"]["n"] < test["n"] for r in result["baselines"])


def _range(values: Sequence[int]) -> str:
    """`56`, or `8 to 56`; a dash for none."""
    if not values:
        return UNKNOWN
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _winner(
    result: _Record, colours: Mapping[str, str], roles: Mapping[str, Role]
) -> dict[str, Any]:
    graph = result["winner"]["graph"]
    return {
        "wide": draw_graph(graph, colours, width=WIDE, class_="graph wide", roles=roles),
        "narrow": draw_graph(graph, colours, width=NARROW, class_="graph narrow", roles=roles),
        "steps": graph_steps(graph, roles),
        "nodes": len(graph["nodes"]),
        "fitted": fitted_parts(result["winner"], roles),
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


def _rows(result: _Record) -> list[dict[str, Any]]:
    """The winner first, then every baseline, with intervals on two common scales."""
    test, winner = result["test"], result["winner"]
    tested = [r["evidence"] for r in result["baselines"]] + ([test] if test else [])
    accuracy = _domain([b for e in tested if e["interval"] for b in e["interval"]], 0.0, 1.0)
    spans = [r["difference"]["interval"] for r in result["baselines"] if r["difference"]]
    gain = _domain([0.0, *(b for span in spans if span for b in span)], -1.0, 1.0)
    rows = []
    if test is not None:
        rows.append(_row("The winner", winner["text"], test, None, "winner", accuracy, gain, test))
    for row in result["baselines"]:
        kind = "oracle" if row["oracle"] else _words.standing(row, winner)
        rows.append(
            _row(row["name"], "", row["evidence"], row["difference"], kind, accuracy, gain, test)
        )
        rows[-1]["best"] = row["name"] == result["best_plain"]
    return rows


def _row(
    name: str,
    text: str,
    evidence: _Record,
    difference: _Record | None,
    kind: str,
    accuracy: tuple[float, float],
    gain: tuple[float, float],
    test: _Record | None,
) -> dict[str, Any]:
    colour = WINNER if kind == "winner" else _GREY if kind == "oracle" else BASELINE
    share = None
    if test is not None and test["used"] and evidence["used"] is not None:
        share = evidence["used"] / test["used"]
    return {
        "name": name,
        "text": text,
        "kind": kind,
        "best": False,
        "evidence": evidence,
        "difference": difference,
        "share": share,
        "strip": draw_interval(
            evidence["accuracy"],
            evidence["interval"],
            accuracy,
            colour=colour,
            described=f"{name}: {_words.described_accuracy(evidence)}",
        ),
        "gain": draw_interval(
            difference["mean"] if difference else None,
            difference["interval"] if difference else None,
            gain,
            colour=colour,
            zero=0.0,
            described=f"winner minus {name}",
        ),
    }


def _domain(values: Sequence[float], lowest: float, highest: float) -> tuple[float, float]:
    if not values:
        return lowest, highest
    pad = max((max(values) - min(values)) * 0.05, 0.005)
    return max(min(values) - pad, lowest), min(max(values) + pad, highest)


def _tradeoff(result: _Record) -> dict[str, Any] | None:
    currency = result["budgets"]["graph"]["currency"]
    marks = _tested_marks(result) + [
        mark
        for entry in result["archive"]
        if (mark := _mark("tried", entry["text"], "", entry["used_cost"], entry)) is not None
    ]
    if not marks:
        return None
    tried = [mark for mark in marks if mark.kind == "tried"]
    allowed = result["budgets"]["graph"]["allowed"]
    wide = draw_tradeoff(
        marks,
        allowed=allowed,
        currency=currency,
        width=WIDE,
        height=480,
        class_="chart wide",
        labels=9,
    )
    narrow = draw_tradeoff(
        marks,
        allowed=allowed,
        currency=currency,
        width=NARROW,
        height=400,
        class_="chart narrow",
        labels=4,
    )
    return {
        "wide": wide,
        "narrow": narrow,
        "tried": len(tried),
        "enough": front_items(tried),
        "many": len(tried) > MANY,
        "above": allowed is not None and any(mark.cost > allowed for mark in tried),
    }


def _tested_marks(result: _Record) -> list[Mark]:
    """Winner, best baseline, the best of each kind, then the rest; a few are labelled."""
    rows = sorted(
        result["baselines"],
        key=lambda r: (r["name"] != result["best_plain"], -(r["evidence"]["accuracy"] or 0.0)),
    )
    marks = []
    if result["test"] is not None:
        test = result["test"]
        marks.append(_mark("winner", result["winner"]["text"], "the winner", test["used"], test))
    seen: set[str] = set()
    for row in rows:
        label = _label(row) if row["kind"] not in seen else ""
        seen.add(row["kind"])
        kind = "oracle" if row["oracle"] else "baseline"
        marks.append(_mark(kind, row["name"], label, row["evidence"]["used"], row["evidence"]))
    return [mark for mark in marks if mark is not None]


def _label(row: _Record) -> str:
    named = "oracle" in row["name"] or not row["oracle"]
    return str(row["name"]) if named else f"{row['name']} (oracle)"


def _mark(kind: Any, name: str, label: str, cost: float | None, record: _Record) -> Mark | None:
    if cost is None or record["accuracy"] is None or record["interval"] is None:
        return None
    low, high = record["interval"]
    return Mark(kind, name, label, cost, record["accuracy"], low, high, record["n"])


def _archive(result: _Record) -> dict[str, Any]:
    """The tried graphs with the best lower bounds."""
    entries = [e for e in result["archive"] if e["interval"] is not None]
    entries.sort(key=lambda e: (-e["interval"][0], e["expected_cost"], e["key"]))
    return {
        "rows": entries[:_ARCHIVE_ROWS],
        "total": len(result["archive"]),
        "trials": len(result["trials"]),
        "stopped": sum(t["state"] == "stopped" for t in result["trials"]),
        "failed": sum(t["state"] == "failed" for t in result["trials"]),
    }
