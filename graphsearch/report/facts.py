"""Tables of facts: spend, lengths of texts, how answers ended, and which study it was."""

import json
from collections.abc import Mapping
from typing import Any

from graphsearch.ledger import ACCOUNTS
from graphsearch.report.colours import assigned
from graphsearch.report.numbers import MINUS, UNKNOWN
from graphsearch.report.read import FinishedRun
from graphsearch.report.strips import draw_parts

__all__ = ["lengths", "outcomes", "provenance", "spend"]

_Record = Mapping[str, Any]

_OUTCOMES = {
    "answered": "#56b4e9",
    "unparsed": "#e69f00",
    "truncated": "#cc79a7",
    "refused": "#d55e00",
    "empty": "#5b6470",
}
_OTHER = "#222222"
_SOURCES = {
    "assumed": "Costs were expected from the lengths that the task assumes.",
    "measured": "Costs were expected from lengths measured on the first questions of the search.",
    "told": "Costs were expected from lengths that were given for single models.",
}


def spend(result: _Record) -> dict[str, Any]:
    """Accounts as rows; the currency of the search budget first."""
    spent, calls = result["spend"], result["calls"]
    named = [b["currency"] for b in result["budgets"]["search"]]
    # calls have columns of their own
    currencies = [c for c in spent if c != "calls" or c in named]
    currencies.sort(key=lambda c: (c not in named, named.index(c) if c in named else 0))
    accounts = sorted(
        {a for c in currencies for a in spent[c]["accounts"]} | set(calls["accounts"]),
        key=_account_order,
    )
    main = currencies[0] if currencies else None
    known = {
        a: value for a in accounts if main and (value := spent[main]["accounts"].get(a)) is not None
    }
    total = spent[main]["total"] if main else None
    colours = assigned(accounts)
    rows = []
    for account in accounts:
        made = calls["accounts"].get(account, {"asked": None, "made": None})
        rows.append(
            {
                "name": account,
                "colour": colours[account],
                "spent": {c: spent[c]["accounts"].get(account) for c in currencies},
                "share": known[account] / total if total and account in known else None,
                "asked": made["asked"],
                "made": made["made"],
            }
        )
    return {
        "currencies": currencies,
        "main": main,
        "rows": rows,
        "whole": draw_parts(known, colours, described="spend by account"),
        "times": calls["asked"] / calls["made"] if calls["made"] else None,
    }


def _account_order(name: str) -> tuple[int, str]:
    return (ACCOUNTS.index(name) if name in ACCOUNTS else len(ACCOUNTS), name)


def lengths(result: _Record) -> dict[str, Any] | None:
    """A row a model; None where the record holds no lengths."""
    part = result.get("lengths")
    if part is None:
        return None
    models = part["models"]
    return {
        "says": _SOURCES[part["source"]],
        "assumed": part["assumed"],
        "rows": [{"name": name, **found} for name, found in models.items()],
        "off": {name: _off(found["error"]) for name, found in models.items()},
        "off_assumed": {name: _off(found["error_assumed"]) for name, found in models.items()},
    }


def _off(error: float | None) -> str:
    """By how much an expected cost was wrong, in percent."""
    if error is None:
        return UNKNOWN
    text = f"{100 * error:+.0f}"
    return "0 %" if text in {"+0", "-0"} else f"{text.replace('-', MINUS)} %"


def outcomes(result: _Record) -> dict[str, Any]:
    """Counts of outcomes by account and for the winner, and of each baseline on the test."""
    by_account = sorted(result["outcomes"].items(), key=lambda pair: _account_order(pair[0]))
    rows = [(f"all of {name}", counts) for name, counts in by_account]
    if result["test"] is not None:
        rows.append(("the winner, tested", result["test"]["outcomes"]))
    baselines = [(r["name"], r["evidence"]["outcomes"]) for r in result["baselines"]]
    seen = {kind for _, counts in [*rows, *baselines] for kind, value in counts.items() if value}
    kinds = [k for k in _OUTCOMES if k in seen] + sorted(seen - set(_OUTCOMES))
    colours = {k: _OUTCOMES.get(k, _OTHER) for k in kinds}
    return {
        "kinds": kinds,
        "colours": colours,
        "rows": [_ended(name, counts, colours) for name, counts in rows],
        "baselines": [_ended(name, counts, colours) for name, counts in baselines],
    }


def _ended(name: str, counts: _Record, colours: Mapping[str, str]) -> dict[str, Any]:
    """One row: how often each kind of outcome was seen, as numbers and as a bar."""
    seen = {kind: counts.get(kind, 0) for kind in colours}
    bar = draw_parts(seen, colours, described=f"outcomes: {name}")
    return {"name": name, "counts": list(seen.values()), "bar": bar}


def provenance(run: FinishedRun) -> dict[str, Any]:
    """Facts that say which study this was, and the whole of its settings as text."""
    result = run.result
    task, winner, agent, stop = (result[k] for k in ("task", "winner", "agent", "stopped_by"))
    profile = task["profile"]
    priced: dict[str, list[str]] = {}
    for model in result["fleet"].get("models", ()):
        if model.get("price_source"):
            priced.setdefault(model["price_source"], []).append(model["name"])
    seconds = (run.timing or {}).get("seconds") or {}
    facts = {
        "graphsearch": result["graphsearch_version"],
        "run folder": run.folder,
        "seed": result["seed"],
        "task": task["name"],
        "task fingerprint": task["fingerprint"] or None,
        "questions": ", ".join(f"{k} {v:,}" for k, v in task["items"].items()),
        "token profile": f"question {profile['question']}, answer {profile['answer']}",
        "fleet": result["fleet"].get("name"),
        "prices": "; ".join(f"{', '.join(names)}: {s}" for s, names in priced.items()) or None,
        "prompts": result.get("prompts"),
        "searcher": result["searcher"]["name"],
        "agent": agent["name"] if agent else "none",
        "stopped by": f"{stop['rule']}: {stop['reason']}" if stop else None,
        "winner": f"trial {winner['trial']}, round {winner['round']}",
        "winner's key": winner["key"],
        "seconds": ", ".join(f"{k} {v:,.1f}" for k, v in seconds.items()) or None,
    }
    texts = {
        "space": result["space"],
        "fleet": result["fleet"],
        "searcher and agent": {"searcher": result["searcher"], "agent": agent},
        "settings": result["settings"],
    }
    shown = {k: json.dumps(v, indent=2, ensure_ascii=False) for k, v in texts.items()}
    if run.config is not None:
        shown = {"config.yaml": run.config, **shown}
    return {"facts": {k: str(v) for k, v in facts.items() if v is not None}, "texts": shown}
