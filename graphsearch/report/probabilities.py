"""What the search learned: pictures of its probabilities over rounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from graphsearch.report.colours import assigned, shade, tint
from graphsearch.report.svg import (
    NARROW,
    Scale,
    closed,
    picture,
    round_ticks,
    tag,
    text,
    text_width,
)

__all__ = ["draw_edges", "draw_heat", "draw_shares", "likeliest", "probabilities", "split_tables"]

TOGETHER = "others together"
"""End of the name of a row that sums up others."""

_MOST_SINKS = 14
"""Ways to give the final answer that have a row of their own."""

Table = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Probabilities:
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


def split_tables(tables: Mapping[int, Table], models: Sequence[str]) -> Probabilities:
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
    return Probabilities(rounds, tuple(edges), by_slot[True], by_slot[False], sinks)


def probabilities(
    result: Mapping[str, Any], models: Sequence[str], colours: Mapping[str, str]
) -> dict[str, Any] | None:
    """Pictures of the probability tables; None where the searcher keeps none."""
    tables = {int(r["round"]): r["table"] for r in result["rounds"] if r["table"]}
    if not tables:
        return None
    found = split_tables(tables, models)
    rounds = found.rounds
    roles = sorted({role for slot in found.roles.values() for role in slot})
    role_colours = assigned(roles, skip=4)
    used = {model for slot in found.models.values() for model in slot}
    # Edges at up to four moments, evenly spread from the first round to the last.
    moments = sorted({round((len(rounds) - 1) * k / 3) for k in range(4)}) if found.edges[0] else []
    sinks = []
    if len(found.sinks) > 1:
        rows = likeliest({name.replace(":", " "): v for name, v in found.sinks.items()})
        for name, width in (("wide", 720.0), ("narrow", NARROW)):
            sinks.append(draw_heat(rows, rounds, width=width, class_=f"chart {name}"))
    return {
        "rounds": rounds,
        "edges": [draw_edges(found.edges[k], title=f"round {rounds[k]}") for k in moments],
        "models": _share_pictures(found.models, colours, rounds),
        "roles": _share_pictures(found.roles, role_colours, rounds),
        "model_legend": [(name, colours[name]) for name in models if name in used],
        "role_legend": list(role_colours.items()),
        "sinks": sinks,
    }


def _share_pictures(
    slots: Mapping[str, Mapping[str, Sequence[float]]],
    colours: Mapping[str, str],
    rounds: Sequence[int],
) -> list[Markup]:
    """One picture per slot; none where there is nothing to choose."""
    return [
        draw_shares(shares, colours, rounds, title=f"slot {slot}")
        for slot, shares in sorted(slots.items(), key=lambda s: int(s[0]))
        if len(shares) > 1
    ]


def likeliest(rows: Mapping[str, Sequence[float]]) -> dict[str, Sequence[float]]:
    """The rows that were ever most probable; many others are one row together."""
    if len(rows) <= _MOST_SINKS + 1:
        return dict(rows)
    ranked = sorted(rows, key=lambda name: (-rows[name][-1], -max(rows[name]), name))
    kept = {name: rows[name] for name in ranked[:_MOST_SINKS]}
    others = [rows[name] for name in ranked[_MOST_SINKS:]]
    together = [sum(values) for values in zip(*others, strict=True)]
    return {**kept, f"{len(others)} {TOGETHER}": together}


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
    # A single round is drawn from edge to edge.
    at, repeat = (range(len(rounds)), 1) if len(rounds) > 1 else (range(2), 2)
    base = [0.0] * len(rounds)
    parts = [text(closed(title, width - 16, 12), 8, 14, "small strong")]
    for name, values in shares.items():
        top = [b + v for b, v in zip(base, values, strict=True)]
        way = [f"{x(k):.1f},{y(v):.1f}" for k, v in zip(at, top * repeat, strict=True)]
        back = [f"{x(k):.1f},{y(v):.1f}" for k, v in zip(at, base * repeat, strict=True)]
        ends = f"{name}: {top[0] - base[0]:.2f} to {top[-1] - base[-1]:.2f}"
        parts.append(
            tag(
                "path",
                tag("title", ends),
                d=f"M{' L'.join(way)} L{' L'.join(reversed(back))} Z",
                fill=tint(colours.get(name, "#999999"), 0.8),
                class_="area",
            )
        )
        base = top
    parts.append(text(f"round {rounds[0]}", 8, height - 5, "tick"))
    if len(rounds) > 1:
        parts.append(text(f"{rounds[-1]}", width - 8, height - 5, "tick", anchor="end"))
    moved = ", ".join(f"{n} {v[0]:.2f} to {v[-1]:.2f}" for n, v in shares.items())
    return picture(
        *parts,
        width=width,
        height=height,
        title=title,
        description=f"From the first round to the last: {moved}.",
        class_="small-multiple",
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
        for target, x in places.items():
            if (value := edges.get((source, target))) is not None:
                tip = tag("title", f"{source} → {target}: {value:.2f}")
                size, fill = cell - 1, shade(value)
                parts.append(tag("rect", tip, x=x, y=y, width=size, height=size, fill=fill))
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
    gap = 1.0 if cell > 4 else 0.0
    parts: list[Markup] = []
    for row, name in enumerate(names):
        y = top + row * high
        parts.append(text(closed(name, left - 10, 12), left - 8, y + 14, "tick", anchor="end"))
        for k, value in enumerate(rows[name]):
            tip = tag("title", f"{name}, round {rounds[k]}: {value:.2f}")
            x, fill = left + k * cell, shade(value)
            parts.append(tag("rect", tip, x=x, y=y, width=cell - gap, height=19, fill=fill))
        parts.append(text(f"{rows[name][-1]:.2f}", width - right + 8, y + 14, "tick"))
    bottom = top + high * len(names)
    parts += round_ticks(rounds, left, cell, bottom + 16)
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
