"""Answers that are an expression over given numbers with a given value, as in the game of 24."""

import re
from collections import Counter
from contextlib import suppress
from fractions import Fraction
from typing import Any, ClassVar, Final, Literal

from graphsearch.evaluators.graders.arithmetic import (
    Arithmetic,
    ArithmeticFault,
    read_arithmetic,
)
from graphsearch.evaluators.graders.base import ReadsReplies, unparsed
from graphsearch.evaluators.graders.final import Extract, final_answer
from graphsearch.records.calls import Outcome
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item, Verdict

__all__ = ["Game24Grader"]

_LABEL: Final = re.compile(r"^\W*(?:final\s+)?(?:answer|expression|solution)\s*:\s*", re.IGNORECASE)
_LEAD: Final = re.compile(
    r"^(?:(?:so|thus|therefore|hence|then|finally|we|have|get|can|use|the|a|one|my|final|possible|valid"
    r"|correct|solution|answer|expression|equation|result|is)\b[,:]?\s+)+",
    re.IGNORECASE,
)
_TIMES: Final = re.compile(r"(?<=[\d)])\s*[xX]\s*(?=[\d(])")
_DISPLAY: Final = re.compile(r"\\[()\[\]]")
_FRAME: Final = re.compile(r"\s*(?:`{3,}\w*|~{3,}\w*|\\[\[\]]|\${1,2})\s*")
_WRAPPED: Final = re.compile(r"(\*\*|__|`)\s*(.+?)\s*\1\s*\.?")
_CALCULATED: Final = re.compile(r"\d[^=]*[-+*/×÷·−][^=]*\d")
_GOAL: Final = re.compile(r"-?\d{1,12}(?:/[1-9]\d{0,11})?")
_LONGEST: Final = 2_000
_TAIL: Final = 20_000


class Game24Grader(ReadsReplies):
    """Right when the answer is an expression of the given numbers, each as often as given, = 24.

    The numbers are the item's `numbers` (a list, or a text such as `4 5 6 10`). Values are exact
    fractions. A side `= 24` may follow or precede the expression.

    Args:
        target: the value to reach, where the item has no `target` of its own.
        use: whether `all` numbers must be used, each as often as given; or only `some` of them; or
            all, and each as often as one likes: `repeat`, the rule of some recorded labels.
        extract: where in a reply the expression is; `auto` falls back to the last line, or
            the one before a closing remark without numbers.
    """

    name = "game24"
    prompt_set: ClassVar[str] = "chat-game24"

    def __init__(
        self,
        *,
        target: int = 24,
        use: Literal["all", "some", "repeat"] = "all",
        extract: Extract = "auto",
    ) -> None:
        self._target = target
        self._use = use
        self._extract: Extract = extract

    def parse(self, item: Item, text: str) -> str | None:
        """The expression without blanks, in one spelling; None when it is none."""
        try:
            return self._read(text).text
        except ArithmeticFault:
            return None

    def grade(self, item: Item, text: str) -> Verdict:
        """Score 1 when the expression uses the numbers and has the value.

        Raises:
            TaskError: the item does not say the numbers.
        """
        numbers, target = self._numbers(item), self._goal(item)
        try:
            said = self._read(text)
        except ArithmeticFault as fault:
            return unparsed(f"no expression: {fault}")
        wrong = self._fault(said, numbers, target)
        return Verdict(0.0 if wrong else 1.0, Outcome.ANSWERED, said.text, wrong or "right")

    def check(self, item: Item) -> None:
        """Raise `TaskError` when an item cannot be graded."""
        self._numbers(item)
        self._goal(item)

    def _read(self, text: str) -> Arithmetic:
        found = final_answer(text, self._extract)
        if self._extract == "auto" and (found is None or _FRAME.fullmatch(found)):
            # The last line, or the one before a closing remark without any number.
            lines = [line.strip() for line in text[-_TAIL:].splitlines()]
            lines = [line for line in lines if line and not _FRAME.fullmatch(line)]
            found = lines[-1] if lines else None
            if len(lines) > 1 and not re.search(r"\d", lines[-1]):
                with suppress(ArithmeticFault):
                    if len(_expression(lines[-2]).numbers) > 1:
                        found = lines[-2]
        if found is None or len(found) > _LONGEST:
            raise ArithmeticFault("nothing is marked as the answer, or too much")
        return _expression(found)

    def _fault(self, said: Arithmetic, numbers: Counter[int], target: Fraction) -> str:
        used = Counter(said.numbers)
        if self._use == "repeat":
            used, numbers = Counter(set(used)), Counter(set(numbers))
        if not used <= numbers:
            return f"uses {_listed(used - numbers)}, which is not given, or not so often"
        if self._use != "some" and used != numbers:
            return f"does not use {_listed(numbers - used)}"
        try:
            value = said.value()
        except ArithmeticFault as fault:
            return str(fault)
        return "" if value == target else f"is {value}, not {target}"

    @staticmethod
    def _numbers(item: Item) -> Counter[int]:
        given: Any = item.meta.get("numbers")
        if isinstance(given, str):
            given = [int(n) for n in re.split(r"[\s,]+", given.strip()) if n.isdecimal()]
        if isinstance(given, list) and given and all(type(n) is int for n in given):
            return Counter(given)
        raise TaskError(
            f"item {item.id!r}: needs a field 'numbers' with the numbers to use, such as "
            f"[4, 5, 6, 10]; got {item.meta.get('numbers')!r}"
        )

    def _goal(self, item: Item) -> Fraction:
        goal = item.meta.get("target", self._target)
        if isinstance(goal, str | int) and _GOAL.fullmatch(str(goal)):
            return Fraction(str(goal))
        raise TaskError(f"item {item.id!r}: the field 'target' is {goal!r}, must be a number")


def _expression(text: str) -> Arithmetic:
    """Of `a + b = 24` the side with the numbers.

    Raises:
        ArithmeticFault: it has none, or one that cannot be read beside others that are mere values.
    """
    text = _DISPLAY.sub(" ", text).strip()
    wrapped = _WRAPPED.fullmatch(text)
    text = _LEAD.sub("", _LABEL.sub("", wrapped[2] if wrapped else text))
    wrapped = _WRAPPED.fullmatch(text)
    text = _TIMES.sub(" * ", wrapped[2] if wrapped else text)
    parts = re.split(r"=|\bequals\b", text)
    sides: list[Arithmetic] = []
    faults: list[tuple[ArithmeticFault, str]] = []
    for part in parts:
        try:
            sides.append(read_arithmetic(part))
        except ArithmeticFault as fault:
            faults.append((fault, part))
    best = max(sides, key=lambda side: len(side.numbers), default=None)
    if best is None:
        raise faults[0][0]
    if len(best.numbers) == 1:  # a mere value, beside an expression that could not be read
        for unread, part in faults:
            if _CALCULATED.search(part):
                raise unread
    return best


def _listed(numbers: Counter[int]) -> str:
    return ", ".join(map(str, sorted(numbers.elements())))
