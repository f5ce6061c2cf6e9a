r"""Answers that are plain numbers, or lists of them, read without any algebra."""

import re
from fractions import Fraction
from typing import Final, NamedTuple

from graphsearch.evaluators.graders._math_limits import LONGEST

__all__ = ["Number", "Numbers", "read_number", "read_numbers"]

_LARGEST_EXPONENT: Final = 400
_DECIMAL: Final = r"\d+(?:\.\d*)?|\.\d+"
_PLAIN: Final = re.compile(
    rf"(?P<sign>[-+]?)\s*(?P<number>{_DECIMAL})(?:[eE](?P<power>[-+]?\d{{1,4}}))?"
    rf"\s*(?P<percent>\\%)?"
)
_SCIENTIFIC: Final = re.compile(
    rf"(?P<sign>[-+]?)\s*(?P<number>{_DECIMAL})\s*(?:\\times|\\cdot|\*|x)\s*"
    r"10\s*\^\s*\{?\s*(?P<power>[-+]?\d{1,4})\s*\}?(?P<percent>(?!))?"
)
_POWER_OF_TEN: Final = re.compile(
    r"(?P<sign>[-+]?)(?P<number>(?:(?=10\^)))10\s*\^\s*\{?\s*(?P<power>[-+]?\d{1,4})\s*\}?"
    r"(?P<percent>(?!))?"
)
_OVER: Final = re.compile(
    r"(?P<sign>[-+]?)\s*(?:\\[dtc]?frac\s*(?:\{\s*(?P<a>[-+]?\d+)\s*\}\s*\{\s*(?P<b>[-+]?\d+)\s*\}"
    r"|(?P<c>\d)\s*(?P<d>\d))|(?P<e>\d+)\s*/\s*(?P<f>\d+))"
)


class Number(NamedTuple):
    """A number as it was written.

    Attributes:
        value: exactly; of 50 % it is 50.
        decimal: whether it has a decimal point, and so may be rounded.
        percent: whether a percent sign follows.
    """

    value: Fraction
    decimal: bool
    percent: bool


def read_number(text: str) -> Number | None:
    r"""A cleaned answer that is one plain number: 12, -0.5, 1e3, 3 \times 10^8, 1/2, \frac12."""
    if len(text) > LONGEST:
        return None
    for form in (_PLAIN, _SCIENTIFIC, _POWER_OF_TEN):
        match = form.fullmatch(text)
        if match:
            power = int(match["power"] or 0)
            if abs(power) > _LARGEST_EXPONENT:
                return None
            value = Fraction(match["number"] or "1") * Fraction(10) ** power
            sign = -1 if match["sign"] == "-" else 1
            return Number(sign * value, "." in match["number"], bool(match["percent"]))
    over = _OVER.fullmatch(text)
    return None if over is None else _quotient(over)


def _quotient(match: re.Match[str]) -> Number | None:
    above, below = (int(match[x] or match[y] or match[z]) for x, y, z in ("ace", "bdf"))
    if below == 0:
        return None
    sign = -1 if match["sign"] == "-" else 1
    return Number(Fraction(sign * above, below), decimal=False, percent=False)


_BRACKETED: Final = re.compile(r"(\(|\[|\\\{|)\s*(.*?)\s*(\)|\]|\\\}|)")


class Numbers(NamedTuple):
    """A list of plain numbers as it was written.

    Attributes:
        brackets: the opening and the closing one; empty for a bare list.
        values: two or more.
    """

    brackets: str
    values: tuple[Fraction, ...]


def read_numbers(text: str) -> Numbers | None:
    """A cleaned answer that lists two or more whole numbers or fractions: 1, 2; (1, 2); [1, 2)."""
    match = _BRACKETED.fullmatch(text) if "," in text and len(text) <= LONGEST else None
    if match is None:
        return None
    numbers = [read_number(part.strip()) for part in match[2].split(",")]
    if len(numbers) < 2 or not all(n and not n.decimal and not n.percent for n in numbers):
        return None
    return Numbers(match[1] + match[3], tuple(n.value for n in numbers if n))
