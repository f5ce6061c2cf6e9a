"""What the study spent, and how answers ended."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphsearch.ledger import ACCOUNTS
from graphsearch.report._colours import assigned
from graphsearch.report._strips import draw_parts

__all__ = ["outcomes", "spend"]

_Record = Mapping[str, Any]

_OUTCOMES = {
    "answered": "#56b4e9",
    "unparsed": "#e69f00",
    "truncated": "#cc79a7",
    "refused": "#d55e00",
    "empty": "#5b6470",
}
_OURS = "#222222"


def spend(result: _Record) -> dict[str, Any]:
    """Accounts as rows; the currency of the search budget first."""
    named = [b["currency"] for b in result["budgets"]["search"]]
    # calls have columns of their own
    currencies = [c for c in result["spend"] if c != "calls" or c in named]
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
    return (ACCOUNTS.index(name) if name in ACCOUNTS else len(ACCOUNTS), name)


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


def outcomes(result: _Record) -> dict[str, Any]:
    """Counts of outcomes by account and for the winner, and of each baseline on the test."""
    by_account = sorted(result["outcomes"].items(), key=lambda pair: _account_order(pair[0]))
    rows = [(f"all of {name}", counts) for name, counts in by_account]
    if result["test"] is not None:
        rows.append(("the winner, tested", result["test"]["outcomes"]))
    baselines = [(r["name"], r["evidence"]["outcomes"]) for r in result["baselines"]]
    seen = {kind for _, counts in [*rows, *baselines] for kind, value in counts.items() if value}
    kinds = [k for k in _OUTCOMES if k in seen] + sorted(seen - set(_OUTCOMES))
    colours = {k: _OUTCOMES.get(k, _OURS) for k in kinds}
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
