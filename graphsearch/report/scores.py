"""Lines over rounds: scores of the sampled graphs, and the searcher's trust in its agent."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from graphsearch.report.advice import trust_series
from graphsearch.report.colours import WINNER
from graphsearch.report.svg import NARROW, Scale, line, picture, round_ticks, tag, text, text_width

__all__ = ["draw_lines", "scores", "trust"]

_Record = Mapping[str, Any]

_COLOURS = (WINNER, "#4a5260")
"""Of the first line and of the second; no picture has more."""
_LEFT = 46.0
_APART = 16.0
"""Between the names of two lines."""


def scores(result: _Record) -> list[Markup]:
    """Best and mean score of each round's graphs, wide and narrow."""
    return draw_lines(
        {
            "best of the round": [r["best"] for r in result["rounds"]],
            "mean of the round": [r["mean"] for r in result["rounds"]],
        },
        [int(r["round"]) for r in result["rounds"]],
        title="Scores over rounds",
        axis="share of questions answered right (%)",
        unit=100.0,
    )


def trust(result: _Record) -> list[Markup]:
    """The searcher's trust in its agent, wide and narrow; none where it was not recorded."""
    return draw_lines(
        trust_series(result),
        [int(r["round"]) for r in result["rounds"]],
        title="Trust over rounds",
        axis="trust (0: the agent is not followed, 1: in full)",
        domain=(0.0, 1.0),
    )


def draw_lines(
    series: Mapping[str, Sequence[float | None]],
    rounds: Sequence[int],
    *,
    title: str,
    axis: str,
    unit: float = 1.0,
    domain: tuple[float, float] | None = None,
) -> list[Markup]:
    """Lines over rounds, each named at its right end; rounds without a number leave a gap.

    Args:
        series: name -> a number per round; two at most.
        rounds: their numbers.
        title: of the pictures.
        axis: what is drawn, with its unit.
        unit: factor from the numbers to those at the axis.
        domain: ends of the axis; taken from the numbers when None.

    Returns:
        The wide and the narrow picture; none when there is nothing to join by a line.
    """
    known = [v for values in series.values() for v in values if v is not None]
    if len(rounds) < 2 or not known:
        return []
    described = []
    for name, values in series.items():
        found = [v for v in values if v is not None]
        moved = f"{found[0]:.3f} to {found[-1]:.3f}" if found else "not measured"
        described.append(f"{name}: {moved}")
    pad = max((max(known) - min(known)) * 0.1, 0.01)
    low, high = domain or (max(min(known) - pad, 0.0), min(max(known) + pad, 1.0))
    pictures = []
    for form, width, height in (("wide", 860.0, 270.0), ("narrow", NARROW, 250.0)):
        right = width - max(text_width(name, 12.5) for name in series) - 16
        x = Scale(0, len(rounds) - 1, _LEFT, right)
        y = Scale(low, high, height - 44, 26)
        parts = [text(axis, 2, 14, "axis-title")]
        for value in y.ticks(4):
            parts.append(line(_LEFT, y(value), right, y(value), "grid"))
            parts.append(text(f"{value * unit:.10g}", 38, y(value) + 4, "tick", anchor="end"))
        step = x(1) - x(0)
        parts += round_ticks(rounds, _LEFT - step / 2, step, height - 26)
        middle = (_LEFT + right) / 2
        parts.append(text("round", middle, height - 6, "axis-title", anchor="middle"))
        parts += _named_lines(series, x, y)
        pictures.append(
            picture(
                *parts,
                width=width,
                height=height,
                title=title,
                description="; ".join(described),
                class_=f"chart {form}",
            )
        )
    return pictures


def _named_lines(series: Mapping[str, Sequence[float | None]], x: Scale, y: Scale) -> list[Markup]:
    parts: list[Markup] = []
    ends: list[tuple[float, float, str, str]] = []
    for (name, values), colour in zip(series.items(), _COLOURS, strict=False):
        spots = [(x(k), y(v)) for k, v in enumerate(values) if v is not None]
        if not spots:
            continue
        way = " L".join(f"{a:.1f},{b:.1f}" for a, b in spots)
        parts.append(tag("path", d=f"M{way}", class_="series", stroke=colour))
        parts += [tag("circle", cx=a, cy=b, r=2.5, fill=colour) for a, b in spots]
        ends.append((spots[-1][1], spots[-1][0], name, colour))
    # Names are moved as little as needed to be apart, none below the lowest place.
    ends.sort()
    heights: list[float] = []
    for wanted, *_ in ends:
        heights.append(max(wanted, heights[-1] + _APART) if heights else wanted)
    lowest = y.start - 4
    for index in reversed(range(len(heights))):
        heights[index] = min(heights[index], lowest)
        lowest = heights[index] - _APART
    for height, (_, end, name, colour) in zip(heights, ends, strict=True):
        parts.append(tag("text", name, class_="label", fill=colour, x=end + 8, y=height + 4))
    return parts
