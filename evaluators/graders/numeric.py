"""Answers that are one number."""

import re
from fractions import Fraction
from math import isfinite
from typing import Any, ClassVar, Final, Literal

from graphsearch.calls import Outcome
from graphsearch.errors import TaskError
from graphsearch.evaluators.graders._final import Extract, final_answer
from graphsearch.evaluators.graders._plain import NoClaims
from graphsearch.tasks import Item, Verdict

__all__ = ["NumericGrader", "Pick", "read_numbers"]

Pick = Literal["auto", "first", "last"]
"""Which number of a final answer counts."""

_NUMBER: Final = re.compile(
    r"(?<![\w.])[-+−]?\$?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+|(?<=\d))(?:[eE][-+]?\d{1,3})?"
    r"(?:\s*/\s*\d+)?(?![\w]*\w)"
)
_LATEX_FRACTION: Final = re.compile(r"([-+−]?)\\[dt]?frac\s*\{\s*(\d+)\s*\}\s*\{\s*(\d+)\s*\}")
_TAIL: Final = 20_000
_LONGEST_NUMBER: Final = 1_000


def read_numbers(text: str) -> list[Fraction]:
    r"""Numbers in a text, in order: `1,234.5`, `-3/4`, `1e6`, `\frac{1}{2}`, `$12`, ...

    Those of more than a thousand characters are none.
    """
    numbers: list[Fraction] = []
    for found in _NUMBER.findall(_LATEX_FRACTION.sub(r" \1\2/\3 ", text)):
        if len(found) > _LONGEST_NUMBER:
            continue
        try:
            numbers.append(Fraction(re.sub(r"[,$\s]", "", found).replace("−", "-")))
        except (ValueError, ZeroDivisionError):
            continue  # a lone sign, or a division by zero: no number
    return numbers


class NumericGrader(NoClaims):
    """Right when the answer equals the gold number, exactly or within a tolerance.

    Where a reply marks its final answer, that one's first number counts, or the first after its
    last `=`; else the last number written anywhere.

    Args:
        tolerance: largest relative error that counts as right; 0 asks for the exact number.
        extract: where in a reply its final answer is; anything but `auto` asks for it there, and a
            number elsewhere counts for nothing.
        pick: the number of the final answer that counts: the `first`, the `last`, or by `auto` the
            first after the last `=`.
    """

    name = "numeric"
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

    def grade(self, item: Item, text: str) -> Verdict:
        """Score 1 when the number is right.

        Raises:
            TaskError: the gold answer is no number.
        """
        number = self._read(text)
        if number is None:
            return Verdict(0.0, Outcome.UNPARSED, None, "no number in the answer")
        gold = self.gold(item.gold, item.id)
        right = abs(number - gold) <= self._tolerance * abs(gold)
        said = str(number)
        return Verdict(float(right), Outcome.ANSWERED, said, f"{said}, gold is {gold}")

    def check(self, item: Item) -> None:
        """Raise `TaskError` when an item cannot be graded."""
        self.gold(item.gold, item.id)

    @staticmethod
    def gold(value: Any, where: str) -> Fraction:
        """The gold number; texts may reason first, as GSM8K's do."""
        number = None
        if isinstance(value, int | float) and not isinstance(value, bool):
            if isinstance(value, float) and not isfinite(value):
                raise TaskError(f"item {where!r}: the gold answer {value!r} is no number")
            number = Fraction(str(value))
        elif isinstance(value, str):
            number = NumericGrader()._read(value)
        if number is None:
            raise TaskError(f"item {where!r}: the gold answer {value!r} is no number")
        return number

    def _read(self, text: str) -> Fraction | None:
        final = final_answer(text, self._extract)
        if final is not None:
            number = self._picked(final)
            if number is not None:
                return number
        if self._extract != "auto":
            return None
        numbers = read_numbers(text[-_TAIL:])
        return numbers[-1] if numbers else None

    def _picked(self, final: str) -> Fraction | None:
        if self._pick == "auto":
            final = final.rpartition("=")[2]
        numbers = read_numbers(final[-_TAIL:])
        if not numbers:
            return None
        return numbers[-1 if self._pick == "last" else 0]
