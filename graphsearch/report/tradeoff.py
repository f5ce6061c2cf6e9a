"""The picture of accuracy against cost: everything tried, the winner and the baselines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, median_high
from typing import Any, Literal

from markupsafe import Markup

from graphsearch.report.numbers import amount, interval, number, percent, unit
from graphsearch.report.svg import (
    NARROW,
    WIDE,
    Box,
    Scale,
    line,
    picture,
    place_labels,
    tag,
    text,
    text_width,
)
from graphsearch.words import counted

__all__ = ["Mark", "draw_tradeoff", "front_items", "pareto_front", "tradeoff"]

MANY = 150
"""With more graphs tried, only those of the front show their whiskers at once."""

Kind = Literal["tried", "winner", "baseline", "oracle"]
_Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing with a cost and an accuracy.

    Attributes:
        kind: `tried` (search items), `winner`, `baseline` or `oracle` (test items).
        name: what it is, for the tooltip.
        label: short text near the mark, "" for none.
        cost: per question, in the picture's currency.
        accuracy: share right.
        low, high: interval of the accuracy.
        n: items behind it.
    """

    kind: Kind
    name: str
    label: str
    cost: float
    accuracy: float
    low: float
    high: float
    n: int


def pareto_front(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    """Marks that no other reaches at the same or lower cost, cheapest first.

    Only marks with at least the median number of items take part, since the best mean of many
    short trials is luck.
    """
    enough = front_items(marks)
    front: list[Mark] = []
    for mark in sorted(marks, key=lambda m: (m.cost, -m.accuracy)):
        if mark.n >= enough and (not front or mark.accuracy > front[-1].accuracy):
            front.append(mark)
    return tuple(front)


def front_items(marks: Sequence[Mark]) -> int:
    """Fewest items a mark of the front may have: the median over all marks."""
    return median_high(m.n for m in marks) if marks else 0


def tradeoff(result: _Record) -> dict[str, Any] | None:
    """The picture for a desk and for a phone, and what its note needs; None without marks."""
    currency, allowed = (result["budgets"]["graph"][key] for key in ("currency", "allowed"))
    marks = _marks(result)
    if not marks:
        return None
    tried = [mark for mark in marks if mark.kind == "tried"]
    wide, narrow = (
        draw_tradeoff(
            marks,
            allowed=allowed,
            currency=currency,
            width=width,
            height=height,
            class_=f"chart {name}",
            labels=labels,
        )
        for name, width, height, labels in (("wide", WIDE, 480, 9), ("narrow", NARROW, 400, 4))
    )
    return {
        "wide": wide,
        "narrow": narrow,
        "tried": len(tried),
        "enough": front_items(tried),
        "many": len(tried) > MANY,
        "above": allowed is not None and any(mark.cost > allowed for mark in tried),
    }


def _marks(result: _Record) -> list[Mark]:
    """Winner, best baseline, the best of each kind, the rest, then what was tried.

    The winner and the first of each kind have a label.
    """
    found: list[tuple[Kind, str, str, float | None, _Record]] = []
    test = result["test"]
    if test is not None:
        found.append(("winner", result["winner"]["text"], "the winner", test["used"], test))
    seen: set[str] = set()
    for row in sorted(
        result["baselines"],
        key=lambda r: (r["name"] != result["best_plain"], -(r["evidence"]["accuracy"] or 0.0)),
    ):
        name, evidence, label = row["name"], row["evidence"], ""
        if row["kind"] not in seen:
            label = f"{name} (oracle)" if row["oracle"] and "oracle" not in name else name
        seen.add(row["kind"])
        kind: Kind = "oracle" if row["oracle"] else "baseline"
        found.append((kind, name, label, evidence["used"], evidence))
    found += [("tried", e["text"], "", e["used_cost"], e) for e in result["archive"]]
    marks = []
    for kind, name, label, cost, record in found:
        if cost is not None and record["accuracy"] is not None and record["interval"] is not None:
            low, high = record["interval"]
            marks.append(Mark(kind, name, label, cost, record["accuracy"], low, high, record["n"]))
    return marks


def draw_tradeoff(
    marks: Sequence[Mark],
    *,
    allowed: float | None,
    currency: str,
    width: float,
    height: float,
    class_: str,
    labels: int,
) -> Markup:
    """The picture. `marks` must not be empty; the first `labels` named ones are labelled."""
    frame = Box(54.0, 42.0, width - 30.0, height - 48.0)
    x, y = _scales(marks, allowed, frame)
    tried = [m for m in marks if m.kind == "tried"]
    tested = [m for m in marks if m.kind != "tried"]
    front = pareto_front(tried)
    parts = [_axes(x, y, frame, currency)]
    if allowed is not None:
        at = x(allowed)
        note = text("allowed", at, frame.top - 7, "small", anchor="middle")
        parts.append(tag("g", line(at, frame.top, at, frame.bottom, "allowed"), note))
    parts += [_mark(m, x, y, faint=len(tried) > MANY and m not in front) for m in tried]
    if len(front) > 1:
        d = f"M{x(front[0].cost):.1f},{y(front[0].accuracy):.1f}"
        for mark in front[1:]:
            d += f" H{x(mark.cost):.1f} V{y(mark.accuracy):.1f}"
        parts.append(tag("path", d=d, class_="front"))
    parts += [_mark(m, x, y) for m in reversed(tested)]
    named = [m for m in marks if m.label][:labels]
    taken = [
        Box(a - 8, b - 8, a + 8, b + 8) for a, b in ((x(m.cost), y(m.accuracy)) for m in tested)
    ]
    crowd = [(x(m.cost), y(m.accuracy)) for m in tried]
    wanted = [(x(m.cost), y(m.accuracy), m.label) for m in named]
    for mark, box in zip(named, place_labels(wanted, taken, frame, 12.5, crowd), strict=True):
        if box is not None:
            parts += _label(mark, x(mark.cost), y(mark.accuracy), box)
    rows = [f"{m.name}: {percent(m.accuracy)} at {amount(m.cost, currency)}" for m in tested]
    return picture(
        *parts,
        width=width,
        height=height,
        title="Accuracy against cost per question",
        description=f"{counted(len(tried), 'graph')} tried. {'; '.join(rows)}.",
        class_=class_,
    )


def _scales(marks: Sequence[Mark], allowed: float | None, frame: Box) -> tuple[Scale, Scale]:
    costs = [m.cost for m in marks] + ([allowed] if allowed is not None else [])
    low, high = min(costs), max(costs)
    log = low > 0 and median(costs) < high / 12
    if log:
        low, high = low / 1.25, high * 1.25
    else:
        pad = (high - low) * 0.06 or max(high, 1.0) * 0.1
        low, high = max(low - pad, 0.0) if low > (high - low) else 0.0, high + pad
    bottom = min([m.accuracy for m in marks] + [m.low for m in marks if m.kind != "tried"])
    top = max([m.accuracy for m in marks] + [m.high for m in marks if m.kind != "tried"])
    pad = max((top - bottom) * 0.08, 0.01)
    y = Scale(max(bottom - pad, 0.0), min(top + pad, 1.0), frame.bottom, frame.top)
    return Scale(low, high, frame.left, frame.right, log=log), y


def _axes(x: Scale, y: Scale, frame: Box, currency: str) -> Markup:
    parts: list[Markup] = []
    for value in y.ticks(6):
        at = y(value)
        parts.append(line(frame.left, at, frame.right, at, "grid"))
        share = f"{value * 100:.1f}".removesuffix(".0")
        parts.append(text(share, frame.left - 8, at + 4, "tick", anchor="end"))
    last = -1e9
    for value in x.ticks(max(4, int((frame.right - frame.left) / 90))):
        at, label = x(value), number(value)
        if at - last < text_width(label, 12) + 10:
            continue
        last = at
        parts.append(line(at, frame.bottom, at, frame.bottom + 5, "axis"))
        parts.append(text(label, at, frame.bottom + 19, "tick", anchor="middle"))
    parts.append(line(frame.left, frame.bottom, frame.right, frame.bottom, "axis"))
    middle = (frame.left + frame.right) / 2
    kind = ", log scale" if x.log else ""
    title = f"used cost per question ({unit(currency)}{kind})"
    parts.append(text(title, middle, frame.bottom + 40, "axis-title", anchor="middle"))
    parts.append(text("share of questions answered right (%)", 2, 14, "axis-title"))
    return tag("g", *parts)


def _mark(mark: Mark, x: Scale, y: Scale, *, faint: bool = False) -> Markup:
    """Whisker, symbol and tooltip; the whisker of a faint one shows when it is pointed at."""
    cx, cy = x(mark.cost), y(mark.accuracy)
    low, high = (min(max(y(v), y.end), y.start) for v in (mark.low, mark.high))
    tip = f"{mark.name}\n{percent(mark.accuracy)} ({interval((mark.low, mark.high))}), n = {mark.n}"
    if mark.kind in ("tried", "winner"):
        symbol = tag("circle", cx=cx, cy=cy, r=3.5 if mark.kind == "tried" else 7)
    else:
        symbol = tag("path", d=f"M{cx:.1f},{cy - 6.5:.1f} l6.5,6.5 l-6.5,6.5 l-6.5,-6.5 Z")
    return tag(
        "g",
        tag("title", f"{tip}\n{number(mark.cost)} a question"),
        line(cx, low, cx, high, "whisker"),
        symbol,
        class_=f"mark {mark.kind}{' faint' if faint else ''}",
    )


def _label(mark: Mark, cx: float, cy: float, box: Box) -> list[Markup]:
    """The text in its box, with a thin line from the mark where it had to move away from it."""
    parts = []
    tx = min(max(cx, box.left - 2), box.right + 2)
    ty = min(max(cy, box.top + 3), box.bottom - 3)
    if abs(tx - cx) + abs(ty - cy) >= 18:
        parts.append(line(cx, cy, tx, ty, "leader"))
    # The text is held at the side that is near the mark.
    at, anchor = (box.left + box.right) / 2, "middle"
    if box.left > cx:
        at, anchor = box.left, "start"
    elif box.right < cx:
        at, anchor = box.right, "end"
    parts.append(text(mark.label, at, box.bottom - 4, f"label {mark.kind}", anchor=anchor))
    return parts
