"""What the agent advised, and the numbers that followed."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

__all__ = ["advice_rounds", "readable_targets", "trust_series"]

_STILL = 0.005
"""A probability that moved by less reads the same before and after, in two decimals."""

_Record = Mapping[str, Any]


def advice_rounds(result: _Record) -> list[dict[str, Any]]:
    """One entry per round after which the agent gave advice, in order.

    The numbers that followed: the mean score of the graphs sampled in this round and in the
    next one, and each edited probability before this round and after it (numbers and words
    together, as the searcher moves by both at once).
    """
    rounds = result["rounds"]
    entries = []
    for before, now, following in zip(
        [None, *rounds[:-1]], rounds, [*rounds[1:], None], strict=True
    ):
        advice = now["advice"]
        if advice is None:
            continue
        # Some agents give all reasons of their edits as one text for their summary too.
        reasons = " ".join(dict.fromkeys(edit["reason"] for edit in advice["edits"]))
        mean, after = now["mean"], following["mean"] if following else None
        edits: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
        for edit in _edits(advice, before, now):
            known = edit["before"] is not None and edit["after"] is not None
            edits[known and abs(edit["after"] - edit["before"]) < _STILL].append(edit)
        entries.append(
            {
                "round": now["round"],
                "valid": advice.get("valid", True),
                "summary": "" if advice["summary"] == reasons else advice["summary"],
                "raw": advice["raw"],
                "edits": edits[False],
                "still": edits[True],
                "graphs": advice["graphs"],
                "trust": _trust(now),
                "trust_after": _trust(following) if following else None,
                "before": mean,
                "after": after,
                "change": after - mean if mean is not None and after is not None else None,
                "next": following["round"] if following else None,
            }
        )
    return entries


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


def _edits(advice: _Record, before: _Record | None, now: _Record) -> list[dict[str, Any]]:
    """Edits as rows; the same change for the same reason to many slots or sinks is one row."""
    gathered: dict[tuple[str, float, str], list[str]] = {}
    for edit in advice["edits"]:
        slot, rest = _parts(str(edit["target"]))
        row = (rest if slot else "sink", float(edit["delta"]), str(edit["reason"]))
        gathered.setdefault(row, []).append(str(edit["target"]))
    return [
        {
            "target": readable_targets(targets),
            "delta": delta,
            "reason": reason,
            "before": _mean_probability(before, targets) if before else None,
            "after": _mean_probability(now, targets),
            "count": len(targets),
        }
        for (_, delta, reason), targets in gathered.items()
    ]


def _mean_probability(entry: _Record, targets: Sequence[str]) -> float | None:
    table = entry["table"] or {}
    known = [table[target] for target in targets if target in table]
    return fmean(known) if known else None


def _parts(name: str) -> tuple[str, str]:
    """Slot and the rest of a logit's name: `2:xs` -> `2`, `: xs`; `fuser:m` -> "", `fuser m`."""
    source, arrow, target = name.partition("->")
    if arrow:
        return source, f" → {target if target == 'sink' else f'slot {target}'}"
    slot, colon, what = name.partition(":")
    if colon and slot.isdigit():
        return slot, f": {what}"
    return "", name.replace(":", " ")


def readable_targets(names: Sequence[str]) -> str:
    """Names of one choice in one or more slots, or of sinks.

    `2:xs`, `3:xs`, `4:xs` -> `slots 2–4: xs`; `fuser:m`, `vote` -> `sinks: fuser m, vote`.
    """
    slots, rests = zip(*map(_parts, names), strict=True)
    plural = "s" if len(names) > 1 else ""
    if not slots[0]:
        return f"sink{plural}: {', '.join(rests)}"
    numbers = [int(slot) for slot in slots if slot.isdigit()]
    shown = ", ".join(slots)
    if len(slots) > 2 and numbers == list(range(numbers[0], numbers[0] + len(slots))):
        shown = f"{slots[0]}–{slots[-1]}"
    return f"slot{plural} {shown}{rests[0]}"
