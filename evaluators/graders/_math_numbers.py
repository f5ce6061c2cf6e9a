r"""Answers that are plain numbers, or lists of them, read without any algebra."""

import re
from fractions import Fraction
from typing import Final, NamedTuple

from graphsearch.evaluators.graders._math_limits import LONGEST

__all__ = [
    "Number",
    "Numbers",
    "read_number",
    "read_numbers",
    "with_fractions",
    "with_small_digits",
]

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
_MIXED: Final = re.compile(
    r"(?P<sign>[-+]?)\s*(?P<whole>\d+)(?:\s+(?P<a>[1-9]\d?)\s*/\s*(?P<b>\d+)"
    r"|\s*\\[dtc]?frac\s*(?:\{\s*(?P<c>\d+)\s*\}\s*\{\s*(?P<d>\d+)\s*\}|(?P<e>\d)\s*(?P<f>\d)))"
)
"""Three digits above a stroke may be the last ones of `1 234/567`."""

_REPEATING: Final = re.compile(
    r"(?<![\d.])(?P<whole>\d*)\.(?P<once>\d*)\s*\\(?:overline|bar)\s*\{\s*(?P<again>\d+)\s*\}(?!\s*\^)"
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
    r"""A cleaned answer that is one plain number.

    12, -0.5, 1e3, 3 \times 10^8, 1/2, \frac12, 3 1/2, 3\frac12.
    """
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
    for form, read in ((_OVER, _quotient), (_MIXED, _mixed)):
        match = form.fullmatch(text)
        if match:
            return read(match)
    return None


def _quotient(match: re.Match[str]) -> Number | None:
    above, below = (int(match[x] or match[y] or match[z]) for x, y, z in ("ace", "bdf"))
    if below == 0:
        return None
    sign = -1 if match["sign"] == "-" else 1
    return Number(Fraction(sign * above, below), decimal=False, percent=False)


def _mixed(match: re.Match[str]) -> Number | None:
    """Three and a half; a fraction of one or more may be meant as a factor."""
    part = _quotient(match)
    if part is None or abs(part.value) >= 1:
        return None
    sign = -1 if match["sign"] == "-" else 1
    return part._replace(value=part.value + sign * int(match["whole"]))


_SMALL: Final = re.compile(r"([⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+)|([₀₁₂₃₄₅₆₇₈₉₊₋]+)")
_SMALL_SIGNS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+-0123456789+-")


def with_small_digits(text: str) -> str:
    """An answer with Unicode's small digits as LaTeX has them: x^{10} and x_1."""

    def spelt(small: re.Match[str]) -> str:
        said = small[0].translate(_SMALL_SIGNS)
        return ("^" if small[1] else "_") + (said if len(said) == 1 else f"{{{said}}}")

    return _SMALL.sub(spelt, text)


def with_fractions(text: str) -> str:
    r"""An answer with \frac for 0.1\overline{6} anywhere, and for 3 1/2 where that is all of it."""
    if len(text) > LONGEST:
        return text
    mixed = _MIXED.fullmatch(text)
    if mixed and mixed["a"] and _mixed(mixed):
        return rf"{mixed['sign']}{mixed['whole']}\frac{{{mixed['a']}}}{{{mixed['b']}}}"
    return _REPEATING.sub(_repeating, text)


def _repeating(match: re.Match[str]) -> str:
    r"""0.1\overline{6} is (16 - 1)/90: as many nines as digits that come again."""
    once, again = match["whole"] + match["once"], match["again"]
    nines = (10 ** len(again) - 1) * 10 ** len(match["once"])
    value = Fraction(int(once + again) - int(once or "0"), nines)
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


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
