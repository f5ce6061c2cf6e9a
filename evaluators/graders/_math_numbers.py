r"""Answers that are plain numbers, or lists of them, read without any algebra."""

import re
from fractions import Fraction
from typing import Final, NamedTuple

from graphsearch.evaluators.graders._math_limits import LONGEST

__all__ = [
    "Number",
    "equal_numbers",
    "read_number",
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

    def repeating(match: re.Match[str]) -> str:
        # (16 - 1)/90: as many nines as digits that come again.
        once, again = match["whole"] + match["once"], match["again"]
        nines = (10 ** len(again) - 1) * 10 ** len(match["once"])
        value = Fraction(int(once + again) - int(once or "0"), nines)
        return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"

    return _REPEATING.sub(repeating, text)


_BRACKETED: Final = re.compile(r"(\(|\[|\\\{|)\s*(.*?)\s*(\)|\]|\\\}|)")


class _Numbers(NamedTuple):
    """A list of plain numbers as it was written.

    Attributes:
        brackets: the opening and the closing one; empty for a bare list.
        values: two or more.
    """

    brackets: str
    values: tuple[Fraction, ...]


def _read_list(text: str) -> _Numbers | None:
    """A cleaned answer that lists two or more whole numbers or fractions: 1, 2; (1, 2); [1, 2)."""
    match = _BRACKETED.fullmatch(text) if "," in text and len(text) <= LONGEST else None
    if match is None:
        return None
    numbers = [read_number(part.strip()) for part in match[2].split(",")]
    if len(numbers) < 2 or not all(n and not n.decimal and not n.percent for n in numbers):
        return None
    return _Numbers(match[1] + match[3], tuple(n.value for n in numbers if n))


_PLACES: Final = 6


def equal_numbers(gold: str, said: str) -> bool | None:
    """Whether two cleaned answers that are plain numbers, or lists of them, are equal.

    None where one of them is something else, or where plain rules do not tell.
    """
    known, given = read_number(gold), read_number(said)
    if known is not None and given is not None:
        if _equal(known, given):
            return True
        # 50 % is 50, as units are left out, and it is 0.5.
        return known.percent != given.percent and _equal(_unpercent(known), _unpercent(given))
    some, others = _read_list(gold), _read_list(said)
    if some is None or others is None:
        listed, alone = (some, given) if some else (others, known)
        return False if alone and listed and len(set(listed.values)) > 1 else None
    if some.brackets != others.brackets:  # a pair has an order, a set has none
        kinds = {some.brackets, others.brackets}
        return False if r"\{\}" in kinds and "" not in kinds else None
    if some.brackets in ("", r"\{\}"):
        return set(some.values) == set(others.values)
    return some.values == others.values


def _equal(gold: Number, said: Number) -> bool:
    if gold.value == said.value:
        return True
    if not (gold.decimal or said.decimal):
        return False
    rounded = round(gold.value, _PLACES) == round(said.value, _PLACES)
    return rounded and abs(gold.value - said.value) * 100_000 <= abs(gold.value)


def _unpercent(number: Number) -> Number:
    return number._replace(value=number.value / 100) if number.percent else number
