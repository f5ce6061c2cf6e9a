"""The agent's words beside the numbers that followed."""

from collections.abc import Mapping
from typing import Any

__all__ = ["advice_rounds", "readable_target", "trust_series"]

_Record = Mapping[str, Any]


def advice_rounds(result: _Record) -> list[dict[str, Any]]:
    """One entry per round after which the agent spoke, in order.

    The numbers that followed: the mean score of the graphs sampled in the next round beside that
    of this one, and each edited probability before this round and after it (numbers and words
    together, as the searcher moves by both at once).
    """
    rounds = result["rounds"]
    return [
        _entry(before, now, following)
        for before, now, following in zip(
            [None, *rounds[:-1]], rounds, [*rounds[1:], None], strict=True
        )
        if now["advice"] is not None
    ]


def _entry(before: _Record | None, now: _Record, following: _Record | None) -> dict[str, Any]:
    advice = now["advice"]
    mean, after = now["mean"], following["mean"] if following else None
    return {
        "round": now["round"],
        "valid": advice.get("valid", True),
        "summary": "" if advice["summary"] == _reasons(advice) else advice["summary"],
        "raw": advice["raw"],
        "edits": [_edit(edit, before, now) for edit in advice["edits"]],
        "graphs": advice["graphs"],
        "trust": _trust(now),
        "trust_after": _trust(following) if following else None,
        "before": mean,
        "after": after,
        "change": after - mean if mean is not None and after is not None else None,
        "next": following["round"] if following else None,
    }


def trust_series(result: _Record) -> dict[str, list[float | None]]:
    """Trust in edits and in proposed graphs after each round; only those that were recorded."""
    names = {"trust in edits": "trust", "trust in graphs": "trust_graphs"}
    series = {
        name: [_trust(entry, key) for entry in result["rounds"]] for name, key in names.items()
    }
    return {name: values for name, values in series.items() if any(v is not None for v in values)}


def _trust(entry: _Record, key: str = "trust") -> float | None:
    value = ((entry["advice"] or {}).get("view") or {}).get(key)
    return None if value is None else float(value)


def _reasons(advice: _Record) -> str:
    """All reasons of the edits as one text, which some agents give as their summary too."""
    return " ".join(dict.fromkeys(edit["reason"] for edit in advice["edits"]))


def readable_target(name: str) -> str:
    """`3->sink` -> `slot 3 → sink`, `2:xs` -> `slot 2: xs`, `fuser:m` -> `sink: fuser m`."""
    source, arrow, target = name.partition("->")
    if arrow:
        return f"slot {source} → {target if target == 'sink' else f'slot {target}'}"
    slot, colon, what = name.partition(":")
    if colon and slot.isdigit():
        return f"slot {slot}: {what}"
    return f"sink: {name.replace(':', ' ')}"


def _edit(edit: _Record, before: _Record | None, now: _Record) -> dict[str, Any]:
    target = str(edit["target"])
    return {
        "target": readable_target(target),
        "delta": edit["delta"],
        "reason": edit["reason"],
        "before": (before["table"] or {}).get(target) if before else None,
        "after": (now["table"] or {}).get(target),
    }
