"""What the search learned: pictures of probabilities, scores and trust over its rounds."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from graphsearch.report._advice import trust_series
from graphsearch.report._colours import WINNER, assigned
from graphsearch.report._moves import (
    TOGETHER,
    Moves,
    draw_edges,
    draw_heat,
    draw_lines,
    draw_shares,
    split_tables,
)
from graphsearch.report._svg import NARROW

__all__ = ["probabilities", "scores", "trust"]

_Record = Mapping[str, Any]

_MOST_SINKS = 14
"""Ways to give the final answer that have a row of their own."""


def probabilities(
    result: _Record, models: Sequence[str], colours: Mapping[str, str]
) -> dict[str, Any] | None:
    """Pictures of the probability tables; None where the searcher keeps none."""
    tables = {int(r["round"]): r["table"] for r in result["rounds"] if r["table"]}
    if not tables:
        return None
    moves = split_tables(tables, models)
    roles = sorted({role for slot in moves.roles.values() for role in slot})
    role_colours = assigned(roles, skip=4)
    return {
        "rounds": moves.rounds,
        "edges": _edge_pictures(moves),
        "models": _share_pictures(moves.models, colours, moves.rounds),
        "roles": _share_pictures(moves.roles, role_colours, moves.rounds),
        "model_legend": [(name, colours[name]) for name in models if _occurs(name, moves)],
        "role_legend": list(role_colours.items()),
        "sinks": _sink_pictures(moves),
    }


def _occurs(model: str, moves: Moves) -> bool:
    return any(model in slot for slot in moves.models.values())


def _edge_pictures(moves: Moves) -> list[Markup]:
    """Edges at up to four moments, evenly spread from the first round to the last."""
    if not moves.edges[0]:
        return []
    last = len(moves.rounds) - 1
    moments = sorted({round(last * k / 3) for k in range(4)})
    return [draw_edges(moves.edges[k], title=f"round {moves.rounds[k]}") for k in moments]


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


def _sink_pictures(moves: Moves) -> list[Markup]:
    if len(moves.sinks) < 2:
        return []
    named = _likeliest({name.replace(":", " "): v for name, v in moves.sinks.items()})
    return [
        draw_heat(named, moves.rounds, width=720.0, class_="chart wide"),
        draw_heat(named, moves.rounds, width=NARROW, class_="chart narrow"),
    ]


def _likeliest(rows: Mapping[str, Sequence[float]]) -> dict[str, Sequence[float]]:
    """The rows that were ever most probable; many others are one row together."""
    if len(rows) <= _MOST_SINKS + 1:
        return dict(rows)
    ranked = sorted(rows, key=lambda name: (-rows[name][-1], -max(rows[name]), name))
    kept = {name: rows[name] for name in ranked[:_MOST_SINKS]}
    others = [rows[name] for name in ranked[_MOST_SINKS:]]
    together = [sum(values) for values in zip(*others, strict=True)]
    return {**kept, f"{len(others)} {TOGETHER}": together}


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
