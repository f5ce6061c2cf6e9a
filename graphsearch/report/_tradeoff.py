"""The picture of accuracy against cost: everything tried, the winner and the baselines."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, median_high
from typing import Literal

from markupsafe import Markup

from graphsearch.report._numbers import amount, interval, number, percent, unit
from graphsearch.report._svg import Box, Scale, line, picture, place_labels, tag, text, text_width
from graphsearch.words import counted

__all__ = ["MANY", "Mark", "draw_tradeoff", "front_items", "pareto_front"]

MANY = 150


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

    kind: Literal["tried", "winner", "baseline", "oracle"]
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
    parts = [_axes(x, y, frame, currency), _allowed(allowed, x, frame)]
    parts += [_mark(m, x, y, faint=len(tried) > MANY and m not in front) for m in tried]
    parts.append(_front_line(front, x, y))
    parts += [_mark(m, x, y) for m in reversed(tested)]
    crowd = [(x(m.cost), y(m.accuracy)) for m in tried]
    parts += _labels([m for m in marks if m.label][:labels], tested, crowd, x, y, frame)
    return picture(
        *parts,
        width=width,
        height=height,
        title="Accuracy against cost per question",
        description=_described(tested, len(tried), currency),
        class_=class_,
    )


def _described(tested: Sequence[Mark], tried: int, currency: str) -> str:
    rows = "; ".join(
        f"{m.name}: {percent(m.accuracy)} at {amount(m.cost, currency)}" for m in tested
    )
    return f"{counted(tried, 'graph')} tried. {rows}."


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
        parts.append(text(_tick_percent(value), frame.left - 8, at + 4, "tick", anchor="end"))
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


def _tick_percent(value: float) -> str:
    return f"{value * 100:.1f}".removesuffix(".0")


def _allowed(allowed: float | None, x: Scale, frame: Box) -> Markup:
    if allowed is None:
        return Markup("")
    at = x(allowed)
    return tag(
        "g",
        line(at, frame.top, at, frame.bottom, "allowed"),
        text("allowed", at, frame.top - 7, "small", anchor="middle"),
    )


def _mark(mark: Mark, x: Scale, y: Scale, *, faint: bool = False) -> Markup:
    """Whisker, symbol and tooltip; the whisker of a faint one shows when it is pointed at."""
    cx, cy = x(mark.cost), y(mark.accuracy)
    low, high = (min(max(y(v), y.end), y.start) for v in (mark.low, mark.high))
    tip = f"{mark.name}\n{percent(mark.accuracy)} ({interval((mark.low, mark.high))}), n = {mark.n}"
    return tag(
        "g",
        tag("title", f"{tip}\n{number(mark.cost)} a question"),
        line(cx, low, cx, high, "whisker"),
        _symbol(mark.kind, cx, cy),
        class_=f"mark {mark.kind}{' faint' if faint else ''}",
    )


def _symbol(kind: str, cx: float, cy: float) -> Markup:
    if kind == "tried":
        return tag("circle", cx=cx, cy=cy, r=3.5)
    if kind == "winner":
        return tag("circle", cx=cx, cy=cy, r=7)
    d = f"M{cx:.1f},{cy - 6.5:.1f} l6.5,6.5 l-6.5,6.5 l-6.5,-6.5 Z"
    return tag("path", d=d)


def _front_line(front: Sequence[Mark], x: Scale, y: Scale) -> Markup:
    if len(front) < 2:
        return Markup("")
    d = f"M{x(front[0].cost):.1f},{y(front[0].accuracy):.1f}"
    for mark in front[1:]:
        d += f" H{x(mark.cost):.1f} V{y(mark.accuracy):.1f}"
    return tag("path", d=d, class_="front")


def _labels(
    named: Sequence[Mark],
    tested: Sequence[Mark],
    crowd: Sequence[tuple[float, float]],
    x: Scale,
    y: Scale,
    frame: Box,
) -> list[Markup]:
    taken = [
        Box(x(m.cost) - 8, y(m.accuracy) - 8, x(m.cost) + 8, y(m.accuracy) + 8) for m in tested
    ]
    wanted = [(x(m.cost), y(m.accuracy), m.label) for m in named]
    parts: list[Markup] = []
    for mark, box in zip(named, place_labels(wanted, taken, frame, 12.5, crowd), strict=True):
        if box is None:
            continue
        parts.append(_leader(x(mark.cost), y(mark.accuracy), box))
        parts.append(_label(mark, x(mark.cost), box))
    return parts


def _label(mark: Mark, cx: float, box: Box) -> Markup:
    """The text in its box, held at the side that is near the mark."""
    if box.left > cx:
        at, anchor = box.left, "start"
    elif box.right < cx:
        at, anchor = box.right, "end"
    else:
        at, anchor = (box.left + box.right) / 2, "middle"
    return text(mark.label, at, box.bottom - 4, f"label {mark.kind}", anchor=anchor)


def _leader(cx: float, cy: float, box: Box) -> Markup:
    """A thin line from a mark to a label that had to move away from it."""
    tx = min(max(cx, box.left - 2), box.right + 2)
    ty = min(max(cy, box.top + 3), box.bottom - 3)
    if abs(tx - cx) + abs(ty - cy) < 18:
        return Markup("")
    return line(cx, cy, tx, ty, "leader")
