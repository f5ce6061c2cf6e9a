"""Exact grader of the puzzle: each number once, each step true, the last result K."""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from graphsearch.evaluators.graders.base import ReadsReplies, unparsed
from graphsearch.records.calls import Outcome
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item, Verdict

_LABEL: Final = re.compile(r"[A-Z]|[a-z]\d")
_NUMBER: Final = re.compile(r"-?\d+(/[1-9]\d*)?")
_POINTER: Final = re.compile(r"[a-z~]")
_CLAIM, _DENIAL = "=", "~"
_OPERATORS: Final[dict[str, Callable[[Fraction, Fraction], Fraction]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


@dataclass(frozen=True, slots=True)
class StepCheck:
    """One written step and what is wrong with it (`fault` is "" when nothing is)."""

    text: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    steps: tuple[tuple[str, str, str, str], ...]
    repeated: str | None
    claim: bool | None


def _read(text: str) -> _Answer | None:
    """The steps and the closing claim of a reply, or None when it has another form."""
    words = text.split()
    if words and _POINTER.fullmatch(words[0]):
        words = words[1:]
    steps: list[tuple[str, str, str, str]] = []
    while words and _LABEL.fullmatch(words[0]):
        if len(words) < 5:
            return None
        left, sign, right, result = words[1:5]
        if sign not in _OPERATORS or not all(_NUMBER.fullmatch(n) for n in (left, right, result)):
            return None
        steps.append((left, sign, right, result))
        words = words[5:]
    if not steps or len(words) > 2:
        return None
    repeated = words[0] if words and _NUMBER.fullmatch(words[0]) else None
    if words and (repeated is None or words[1:] not in ([], [_CLAIM], [_DENIAL])):
        return None
    return _Answer(tuple(steps), repeated, words[1] == _CLAIM if len(words) == 2 else None)


class PuzzleGrader(ReadsReplies):
    """Grader of `load_puzzle`: `item.meta["numbers"]` are to be combined into `item.gold`."""

    name = "puzzle"

    def check(self, item: Item) -> None:
        """Raise `TaskError` when an item cannot be graded."""
        numbers = item.meta.get("numbers")
        if not isinstance(numbers, list) or not numbers or any(type(n) is not int for n in numbers):
            raise TaskError(
                f"item {item.id!r}: needs a field 'numbers' with the numbers to combine, such as "
                f"[2, 7, 9, 10]; got {numbers!r}"
            )
        if not _NUMBER.fullmatch(str(item.gold)):
            raise TaskError(f"item {item.id!r}: the gold answer {item.gold!r} is no number")

    def parse(self, item: Item, text: str) -> str | None:
        """The steps without labels and verdict, so that equal traces are equal texts."""
        answer = _read(text)
        return "; ".join(" ".join(step) for step in answer.steps) if answer else None

    def claims(self, item: Item, text: str) -> bool | None:
        """The reply's own verdict; None when it has none or cannot be read."""
        answer = _read(text)
        return answer.claim if answer else None

    def steps(self, item: Item, text: str) -> tuple[StepCheck, ...]:
        """Step trace: each written step and its fault, up to and with the first one at fault."""
        answer = _read(text)
        pool = Counter(Fraction(number) for number in item.meta["numbers"])
        checks: list[StepCheck] = []
        for step in answer.steps if answer else ():
            left, right, result = (Fraction(step[place]) for place in (0, 2, 3))
            operands = Counter((left, right))
            fault = ""
            if missing := list((operands - pool).elements()):
                fault = f"{missing[0]} is not available"
            elif step[1] == "/" and right == 0:
                fault = "division by zero"
            elif (true := _OPERATORS[step[1]](left, right)) != result:
                fault = f"{left} {step[1]} {right} is {true}"
            checks.append(StepCheck(" ".join(step), fault))
            if fault:
                break
            pool = pool - operands + Counter([result])
        return tuple(checks)

    def grade(self, item: Item, text: str) -> Verdict:
        """Score 1 for a right answer, 0 for a wrong one; the reply's own verdict plays no part."""
        answer = _read(text)
        if answer is None:
            return unparsed("not a list of steps")
        reason = "right"
        steps = self.steps(item, text)
        numbers, result = item.meta["numbers"], Fraction(answer.steps[-1][3])
        if steps[-1].fault:
            reason = f"step {len(steps)} ({steps[-1].text}): {steps[-1].fault}"
        elif len(answer.steps) != len(numbers) - 1:
            reason = f"{len(answer.steps)} steps use not all of {len(numbers)} numbers"
        elif result != Fraction(item.gold):
            reason = f"the result is {result}, not {item.gold}"
        return Verdict(float(reason == "right"), Outcome.ANSWERED, self.parse(item, text), reason)
