"""Answers that are one number."""

import re
from collections.abc import Sequence
from fractions import Fraction
from math import isfinite
from typing import ClassVar, Final, Literal

from graphsearch.evaluators.graders._numerals import Numeral, find_numerals, one_number, plainly
from graphsearch.evaluators.graders.base import ComparesAnswers, shown
from graphsearch.evaluators.graders.final import Extract, final_answer
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item

__all__ = ["NumericGrader", "Pick", "last_number"]

Pick = Literal["auto", "first", "last"]
"""Which number of a final answer counts."""

_TAIL: Final = 20_000
_NEAR_TAIL: Final = 2_000
_HEAD: Final = 200
_BETWEEN: Final = 80
_REASON: Final = re.compile(
    r"[,;.](?!\d)|\(|\b(?:because|since|as|where|when|if|given|so)\b", re.IGNORECASE
)
_SECOND: Final = re.compile(
    r"[^\W\d_]*%?(?:[ \t]+[^\W\d_]+){0,2}[ \t]*\b(?:or|and|to|oder|bis|und)\b[ \t]*"
    r"|[^\W\d_]*%?[ \t]*(?:[,;/&|]|或|和|至)[ \t]*(?:or|and)?[ \t]*|[ \t]+",
    re.IGNORECASE,
)
"""What stands between two answers."""
_RANGE: Final = re.compile(r"[^\W\d_]*(?:[ \t]+[^\W\d_]+)?[ \t]*")
_LARGER: Final = re.compile(
    r"[ \t]*(?:hours?|hrs?|h|feet|foot|ft|minutes?|mins?|pounds?|lbs?|dollars?|days?|weeks?|years?"
    r"|months?|meters?|metres?|m|kilograms?|kg)\b(?:[ \t,]+and\b)?[ \t,]*"
    r"|[ \t]*(?:点|點|时|時|시|小时|小時|時間|시간|月|월|年|년)[ \t]*",
    re.IGNORECASE,
)
_SMALLER: Final = re.compile(
    r"[ \t]*(?:(?:hours?|hrs?|h|inch|inches|in|minutes?|mins?|m|seconds?|secs?|s|ounces?|oz|cents?"
    r"|days?|weeks?|months?|centimeters?|centimetres?|cm|grams?|g)\b|[分秒日月월일분초])",
    re.IGNORECASE,
)
"""Two numbers that are one quantity only together: `7 hours and 30 minutes`, `6ft 2in`."""
_PLACES: Final = re.compile(r"[ \t]*(?:decimals?|d\.?p|significant|s\.?f|places?)\b", re.IGNORECASE)
_NOT: Final = re.compile(
    r"(?:\bnot|n't|n’t|≠|!=|\\neq?|\\to|→|\bmod|\\p?mod\{?)[ \t]*$", re.IGNORECASE
)
_EITHER: Final = re.compile(r"[^\W\d_]*%?(?:[ \t]+[^\W\d_]+){0,2}[ \t]*\bor\b[ \t]*", re.IGNORECASE)


class NumericGrader(ComparesAnswers):
    """Right when the answer equals the gold number, exactly or within a tolerance.

    Where a reply marks its final answer, that one's first number counts, or the first after its
    last `=`; else the last number written anywhere. What looks like a number and cannot be read for
    sure (`1,5`, `2^10`, `18 or 20`) leaves the reply unparsed; no other number is taken in its
    place. A gold answer must be one number, with its unit and currency at most, or a solution that
    marks one.

    Args:
        tolerance: largest relative error that counts as right; 0 asks for the exact number.
        extract: where in a reply its final answer is; anything but `auto` asks for it there, and a
            number elsewhere counts for nothing.
        pick: the number of the final answer that counts: the `first`, the `last`, or by `auto` the
            first after the last `=`.
    """

    name = "numeric"
    nothing = "no number for sure in the answer"
    prompt_set: ClassVar[str] = "chat-number"

    def __init__(
        self, *, tolerance: float = 0.0, extract: Extract = "auto", pick: Pick = "auto"
    ) -> None:
        if not 0 <= tolerance < 1:
            raise TaskError(f"tolerance {tolerance} of the numeric grader is not in [0, 1)")
        self._tolerance = Fraction(str(tolerance))
        self._extract: Extract = extract
        self._pick: Pick = pick

    def parse(self, item: Item, text: str) -> str | None:
        """The number as a reduced fraction, so that equal numbers are equal texts."""
        number = self._read(text)
        return None if number is None else str(number)

    def compare(self, said: str, golds: Fraction) -> tuple[float, str]:
        """Whether a number is right."""
        right = abs(Fraction(said) - golds) <= self._tolerance * abs(golds)
        return right, f"{said}, gold is {golds}"

    def golds(self, item: Item) -> Fraction:
        """The gold number; texts may reason first, as GSM8K's do."""
        value, where, number = item.gold, item.id, None
        if isinstance(value, int | float) and not isinstance(value, bool):
            if isinstance(value, float) and not isfinite(value):
                raise TaskError(f"item {where!r}: the gold answer {value!r} is no number")
            number = Fraction(str(value))
        elif isinstance(value, str):
            number = one_number(final_answer(value) or value)
        if number is None:
            raise TaskError(
                f"item {where!r}: the gold answer {shown(repr(value))} is no number for sure; "
                f"write one, such as 1234.5, -3/4 or 18 km, or a solution that ends in '#### 18'"
            )
        return number

    def _read(self, text: str) -> Fraction | None:
        final = final_answer(text, self._extract)
        if final is None:
            return last_number(text) if self._extract == "auto" else None
        said = plainly(final[-_TAIL:])
        if find_numerals(said, most=1) or self._extract != "auto":
            return self._picked(said)
        # "The answer is as follows:" has it after that; a number before it is a step.
        return last_number(text.rpartition(final)[2])

    def _picked(self, final: str) -> Fraction | None:
        if self._pick == "auto":
            return _said(final)
        numerals = find_numerals(final, joined=False)
        return numerals[-1 if self._pick == "last" else 0].value if numerals else None


