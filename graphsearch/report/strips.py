"""Small pictures inside tables: intervals on a common scale, and shares of a whole."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from graphsearch.report.svg import Scale, line, picture, tag

__all__ = ["draw_interval", "draw_parts"]


def draw_interval(
    value: float | None,
    bounds: Sequence[float] | None,
    domain: tuple[float, float],
    *,
    colour: str,
    zero: float | None = None,
    described: str,
) -> Markup:
    """A dot with its interval; `zero` draws a reference line. Empty when nothing is known."""
    if value is None or bounds is None:
        return Markup("")
    width, high = 124.0, 22.0
    x = Scale(*domain, 6, width - 6)
    middle = high / 2
    parts = [line(6, middle, width - 6, middle, "grid")]
    if zero is not None:
        parts.append(line(x(zero), 1, x(zero), high - 1, "zero"))
    low, up = (min(max(v, domain[0]), domain[1]) for v in bounds)
    parts.append(
        tag("line", x1=x(low), y1=middle, x2=x(up), y2=middle, stroke=colour, class_="span")
    )
    parts.append(tag("circle", cx=x(value), cy=middle, r=4, fill=colour))
    return picture(
        *parts, width=width, height=high, title=described, description=described, class_="strip"
    )


def draw_parts(parts: Mapping[str, float], colours: Mapping[str, str], *, described: str) -> Markup:
    """A bar cut into its parts; empty when they add up to nothing."""
    total = sum(parts.values())
    if total <= 0:
        return Markup("")
    width, high, at = 150.0, 14.0, 0.0
    drawn: list[Markup] = []
    for name, value in parts.items():
        share = value / total * width
        if share > 0:
            tip = tag("title", f"{name}: {value:g}")
            drawn.append(
                tag("rect", tip, x=at, y=1, width=share, height=12, fill=colours.get(name, "#999"))
            )
        at += share
    return picture(
        *drawn, width=width, height=high, title=described, description=described, class_="strip"
    )
