"""What commands print: one JSON object, or aligned plain text."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import typer

from graphsearch.words import decimals

__all__ = [
    "BAD_INPUT",
    "FAILED",
    "REFUSED",
    "STOPPED",
    "amount",
    "emit",
    "interval",
    "percent",
    "seconds",
    "table",
]

FAILED, BAD_INPUT, REFUSED, STOPPED = 1, 2, 3, 130
"""Exit codes: failed, bad input, budget refused, stopped by the user with all kept."""
UNKNOWN = "-"
_ALL = (0.0, 100.0)
"""Percentages that are only written when nothing, or everything, is meant."""


def emit(value: Any) -> None:
    """Print a JSON value on a line of its own, in ASCII where standard output takes no more."""
    plain = not str(sys.stdout.encoding).lower().startswith("utf")
    sys.stdout.write(json.dumps(value, ensure_ascii=plain, allow_nan=False) + "\n")
    sys.stdout.flush()


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, align: str) -> None:
    """Print rows in aligned columns.

    Args:
        head: column titles.
        rows: texts, one for each column.
        align: `l` or `r` for each column, such as `lrr`.
    """
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            cell.ljust(width) if side == "l" else cell.rjust(width)
            for cell, width, side in zip(line, widths, align, strict=True)
        ]
        typer.echo("  ".join(cells).rstrip())


def amount(value: float | None) -> str:
    """A number with as many digits as say something: `1,234`, `17.75`, `0.00213`."""
    if value is None:
        return UNKNOWN
    if abs(value) >= 1e9:
        return f"{value:.3e}"
    if abs(value) >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) < 10 else f"{value:.2f}"


def percent(value: float | None) -> str:
    """A share as `62.5 %`."""
    return UNKNOWN if value is None else f"{decimals(100 * value, ends=_ALL)} %"


def interval(low: float, high: float) -> str:
    """An interval of shares as `[58.1, 66.7]`, in per cent."""
    return f"[{decimals(100 * low, ends=_ALL)}, {decimals(100 * high, ends=_ALL)}]"


def seconds(value: float | None) -> str:
    """A time as `42 s`, `3:07 min` or `2:05 h`."""
    if value is None:
        return UNKNOWN
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"