def _said(final: str) -> Fraction | None:
    """The number that a final answer says: `18`, `9 * 2 = 18`, `18 = 9 * 2`, `18 (as x = 9)`."""
    for reason in _REASON.finditer(final[:_HEAD]):
        head = one_number(final[: reason.start()])
        if head is not None and "=" in final[reason.end() :]:
            return head
    if _SYSTEM.fullmatch(final):  # a = 4, b = 5
        return None
    sides = final.split("=")
    last = _first(sides[-1])
    if last is not None:
        return last if _gives_value(sides) else None
    if not find_numerals(sides[-1], most=1) and not _NAMES.fullmatch(sides[-1]):
        return None
    for side in reversed(sides[:-1]):
        number = one_number(side)
        if number is not None:
            return number
    return next((n for n in map(_first, sides[-1].split("≈")) if n is not None), None)


def _first(text: str) -> Fraction | None:
    """The first number, unless it is denied or a second one goes with it."""
    numerals = find_numerals(text, most=2)
    if not numerals or _is_denied(text, numerals[0]):
        return None
    if len(numerals) == 1:
        return numerals[0].value
    first, second = numerals
    between = _between(text, first, second)
    apart = text[second.begin] in "+-" and _RANGE.fullmatch(between)
    goes_with = apart or _SECOND.fullmatch(between) or _is_one(text, first, second)
    if goes_with and not _PLACES.match(text, second.end):  # not: 0.33 to 2 decimal places
        shares = [
            n.value and n.value / (100 if text.startswith("%", n.end) else 1) for n in numerals
        ]
        if first.value != second.value and shares[0] != shares[1]:
            return None
    return first.value


def last_number(text: str) -> Fraction | None:
    """The last number of a reply that marks none, unless it is one of two."""
    whole, numerals = plainly(text[-_TAIL:]), list[Numeral]()
    for tail in (_NEAR_TAIL, _TAIL):
        text = whole[-tail:]
        numerals = find_numerals(text)
        if len(numerals) > 2:  # the first of them may be cut off
            break
    if not numerals or _is_denied(text, numerals[-1]) or _BARE_LIST.fullmatch(text):
        return None
    clause = text[: numerals[-1].end].rpartition("\n")[2]
    if not _gives_value(clause.split("=")):
        return None
    if len(numerals) > 1:
        first, second = numerals[-2:]
        either = _EITHER.fullmatch(_between(text, first, second)) or _is_one(text, first, second)
        if first.value != second.value and either:
            return None
    return numerals[-1].value


def _is_one(text: str, first: Numeral, second: Numeral) -> bool:
    """Whether two numbers are one quantity in two units."""
    larger = _LARGER.fullmatch(_between(text, first, second))
    if larger is None:
        return False
    glued = text[second.begin : second.end].lstrip("+-0123456789.,")
    return bool(_SMALLER.match(f"{glued}{text[second.end : second.end + _BETWEEN]}"))


