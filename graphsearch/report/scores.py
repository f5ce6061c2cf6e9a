"""Lines over rounds: scores of the sampled graphs, and the searcher's trust in its agent."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from graphsearch.report.advice import trust_series
from graphsearch.report.colours import WINNER
from graphsearch.report.svg import NARROW, Scale, line, picture, round_ticks, tag, text, text_width

__all__ = ["draw_lines", "scores", "trust"]

_Record = Mapping[str, Any]


def scores(result: _Record) -> list[Markup]:
    """Best and mean score of each round's graphs, wide and narrow."""
    series = {
        "best of the round": [r["best"] for r in result["rounds"]],
        "mean of the round": [r["mean"] for r in result["rounds"]],
    }
    return _over_rounds(
        result,
        series,
        title="Scores over rounds",
        axis="share of questions answered right (%)",
        unit=100.0,
    )


def trust(result: _Record) -> list[Markup]:
    """The searcher's trust in its agent, wide and narrow; none where it was not recorded."""
    return _over_rounds(
        result,
        trust_series(result),
        title="Trust over rounds",
        axis="trust (0: the agent is not followed, 1: in full)",
        domain=(0.0, 1.0),
    )


def _over_rounds(
    result: _Record,
    series: Mapping[str, Sequence[float | None]],
    *,
    title: str,
    axis: str,
    unit: float = 1.0,
    domain: tuple[float, float] | None = None,
) -> list[Markup]:
    """The wide and the narrow picture; none when there is nothing to join by a line."""
    rounds = [int(r["round"]) for r in result["rounds"]]
    if len(rounds) < 2 or all(v is None for values in series.values() for v in values):
        return []
    colours = dict(zip(series, (WINNER, "#4a5260"), strict=False))
    return [
        draw_lines(
            series,
            colours,
            rounds,
            width=width,
            height=height,
            class_=f"chart {name}",
            title=title,
            axis=axis,
            unit=unit,
            domain=domain,
        )
        for name, width, height in (("wide", 860.0, 270.0), ("narrow", NARROW, 250.0))
    ]


def draw_lines(
    series: Mapping[str, Sequence[float | None]],
    colours: Mapping[str, str],
    rounds: Sequence[int],
    *,
    width: float,
    height: float,
    class_: str,
    title: str,
    axis: str,
    unit: float = 1.0,
    domain: tuple[float, float] | None = None,
) -> Markup:
    """Lines over rounds, each named at its right end; rounds without a number leave a gap.

    Args:
        series: name -> a number per round; not all of them None.
        colours: of the names.
        rounds: their numbers.
        width: of the picture.
        height: of the picture.
        class_: of the picture.
        title: of the picture.
        axis: what is drawn, with its unit.
        unit: factor from the numbers to those at the axis.
        domain: ends of the axis; taken from the numbers when None.
    """
    known = [v for values in series.values() for v in values if v is not None]
    pad = max((max(known) - min(known)) * 0.1, 0.01)
    low, high = domain or (max(min(known) - pad, 0.0), min(max(known) + pad, 1.0))
    right = max(text_width(name, 12.5) for name in series) + 16
    x = Scale(0, max(len(rounds) - 1, 1), 46, width - right)
    y = Scale(low, high, height - 44, 26)
    parts = [text(axis, 2, 14, "axis-title")]
    for value in y.ticks(4):
        parts.append(line(46, y(value), width - right, y(value), "grid"))
        label = f"{value * unit:.10g}"
        parts.append(text(label, 38, y(value) + 4, "tick", anchor="end"))
    step = x(1) - x(0)
    parts += round_ticks(rounds, 46 - step / 2, step, height - 26)
    parts.append(text("round", (46 + width - right) / 2, height - 6, "axis-title", anchor="middle"))
    described = []
    for name, values in series.items():
        found = [v for v in values if v is not None]
        moved = f"{found[0]:.3f} to {found[-1]:.3f}" if found else "not measured"
        described.append(f"{name}: {moved}")
    parts += _named_lines(series, colours, x, y)
    return picture(
        *parts,
        width=width,
        height=height,
        title=title,
        description="; ".join(described),
        class_=class_,
    )


def _named_lines(
    series: Mapping[str, Sequence[float | None]], colours: Mapping[str, str], x: Scale, y: Scale
) -> list[Markup]:
    parts: list[Markup] = []
    ends: list[tuple[float, float, str]] = []
    for name, values in series.items():
        spots = [(x(k), y(v)) for k, v in enumerate(values) if v is not None]
        if not spots:
            continue
        way = " L".join(f"{a:.1f},{b:.1f}" for a, b in spots)
        parts.append(tag("path", d=f"M{way}", class_="series", stroke=colours[name]))
        parts += [tag("circle", cx=a, cy=b, r=2.5, fill=colours[name]) for a, b in spots]
        ends.append((spots[-1][1], spots[-1][0], name))
    heights = _apart([at for at, _, _ in sorted(ends)], 16.0, y.start - 4)
    for height, (_, end, name) in zip(heights, sorted(ends), strict=True):
        place = {"x": end + 8, "y": height + 4}
        parts.append(tag("text", name, class_="label", fill=colours[name], **place))
    return parts


def _apart(places: Sequence[float], gap: float, lowest: float) -> list[float]:
    """Ascending places moved as little as needed to be `gap` apart, none below `lowest`."""
    kept: list[float] = []
    for place in places:
        kept.append(max(place, kept[-1] + gap) if kept else place)
    for index in reversed(range(len(kept))):
        kept[index] = min(kept[index], lowest)
        lowest = kept[index] - gap
    return kept
