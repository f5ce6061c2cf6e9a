"""How numbers are written in the report. Unknown is a dash, never zero."""

from collections.abc import Sequence

__all__ = [
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
_MINUS = "\u2212"
_SPACE = "\u00a0"


def percent(share: float | None, digits: int = 1) -> str:
    """0.7123 -> `71.2 %`."""
    return UNKNOWN if share is None else f"{share * 100:.{digits}f}{_SPACE}%"


def interval(bounds: Sequence[float] | None) -> str:
    """(0.67, 0.751) -> `67.0 to 75.1 %`."""
    if bounds is None:
        return UNKNOWN
    return f"{bounds[0] * 100:.1f} to {bounds[1] * 100:.1f}{_SPACE}%"


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
    rounded = f"{abs(value):.1f}"
    if rounded == "0.0":
        return rounded
    return f"{_MINUS if value < 0 else '+'}{rounded}"


def number(value: float | None) -> str:
    """Three significant digits, thousands set off, without a needless exponent.

    `0.00213`, `16.3`, `1,240`, `9.71e11`.
    """
    if value is None:
        return UNKNOWN
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 1e7 or size < 1e-4:
        mantissa, power = f"{value:.2e}".split("e")
        return f"{mantissa}e{int(power)}".replace("-", _MINUS)
    if size >= 1000:
        return f"{value:,.0f}".replace("-", _MINUS)
    digits = max(0, 2 - len(str(int(size))) + 1) if size >= 1 else 2 + _leading_zeros(size)
    written = f"{value:.{digits}f}"
    if "." in written:
        written = written.rstrip("0").rstrip(".")
    return written.replace("-", _MINUS)


def measured(value: float | None) -> str:
    """Like `number`, always with three digits, so that columns read evenly: `15.0`, `1.00`."""
    if value is None or not 1e-4 <= abs(value) < 99.95:
        return number(value)
    digits = 1 if abs(value) >= 9.995 else 2 if abs(value) >= 0.9995 else 2 + _leading_zeros(value)
    return f"{value:.{digits}f}".replace("-", _MINUS)


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