def _between(text: str, first: Numeral, second: Numeral) -> str:
    """What stands between two numbers, with the unit that is written onto the first."""
    if second.begin - first.end > _BETWEEN:
        return "..."
    glued = text[first.begin : first.end].lstrip("+-$€£¥₹0123456789.,/ ")
    return f"{glued}{text[first.end : second.begin]}"


def _is_denied(text: str, numeral: Numeral) -> bool:
    """Whether a number is said not to be it, or is but a part of a formula with unknowns."""
    before = text[max(0, numeral.begin - _BETWEEN) : numeral.begin]
    after = text[numeral.end : numeral.end + _BETWEEN]
    return bool(_NOT.search(before) or _PART_OF.search(before) or _GOES_ON.match(after))


def _gives_value(sides: Sequence[str]) -> bool:
    """Whether the last side of an equation is the value of something: not that of `2x + 1 = 3`.

    The side before it names what has the value (`x`, `f(2)`, words), or is a calculation.
    """
    left = _CLAUSE.split("=".join(sides[:-1]))[-1].split("=")
    name, formula = _NAME.search(left[0]), _FORMULA.search(left[-1])
    if name is not None and not _SIGN_LAST.search(left[0][: name.start()]):
        return True
    if formula is None:
        return True
    calculation = _TIMES.sub("*", formula[0])
    unit = _UNIT_LETTER.match(sides[-1])  # 60g + 20g = 80g
    if unit is not None:
        calculation = re.sub(rf"(?<=\d)\s*{unit[1]}\b", "", calculation)
    return _UNKNOWN.search(calculation) is None


_LETTER: Final = r"(?<![^\W\d_]|\\)[A-Za-z](?![^\W\d_])"
_NAME: Final = re.compile(
    rf"[\s(|{{]*{_LETTER}(?:_\{{?\w+\}}?|[₀-₉])*'*(?:\([^()=]*\))?[\s)}}]*(?:\.\s*)?\Z"
)
"""What may be given a value at the end of a side: x, x_1, f(2)."""
_NAMES: Final = re.compile(rf"{_NAME.pattern}|[\s$]*[A-Za-z][A-Za-z' ]{{0,40}}[\s.$]*\Z")
"""What a number may be given to: `12 = x`, `12 = number of apples`."""
_FORMULA: Final = re.compile(
    r"(?:[\d\s.+\-*/^(){}|÷]|\\(?:frac|sqrt|cdot|times)|(?<![^\W\d_]|\\)[A-Za-z](?![^\W\d_]))+\Z"
)
_SYSTEM: Final = re.compile(
    rf"[\s$]*({_LETTER})\s*=\s*[-+]?[\d.]+(?:\s*(?:,|and|,\s*and)\s*(?!\1\b){_LETTER}\s*=\s*"
    r"[-+]?[\d.]+)+[\s.$]*"
)
_CLAUSE: Final = re.compile(r"[,;:.]\s|\b(?:so|then|thus|hence|that|get|because|since|know)\b")
_SIGN_LAST: Final = re.compile(r"(?:[-+*/^|\d}]|\\[A-Za-z]+)\s*\Z")
_TIMES: Final = re.compile(r"(?<=[\d)])\s*[xX]\s*(?=[\d(.$])")
_UNKNOWN: Final = re.compile(
    rf"\\(?:frac|sqrt)[^=]*{_LETTER}|\d{_LETTER}|{_LETTER}\s*[-+*/^|÷]|[-+*/|÷]\s*{_LETTER}"
)
_UNIT_LETTER: Final = re.compile(r"\s*[\d.,]+\s*([A-Za-z])\b")
_PART_OF: Final = re.compile(
    rf"{_LETTER}[-+]\Z|{_LETTER}\s+[-+*/^]\s*\Z|{_LETTER}\(\Z"
    rf"|(?<![<\w/])[A-Za-z][ \t]*[<>]=?[ \t]*\Z|[\w)][ \t]+[<>]=?[ \t]*\Z"
    rf"|(?:[≤≥]|\\[lg]eq?)[ \t]*\Z"
)
"""What makes a number that follows a part of a formula: `p-2`, `x > 5`, `P(5)`."""
_GOES_ON: Final = re.compile(
    r"\s*[-+*/^]\s*(?![aAI]\b)[A-Za-z](?![^\W\d_])|[ \t]+[<>≤≥]=?[ \t]|[ \t]*\\(?:[lg]eq?|neq?)\b"
)
_BARE_LIST: Final = re.compile(
    r"\s*[(\[{]?\s*[-+]?[\d.]+(?:\s*[,;]\s+[-+]?[\d.]+)+\s*[)\]}]?[\s.]*"
)
