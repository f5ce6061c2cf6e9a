"""How numbers are written in the report. Unknown is a dash, never zero."""

from collections.abc import Sequence

from graphsearch.words import decimals

__all__ = [
    "MINUS",
    "UNKNOWN",
    "amount",
    "count",
    "interval",
    "measured",
    "number",
    "percent",
    "points",
    "points_interval",
    "unit",
]

UNKNOWN = "–"
MINUS = "\u2212"
_SPACE = "\u00a0"
_TINY = 1e-6
"""Below this a number is written with an exponent: a call may cost 0.0000347 USD."""
_ALL = (0.0, 100.0)
"""Percentages that are only written when nothing, or everything, is meant."""


def percent(share: float | None, digits: int = 1) -> str:
    """0.7123 -> `71.2 %`."""
    return UNKNOWN if share is None else f"{decimals(share * 100, digits, ends=_ALL)}{_SPACE}%"


def interval(bounds: Sequence[float] | None) -> str:
    """(0.67, 0.751) -> `67.0 to 75.1 %`."""
    if bounds is None:
        return UNKNOWN
    low, high = (decimals(end * 100, ends=_ALL) for end in bounds)
    return f"{low} to {high}{_SPACE}%"


def points(difference: float | None) -> str:
    """A difference of shares in percentage points, signed: 0.041 -> `+4.1`."""
    if difference is None:
        return UNKNOWN
    return _signed(difference * 100)


def points_interval(bounds: Sequence[float] | None) -> str:
    """(-0.012, 0.07) -> `−1.2 to +7.0`."""
    if bounds is None:
        return UNKNOWN
    return f"{_signed(bounds[0] * 100)} to {_signed(bounds[1] * 100)}"


def _signed(value: float) -> str:
    written = decimals(abs(value))
    return f"{MINUS if value < 0 else '+'}{written}" if float(written) else written


def number(value: float | None) -> str:
    """Three significant digits, thousands set off, without a needless exponent.

    `0.00213`, `16.3`, `1,240`, `9.71e11`.
    """
    if value is None:
        return UNKNOWN
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 1e7 or size < _TINY:
        mantissa, power = f"{value:.2e}".split("e")
        return f"{mantissa}e{int(power)}".replace("-", MINUS)
    if size >= 1000:
        return f"{value:,.0f}".replace("-", MINUS)
    digits = max(0, 2 - len(str(int(size))) + 1) if size >= 1 else 2 + _leading_zeros(size)
    written = f"{value:.{digits}f}"
    if "." in written:
        written = written.rstrip("0").rstrip(".")
    return written.replace("-", MINUS)


def measured(value: float | None) -> str:
    """Like `number`, always with three digits, so that columns read evenly: `15.0`, `1.00`."""
    if value is None or not _TINY <= abs(value) < 99.95:
        return number(value)
    digits = 1 if abs(value) >= 9.995 else 2 if abs(value) >= 0.9995 else 2 + _leading_zeros(value)
    return f"{value:.{digits}f}".replace("-", MINUS)


def _leading_zeros(size: float) -> int:
    zeros = 1
    while abs(size) < 10.0**-zeros:
        zeros += 1
    return zeros


def count(value: int | None) -> str:
    """A whole number with its thousands set off."""
    return UNKNOWN if value is None else f"{value:,}"


def amount(value: float | None, currency: str) -> str:
    """A cost with its currency: `16.3 units`."""
    if value is None:
        return UNKNOWN
    return f"{number(value)}{_SPACE}{unit(currency)}"


def unit(currency: str) -> str:
    """The currency as it is written after a number."""
    return {"usd": "USD", "flops": "FLOPs", "flops_plain": "plain FLOPs"}.get(currency, currency)
