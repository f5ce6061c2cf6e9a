"""The agent's words beside the numbers that followed."""

from collections.abc import Mapping
from typing import Any

__all__ = ["advice_rounds", "readable_target"]

_Record = Mapping[str, Any]


def advice_rounds(result: _Record, unheard: frozenset[int]) -> list[dict[str, Any]]:
    """One entry per round after which the agent spoke, in order.

    The numbers that followed: the mean score of the graphs sampled in the next round beside that
    of this one, and each edited probability now and after the next round.
    """
    rounds = result["rounds"]
    entries = []
    for now, following in zip(rounds, [*rounds[1:], None], strict=True):
        advice = now["advice"]
        if advice is None:
            if now["round"] in unheard:
                entries.append(_entry(now, following, None))
            continue
        entries.append(_entry(now, following, advice))
    return entries


def _entry(now: _Record, following: _Record | None, advice: _Record | None) -> dict[str, Any]:
    before, after = now["mean"], following["mean"] if following else None
    change = after - before if before is not None and after is not None else None
    view = (advice.get("view") or {}) if advice else {}
    return {
        "round": now["round"],
        "valid": advice is not None,
        "summary": advice["summary"] if advice else "",
        "raw": advice.get("raw") if advice else None,
        "edits": [_edit(edit, now, following) for edit in advice["edits"]] if advice else [],
        "graphs": advice["graphs"] if advice else [],
        "trust": view.get("trust"),
        "before": before,
        "after": after,
        "change": change,
        "next": following["round"] if following else None,
    }


def readable_target(name: str) -> str:
    """`3->sink` -> `slot 3 → sink`, `2:xs` -> `slot 2: xs`, `fuser:m` -> `sink: fuser m`."""
    source, arrow, target = name.partition("->")
    if arrow:
        return f"slot {source} → {target if target == 'sink' else f'slot {target}'}"
    slot, colon, what = name.partition(":")
    if colon and slot.isdigit():
        return f"slot {slot}: {what}"
    return f"sink: {name.replace(':', ' ')}"


def _edit(edit: _Record, now: _Record, following: _Record | None) -> dict[str, Any]:
    before = (now["table"] or {}).get(edit["target"])
    after = (following["table"] or {}).get(edit["target"]) if following else None
    return {
        "target": readable_target(str(edit["target"])),
        "delta": edit["delta"],
        "reason": edit["reason"],
        "before": before,
        "after": after,
    }
