"""The few pieces all pictures of the report are made of: escaped tags, scales, ticks, labels.

Pictures are plain SVG written on the server side, so that the page needs no script at all. Every
text goes through `markupsafe`, so nothing from a task, a model or a configuration becomes markup.
Lengths are in pixels, with the origin at the upper left.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

__all__ = [
    "NARROW",
    "WIDE",
    "Box",
    "Scale",
    "closed",
    "line",
    "log_ticks",
    "nice_ticks",
    "picture",
    "place_labels",
    "round_ticks",
    "tag",
    "text",
    "text_width",
]

NARROW, WIDE = 372.0, 980.0
"""Widths of pictures for a phone and for a desk; the page shows the one that fits."""

_THIN = set("iljtf.,:;|'!()[] ")
_WIDE = set("mwMW%@—")


def tag(name: str, /, *children: str, **attributes: str | float | None) -> Markup:
    """One element. Children and attribute values are escaped unless they are `Markup`.

    Attribute names: a trailing underscore is dropped (`class_`), others become hyphens. An
    attribute that is None is left out.
    """
    written = ""
    for key, value in attributes.items():
        if value is None:
            continue
        if isinstance(value, str):
            shown = str(escape(value))
        elif math.isfinite(value):
            shown = f"{value:.2f}".rstrip("0").rstrip(".") or "0"
        else:
            raise ValueError(f"a picture cannot hold the number {value}")
        written += f' {key.rstrip("_").replace("_", "-")}="{shown}"'
    inner = "".join(str(escape(child)) for child in children)
    return Markup(f"<{name}{written}>{inner}</{name}>")


def picture(
    *children: str, width: float, height: float, title: str, description: str, class_: str
) -> Markup:
    """A whole picture with its name and its description."""
    return tag(
        "svg",
        tag("title", title),
        tag("desc", description),
        *children,
        class_=class_,
        role="img",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=width,
        height=height,
    )


def text(content: str, x: float, y: float, class_: str = "", *, anchor: str = "start") -> Markup:
    """A line of text with its baseline at `y`."""
    return tag("text", content, x=x, y=y, class_=class_ or None, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def text_width(content: str, size: float = 12.0) -> float:
    """Estimated width of a text in a common sans-serif, on the generous side."""
    units = sum(
        0.38 if c in _THIN else 0.95 if c in _WIDE else 0.72 if c.isupper() else 0.62
        for c in content
    )
    return units * size


def closed(content: str, width: float, size: float = 12.0) -> str:
    """The text, cut with an ellipsis where it would be wider than `width`."""
    if text_width(content, size) <= width:
        return content
    while content and text_width(content + "…", size) > width:
        content = content[:-1]
    return content.rstrip() + "…"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle from (left, top) to (right, bottom)."""

    left: float
    top: float
    right: float
    bottom: float

    def hits(self, other: "Box", gap: float = 0.0) -> bool:
        """Whether the two come closer than `gap`."""
        return (
            self.left < other.right + gap
            and other.left < self.right + gap
            and self.top < other.bottom + gap
            and other.top < self.bottom + gap
        )

    def within(self, other: "Box") -> bool:
        """Whether it lies inside the other."""
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.top >= other.top
            and self.bottom <= other.bottom
        )


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps numbers in [low, high] to pixels in [start, end], on a logarithmic scale when `log`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The place of a number, in pixels."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        share = 0.5 if high == low else (value - low) / (high - low)
        return self.start + share * (self.end - self.start)

    def ticks(self, wanted: int = 5) -> tuple[float, ...]:
        """Round numbers within the scale, about `wanted` of them."""
        if self.log:
            return log_ticks(self.low, self.high, wanted)
        return nice_ticks(self.low, self.high, wanted)


def nice_ticks(low: float, high: float, wanted: int = 5) -> tuple[float, ...]:
    """Multiples of 1, 2 or 5 times a power of ten within [low, high]."""
    if not high > low:
        return (low,)
    rough = (high - low) / max(wanted, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * f for f in (1.0, 2.0, 5.0, 10.0) if power * f >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(round(k * step, 12) for k in range(first, last + 1))


def log_ticks(low: float, high: float, wanted: int = 6) -> tuple[float, ...]:
    """1, 2, 5 times powers of ten within [low, high], thinned to powers of ten when too many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)):
        found = [f * 10.0**p for p in powers for f in factors]
        kept = tuple(v for v in found if low * (1 - 1e-9) <= v <= high * (1 + 1e-9))
        if 2 <= len(kept) <= wanted + 2:
            return kept
    return kept or (low, high)


def round_ticks(rounds: Sequence[int], left: float, step: float, y: float) -> list[Markup]:
    """Numbers of the rounds below their columns, which begin at `left` and are `step` wide."""
    every = max(1, -(-len(rounds) * 34 // max(int(step * len(rounds)), 1)))
    return [
        text(str(at), left + (k + 0.5) * step, y, "tick", anchor="middle")
        for k, at in enumerate(rounds)
        if k % every == 0
    ]


_NEARNESS = 1 / 3
"""What one candidate further out costs a label, in marks that it covers; a line has six."""


def place_labels(
    wanted: Sequence[tuple[float, float, str]],
    taken: Sequence[Box],
    frame: Box,
    size: float = 12.0,
    crowd: Sequence[tuple[float, float]] = (),
) -> tuple[Box | None, ...]:
    """Finds a free place for each label near its point.

    Args:
        wanted: point (x, y) and text of each label, the most important first.
        taken: boxes no label may cover (markers, other text).
        frame: labels stay inside it.
        size: height of the text.
        crowd: small marks that a label rather does not cover; to cover two more weighs as
            much as to stand a line further away.

    Returns:
        A box per label, in order; None where no free place was found near the point.
    """
    used, places = list(taken), []
    for x, y, content in wanted:
        free = []
        for rank, box in enumerate(_candidates(x, y, text_width(content, size), size)):
            if box.within(frame) and not any(box.hits(other, 1.0) for other in used):
                covered = sum(
                    box.left - 4 < a < box.right + 4 and box.top - 4 < b < box.bottom + 4
                    for a, b in crowd
                )
                free.append((covered + rank * _NEARNESS, rank, box))
        place = min(free)[2] if free else None
        places.append(place)
        if place is not None:
            used.append(place)
    return tuple(places)


def _candidates(x: float, y: float, width: float, size: float) -> Iterable[Box]:
    """Boxes around a point: right, left, above, below, then further out on the same sides."""
    high = size * 1.15
    for reach in (0.0, 1.0, 2.0, 3.0, 4.5, 6.0, 8.0, 10.0):
        shift = reach * high
        for dy in (0.0,) if reach == 0 else (-shift, shift):
            gap = 9.0 + 5.0 * min(reach, 3.0)
            yield Box(x + gap, y - high / 2 + dy, x + gap + width, y + high / 2 + dy)
            yield Box(x - gap - width, y - high / 2 + dy, x - gap, y + high / 2 + dy)
        up = 8.0 + shift
        yield Box(x - width / 2, y - up - high, x + width / 2, y - up)
        yield Box(x - width / 2, y + up, x + width / 2, y + up + high)
