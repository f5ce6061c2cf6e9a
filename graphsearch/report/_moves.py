"""Pictures of how the search moved: probabilities over rounds, and scores over rounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from graphsearch.report._colours import shade, tint
from graphsearch.report._svg import Scale, closed, line, picture, tag, text, text_width

__all__ = [
    "TOGETHER",
    "Table",
    "draw_edges",
    "draw_heat",
    "draw_lines",
    "draw_shares",
    "split_tables",
]

TOGETHER = "others together"
"""End of the name of a row that sums up others."""

Table = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Moves:
    """Probability tables of the rounds, taken apart by what their names stand for.

    Attributes:
        rounds: numbers of the rounds, ascending.
        edges: per round, (from slot, to slot or "sink") -> probability.
        models, roles: slot -> name -> probability per round.
        sinks: option -> probability per round.
    """

    rounds: tuple[int, ...]
    edges: tuple[dict[tuple[str, str], float], ...]
    models: dict[str, dict[str, tuple[float, ...]]]
    roles: dict[str, dict[str, tuple[float, ...]]]
    sinks: dict[str, tuple[float, ...]]


def split_tables(tables: Mapping[int, Table], models: Sequence[str]) -> Moves:
    """Sorts the entries of the tables by kind.

    Names: edge `3->5` or `3->sink`, model `2:xs`, role `2:fuser`, sink `vote` or `fuser:m`. A
    name `2:x` is a model when `x` is in `models`. Entries missing in some round are left out.
    """
    rounds = tuple(sorted(tables))
    common = set.intersection(*(set(tables[r]) for r in rounds)) if rounds else set()
    edges: list[dict[tuple[str, str], float]] = [{} for _ in rounds]
    by_slot: dict[bool, dict[str, dict[str, tuple[float, ...]]]] = {True: {}, False: {}}
    sinks: dict[str, tuple[float, ...]] = {}
    for name in (n for n in tables[rounds[0]] if n in common) if rounds else ():
        values = tuple(tables[r][name] for r in rounds)
        source, arrow, target = name.partition("->")
        slot, colon, what = name.partition(":")
        if arrow:
            for at, value in enumerate(values):
                edges[at][source, target] = value
        elif colon and slot.isdigit():
            by_slot[what in models].setdefault(slot, {})[what] = values
        else:
            sinks[name] = values
    return Moves(rounds, tuple(edges), by_slot[True], by_slot[False], sinks)


def draw_shares(
    shares: Mapping[str, Sequence[float]],
    colours: Mapping[str, str],
    rounds: Sequence[int],
    *,
    title: str,
) -> Markup:
    """Stacked areas: how the probability of one choice is shared among its options, over rounds."""
    width, height = 168.0, 112.0
    x = Scale(0, max(len(rounds) - 1, 1), 8, width - 8)
    y = Scale(0, 1, height - 20, 22)
    base = [0.0] * len(rounds)
    parts = [text(closed(title, width - 16, 12), 8, 14, "small strong")]
    for name, values in shares.items():
        top = [b + v for b, v in zip(base, values, strict=True)]
        parts.append(_area(name, base, top, tint(colours.get(name, "#999999"), 0.8), x, y))
        base = top
    last = width - 8
    parts.append(text(f"round {rounds[0]}", 8, height - 5, "tick"))
    if len(rounds) > 1:
        parts.append(text(f"{rounds[-1]}", last, height - 5, "tick", anchor="end"))
    ends = ", ".join(f"{n} {v[0]:.2f} to {v[-1]:.2f}" for n, v in shares.items())
    return picture(
        *parts,
        width=width,
        height=height,
        title=title,
        description=f"From the first round to the last: {ends}.",
        class_="small-multiple",
    )


def _area(
    name: str, base: Sequence[float], top: Sequence[float], colour: str, x: Scale, y: Scale
) -> Markup:
    ends = [0.0, 1.0] if len(top) == 1 else [float(k) for k in range(len(top))]
    upper, lower = ([*top, *top], [*base, *base]) if len(top) == 1 else ([*top], [*base])
    way = [f"{x(k):.1f},{y(v):.1f}" for k, v in zip(ends, upper, strict=True)]
    back = [f"{x(k):.1f},{y(v):.1f}" for k, v in zip(ends, lower, strict=True)]
    first, last = upper[0] - lower[0], upper[-1] - lower[-1]
    return tag(
        "path",
        tag("title", f"{name}: {first:.2f} to {last:.2f}"),
        d=f"M{' L'.join(way)} L{' L'.join(reversed(back))} Z",
        fill=colour,
        class_="area",
    )


def draw_edges(edges: Mapping[tuple[str, str], float], *, title: str) -> Markup:
    """A triangle of squares: the probability that the row's slot feeds the column's."""
    sources = sorted({a for a, _ in edges}, key=_slot_order)
    targets = sorted({b for _, b in edges}, key=_slot_order)
    cell = min(26.0, max(16.0, 180.0 / max(len(targets), 1)))
    left, top = 24.0, 42.0
    places = {b: left + k * cell + (8.0 if b == "sink" else 0.0) for k, b in enumerate(targets)}
    width = left + cell * len(targets) + 16
    parts = [text(title, 2, 13, "small strong")]
    for target, x in places.items():
        label = "out" if target == "sink" else target
        if target == "sink" or cell >= 20 or int(target) % 2 == 0:
            parts.append(text(label, x + cell / 2, top - 6, "tick tight", anchor="middle"))
    for row, source in enumerate(sources):
        y = top + row * cell
        parts.append(text(source, left - 6, y + cell / 2 + 4, "tick tight", anchor="end"))
        parts += [
            _cell(x, y, cell, edges[source, target], source, target)
            for target, x in places.items()
            if (source, target) in edges
        ]
    return picture(
        *parts,
        width=max(width, 120.0),
        height=top + cell * len(sources) + 6,
        title=f"Edge probabilities, {title}",
        description="; ".join(f"{a} to {b}: {v:.2f}" for (a, b), v in edges.items()),
        class_="small-multiple",
    )


def _slot_order(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdigit() else (10**9, name)


def _cell(x: float, y: float, size: float, value: float, source: str, target: str) -> Markup:
    return tag(
        "rect",
        tag("title", f"{source} → {target}: {value:.2f}"),
        x=x,
        y=y,
        width=size - 1,
        height=size - 1,
        fill=shade(value),
    )


def draw_heat(
    rows: Mapping[str, Sequence[float]], rounds: Sequence[int], *, width: float, class_: str
) -> Markup:
    """One row per option, one column per round, darker for more probable.

    Each row ends with its last value. A row named `... TOGETHER` is a sum and stands last.
    """
    names = sorted(rows, key=lambda n: (n.endswith(TOGETHER), -rows[n][-1]))
    left = min(max(text_width(n, 12) for n in names) + 14, width * 0.4)
    right, top, high = 44.0, 8.0, 20.0
    cell = (width - left - right) / len(rounds)
    parts: list[Markup] = []
    for row, name in enumerate(names):
        y = top + row * high
        parts.append(text(closed(name, left - 10, 12), left - 8, y + 14, "tick", anchor="end"))
        parts += [
            _heat_cell(name, rounds[k], value, left + k * cell, y, cell)
            for k, value in enumerate(rows[name])
        ]
        parts.append(text(f"{rows[name][-1]:.2f}", width - right + 8, y + 14, "tick"))
    bottom = top + high * len(names)
    parts += _round_ticks(rounds, left, cell, bottom + 16)
    parts.append(
        text("round", (left + width - right) / 2, bottom + 34, "axis-title", anchor="middle")
    )
    return picture(
        *parts,
        width=width,
        height=bottom + 42,
        title="Probabilities over rounds",
        description="; ".join(f"{n}: {rows[n][0]:.2f} to {rows[n][-1]:.2f}" for n in names),
        class_=class_,
    )


def _heat_cell(name: str, at: int, value: float, x: float, y: float, cell: float) -> Markup:
    gap = 1.0 if cell > 4 else 0.0
    tip = tag("title", f"{name}, round {at}: {value:.2f}")
    return tag("rect", tip, x=x, y=y, width=cell - gap, height=19, fill=shade(value))


def _round_ticks(rounds: Sequence[int], left: float, cell: float, y: float) -> list[Markup]:
    every = max(1, -(-len(rounds) * 34 // max(int(cell * len(rounds)), 1)))
    return [
        text(str(at), left + (k + 0.5) * cell, y, "tick", anchor="middle")
        for k, at in enumerate(rounds)
        if k % every == 0
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
    parts += _round_ticks(rounds, 46 - step / 2, step, height - 26)
    parts.append(text("round", (46 + width - right) / 2, height - 6, "axis-title", anchor="middle"))
    parts += _named_lines(series, colours, x, y)
    return picture(
        *parts,
        width=width,
        height=height,
        title=title,
        description="; ".join(_told(name, values) for name, values in series.items()),
        class_=class_,
    )


def _told(name: str, values: Sequence[float | None]) -> str:
    known = [v for v in values if v is not None]
    return f"{name}: {known[0]:.3f} to {known[-1]:.3f}" if known else f"{name}: not measured"


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
