"""What each section of the page shows, worked out from the record of the study."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from graphsearch.report import _words
from graphsearch.report._advice import advice_rounds
from graphsearch.report._colours import PLAIN, WINNER, assigned
from graphsearch.report._graph import draw_graph, graph_steps
from graphsearch.report._moves import (
    Moves,
    draw_edges,
    draw_heat,
    draw_scores,
    draw_shares,
    split_tables,
)
from graphsearch.report._read import Run
from graphsearch.report._strips import draw_interval, draw_parts
from graphsearch.report._tradeoff import Mark, draw_tradeoff, front_items

__all__ = ["sections"]

_Record = Mapping[str, Any]

WIDE, NARROW = 980.0, 372.0
_ARCHIVE_ROWS = 60
_OUTCOMES = {
    "answered": "#56b4e9",
    "unparsed": "#e69f00",
    "truncated": "#cc79a7",
    "refused": "#d55e00",
    "empty": "#5b6470",
}
_OURS = "#222222"
_GREY = "#8a93a0"


def sections(run: Run) -> dict[str, Any]:
    """Everything the template names."""
    result = run.result
    models = [str(m["name"]) for m in result["fleet"]["models"]]
    colours = assigned(models)
    state, verdict = _words.verdict(result)
    return {
        "result": result,
        "currency": result["budgets"]["graph"]["currency"],
        "headline": _words.headline(result),
        "state": state,
        "verdict": verdict,
        "tally": _words.tally(result) if result["baselines"] else None,
        "break_even": _words.break_even(result),
        "winner": _winner(result, colours),
        "rows": _rows(result),
        "tradeoff": _tradeoff(result),
        "archive": _archive(result),
        "moves": _moves(result, models, colours),
        "scores": _scores(result),
        "advice": advice_rounds(result, run.unheard),
        "spend": _spend(result),
        "outcomes": _outcomes(result),
        "limits": _words.limits(result),
        "provenance": _provenance(run),
    }


def _winner(result: _Record, colours: Mapping[str, str]) -> dict[str, Any]:
    graph = result["winner"]["graph"]
    return {
        "wide": draw_graph(graph, colours, width=WIDE, class_="graph wide"),
        "narrow": draw_graph(graph, colours, width=NARROW, class_="graph narrow"),
        "steps": graph_steps(graph),
        "nodes": len(graph["nodes"]),
    }


def _rows(result: _Record) -> list[dict[str, Any]]:
    """The winner first, then every alternative, with intervals on two common scales."""
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
    colour = WINNER if kind == "winner" else _GREY if kind == "oracle" else PLAIN
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
    return {"wide": wide, "narrow": narrow, "tried": len(tried), "enough": front_items(tried)}


def _tested_marks(result: _Record) -> list[Mark]:
    """Winner, best plain alternative, the best of each kind, then the rest; a few are labelled."""
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
        label = row["name"] if row["kind"] not in seen else ""
        seen.add(row["kind"])
        kind = "oracle" if row["oracle"] else "plain"
        marks.append(_mark(kind, row["name"], label, row["evidence"]["used"], row["evidence"]))
    return [mark for mark in marks if mark is not None]


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


def _moves(
    result: _Record, models: Sequence[str], colours: Mapping[str, str]
) -> dict[str, Any] | None:
    tables = {int(r["round"]): r["table"] for r in result["rounds"] if r["table"]}
    if not tables:
        return None
    moves = split_tables(tables, models)
    roles = sorted({role for slot in moves.roles.values() for role in slot})
    role_colours = assigned(roles, skip=4)
    return {
        "rounds": moves.rounds,
        "edges": _edge_pictures(moves),
        "models": _share_pictures(moves.models, colours, moves.rounds),
        "roles": _share_pictures(moves.roles, role_colours, moves.rounds),
        "model_legend": [(name, colours[name]) for name in models if _occurs(name, moves)],
        "role_legend": list(role_colours.items()),
        "sinks": _sink_pictures(moves),
    }


def _occurs(model: str, moves: Moves) -> bool:
    return any(model in slot for slot in moves.models.values())


def _edge_pictures(moves: Moves) -> list[Markup]:
    """Edges at up to four moments, evenly spread from the first round to the last."""
    if not moves.edges[0]:
        return []
    last = len(moves.rounds) - 1
    moments = sorted({round(last * k / 3) for k in range(4)})
    return [draw_edges(moves.edges[k], title=f"round {moves.rounds[k]}") for k in moments]


def _share_pictures(
    slots: Mapping[str, Mapping[str, Sequence[float]]],
    colours: Mapping[str, str],
    rounds: Sequence[int],
) -> list[Markup]:
    """One picture per slot; none where there is nothing to choose."""
    return [
        draw_shares(shares, colours, rounds, title=f"slot {slot}")
        for slot, shares in sorted(slots.items(), key=lambda s: int(s[0]))
        if len(shares) > 1
    ]


def _sink_pictures(moves: Moves) -> list[Markup]:
    if len(moves.sinks) < 2:
        return []
    return [
        draw_heat(moves.sinks, moves.rounds, width=720.0, class_="chart wide"),
        draw_heat(moves.sinks, moves.rounds, width=NARROW, class_="chart narrow"),
    ]


def _scores(result: _Record) -> list[Markup]:
    rounds = [int(r["round"]) for r in result["rounds"]]
    series = {
        "best so far": [r["best"] for r in result["rounds"]],
        "mean of the round": [r["mean"] for r in result["rounds"]],
    }
    if len(rounds) < 2 or all(v is None for values in series.values() for v in values):
        return []
    colours = {"best so far": WINNER, "mean of the round": "#4a5260"}
    return [
        draw_scores(series, colours, rounds, width=860, height=280, class_="chart wide"),
        draw_scores(series, colours, rounds, width=NARROW, height=260, class_="chart narrow"),
    ]


def _spend(result: _Record) -> dict[str, Any]:
    """Accounts as rows; the currency of the search budget first."""
    currencies = list(result["spend"])
    named = [b["currency"] for b in result["budgets"]["search"]]
    currencies.sort(key=lambda c: (c not in named, named.index(c) if c in named else 0))
    main = currencies[0] if currencies else None
    accounts = sorted(
        {a for c in currencies for a in result["spend"][c]["accounts"]}
        | set(result["calls"]["accounts"]),
        key=_account_order,
    )
    colours = assigned(accounts)
    calls = result["calls"]
    return {
        "currencies": currencies,
        "main": main,
        "rows": [_account(result, account, currencies, calls, colours) for account in accounts],
        "whole": draw_parts(
            {
                a: value
                for a in accounts
                if main and (value := result["spend"][main]["accounts"].get(a)) is not None
            },
            colours,
            described="spend by account",
        ),
        "times": calls["asked"] / calls["made"] if calls["made"] else None,
    }


def _account_order(name: str) -> tuple[int, str]:
    known = ("search", "agent", "judge", "selection", "test", "baseline")
    return (known.index(name) if name in known else len(known), name)


def _account(
    result: _Record,
    account: str,
    currencies: Sequence[str],
    calls: _Record,
    colours: Mapping[str, str],
) -> dict[str, Any]:
    spent = {c: result["spend"][c]["accounts"].get(account) for c in currencies}
    main = currencies[0] if currencies else None
    total = result["spend"][main]["total"] if main else None
    share = spent[main] / total if main and total and spent[main] is not None else None
    made = calls["accounts"].get(account, {"asked": None, "made": None})
    return {
        "name": account,
        "colour": colours[account],
        "spent": spent,
        "share": share,
        "asked": made["asked"],
        "made": made["made"],
    }


def _outcomes(result: _Record) -> dict[str, Any]:
    """Counts of outcomes by account, then for the winner and each alternative on the test."""
    by_account = sorted(result["outcomes"].items(), key=lambda pair: _account_order(pair[0]))
    rows = [(f"all of {name}", counts) for name, counts in by_account]
    if result["test"] is not None:
        rows.append(("the winner, tested", result["test"]["outcomes"]))
    rows += [(r["name"], r["evidence"]["outcomes"]) for r in result["baselines"]]
    seen = {kind for _, counts in rows for kind, value in counts.items() if value}
    kinds = [k for k in _OUTCOMES if k in seen] + sorted(seen - set(_OUTCOMES))
    colours = {k: _OUTCOMES.get(k, _OURS) for k in kinds}
    return {
        "kinds": kinds,
        "colours": colours,
        "rows": [
            {
                "name": name,
                "counts": [counts.get(k, 0) for k in kinds],
                "bar": draw_parts(
                    {k: counts.get(k, 0) for k in kinds}, colours, described=f"outcomes: {name}"
                ),
            }
            for name, counts in rows
        ],
    }


def _provenance(run: Run) -> dict[str, Any]:
    """Facts that say which study this was, and the whole of its settings as text."""
    result = run.result
    profile = result["task"]["profile"]
    facts = {
        "graphsearch": result["graphsearch_version"],
        "run folder": run.folder,
        "seed": result["seed"],
        "task": result["task"]["name"],
        "task fingerprint": result["task"]["fingerprint"] or None,
        "questions": ", ".join(f"{k} {v:,}" for k, v in result["task"]["items"].items()),
        "token profile": f"question {profile['question']}, answer {profile['answer']}",
        "fleet": result["fleet"].get("name"),
        "searcher": result["searcher"]["name"],
        "agent": result["agent"]["name"] if result["agent"] else "none",
        "stopped by": _stopped(result),
        "winner": f"trial {result['winner']['trial']}, round {result['winner']['round']}",
        "winner's key": result["winner"]["key"],
        "seconds": _seconds(run.timing),
    }
    texts = {
        "space": result["space"],
        "fleet": result["fleet"],
        "searcher and agent": {"searcher": result["searcher"], "agent": result["agent"]},
        "settings": result["settings"],
    }
    shown = {k: json.dumps(v, indent=2, ensure_ascii=False) for k, v in texts.items()}
    if run.config is not None:
        shown = {"config.yaml": run.config, **shown}
    return {
        "facts": {k: str(v) for k, v in facts.items() if v is not None},
        "texts": shown,
    }


def _stopped(result: _Record) -> str | None:
    stop = result["stopped_by"]
    return f"{stop['rule']}: {stop['reason']}" if stop else None


def _seconds(timing: Mapping[str, Any] | None) -> str | None:
    if not timing or not timing.get("seconds"):
        return None
    return ", ".join(f"{k} {v:,.1f}" for k, v in timing["seconds"].items())
