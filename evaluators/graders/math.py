r"""Mathematical answers: LaTeX or plain, compared by meaning."""

import re
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, ClassVar, Final

from graphsearch.evaluators.graders._math_limits import over_limit
from graphsearch.evaluators.graders._math_numbers import equal_numbers
from graphsearch.evaluators.graders._math_prose import formula_in
from graphsearch.evaluators.graders.base import ReadsReplies, fingerprint, shown, unparsed
from graphsearch.evaluators.graders.final import Extract
from graphsearch.evaluators.graders.math_forms import canonical, entries, solved
from graphsearch.evaluators.graders.math_text import clean, final_math, words_of
from graphsearch.evaluators.workers import Stopped, WorkerPool
from graphsearch.records.calls import Outcome
from graphsearch.records.errors import GraderFailed, TaskError
from graphsearch.records.tasks import Item, Verdict

__all__ = ["MathGrader"]

_LONGEST_READ: Final = 4_000
_MOST_ROUNDS: Final = 4
_RULES: Final = 3
"""To be raised with every change that may change a verdict."""

_BASE: Final = re.compile(r"\d\s*_(?!\s*\{?\s*10(?!\d))")
"""A number whose base is not ten."""
_MANY: Final = re.compile(r"[,;&]|\\(?:pm|mp|text|in|cup|mathbb|quad|\{)|\b(?:or|and)\b|±")
"""What may stand for several values."""

_JOB: Final = "graphsearch.evaluators.workers._job_math"


class MathGrader(ReadsReplies):
    """Right when the answer means the same as the gold one, by math-verify and by plain rules.

    Equal spellings, plain numbers and words are decided here; all else goes to math-verify in
    worker processes that are killed when they take too long. A gold answer is a text, a number, or
    a list of several that are right each.

    Args:
        extract: where in a reply its final answer is; see `design/graders.md`.
        seconds: the most a comparison may take; longer ones count as wrong.
        workers: the most worker processes; the machine's cores by default.

    """

    name = "math"
    prompt_set: ClassVar[str] = "chat-math"
    blocking: ClassVar[bool] = True

    def __init__(
        self, *, extract: Extract = "auto", seconds: float = 5.0, workers: int | None = None
    ) -> None:
        if not seconds > 0:
            raise TaskError(f"seconds {seconds} of the math grader must be more than 0")
        if workers is not None and workers < 1:
            raise TaskError(f"workers {workers} of the math grader must be 1 or more")
        self._extract: Extract = extract
        self._seconds = seconds
        self._pool = WorkerPool(_JOB, workers=workers, seconds=seconds)
        self._faults: dict[str, str] = {}

    @property
    def fingerprint(self) -> str:
        """What verdicts depend on beside item and answer."""
        return fingerprint(
            self.name, _RULES, extract=self._extract, seconds=self._seconds, library=_library()
        )

    def parse(self, item: Item, text: str) -> str | None:
        """The final answer in canonical form: equal for answers of equal spelling, cheaply."""
        cleaned = self._final(text)
        return None if cleaned is None else canonical(cleaned)  # never empty, see _final

    def grade(self, item: Item, text: str) -> Verdict:
        """Score 1 when the answer is right; blocks while a worker compares.

        Raises:
            GraderFailed: no worker could be had, the machine was too busy to let it work, or
                math-verify failed; or it finds that not even the gold answer is equal to itself.
            TaskError: the gold answer is no text or number, or math-verify is not installed.
        """
        _need_library()
        golds = self._golds(item)
        said = self._final(text)
        if said is None:
            return unparsed("no answer that could be read")
        parsed = canonical(said)
        reason, failure = "", None
        for gold in golds:
            try:
                right, why = self._compare(item, gold, said)
            except GraderFailed as error:  # the answer may still be equal to another one
                failure = failure or error
                continue
            if right:
                return Verdict(1.0, Outcome.ANSWERED, parsed, why)
            reason = reason or why
        if failure is not None:
            raise failure
        return Verdict(0.0, Outcome.ANSWERED, parsed, reason)

    def check(self, item: Item) -> None:
        """Raise `TaskError` when an item cannot be graded, or math-verify is not installed."""
        _need_library()
        self._golds(item)

    def close(self) -> None:
        """End the worker processes; idempotent."""
        self._pool.close()

    def _final(self, text: str) -> str | None:
        found = final_math(text, self._extract)
        for _ in range(_MOST_ROUNDS):
            if found is None or len(found) > _LONGEST_READ:
                return None
            cleaned = clean(found)
            said = canonical(cleaned)
            if not said:
                return None
            # What is read of an answer in canonical form must be that answer again, or it is junk.
            found = formula_in(said, marked=True)
            if found is not None and canonical(clean(found)) == said:
                return cleaned
        return None

    @staticmethod
    def _golds(item: Item) -> list[str]:
        values: Any = item.gold if isinstance(item.gold, list) else [item.gold]
        golds = [
            clean(final_math(str(value), "boxed") or str(value))
            for value in values
            if isinstance(value, str | int | float) and not isinstance(value, bool)
        ]
        if not golds or len(golds) != len(values) or not all(golds):
            raise TaskError(f"item {item.id!r}: the gold answer {item.gold!r} is no text or number")
        return golds

    def _compare(self, item: Item, gold: str, said: str) -> tuple[bool, str]:
        """Whether an answer is right, and why, in a sentence."""
        known, given = solved(gold), solved(said)
        if known.open != given.open and not ("=" in gold and "=" in said):
            return False, f"{said}, gold is {gold}; an equation is no value"
        others = bool(known.names) and bool(given.names - known.names)
        if not (known.open or given.open or others):
            gold, said = known.value, given.value
            if _is_one_of_several(gold, said) or _is_one_of_several(said, gold):
                return False, f"{said}, gold is {gold}"
        if bool(_BASE.search(gold)) != bool(_BASE.search(said)):
            return False, f"{said}, gold is {gold}; a number of another base"
        if gold == said or (not others and canonical(gold) == canonical(said)):
            return True, "the same as the gold answer"
        quick = equal_numbers(gold, said)
        if quick is None and (words := words_of(gold)) is not None:
            quick = words == (words_of(said) or words_of(rf"\text{{{said}}}"))
        if quick is not None:
            return quick, f"{said}, gold is {gold}"
        for who, text in (("the answer", said), ("the gold answer", gold)):
            limit = over_limit(text)
            if limit is not None:
                return False, f"{who} is {limit}; only its text was compared"
        found = self._asked(gold, said)
        if found is True:
            return True, f"{said}, gold is {gold}"
        if found is None:
            return False, f"{said}, gold is {gold}; such answers are equal as texts alone"
        self._test_gold(item, gold)
        return False, (
            f"{said}, gold is {gold}"
            if found is False
            else f"comparing {said!r} with the gold answer {found}"
        )

    def _asked(self, gold: str, said: str) -> bool | str | None:
        """Whether a worker finds them equal; None where only texts count, else why it cannot tell.

        Raises:
            GraderFailed: it is not the texts that kept it from telling.
        """
        try:
            answer = self._pool.ask([gold, said])
        except TaskError as error:  # its start was refused
            raise GraderFailed(f"math-verify cannot be used: {error}") from error
        if isinstance(answer, Stopped):
            if answer.why == "raised":
                raise GraderFailed(f"math-verify failed: {answer.reason}")
            return answer.reason
        if isinstance(answer.value, str):
            return f"raised {answer.value}"
        return None if answer.value is None else bool(answer.value)

    def _test_gold(self, item: Item, gold: str) -> None:
        """A gold answer that is not even equal to itself calls no answer wrong; asked once each."""
        fault = self._faults.get(gold)
        if fault is None:
            found = self._asked(gold, gold)
            fault = "" if found in (True, None) else f"({found or 'it cannot be read'})"
            self._faults[gold] = fault
        if fault:
            raise GraderFailed(
                f"item {item.id!r}: the gold answer {shown(gold)!r} is not equal to itself "
                f"{fault}, so no other answer can be told from wrong; write it otherwise, or "
                "leave the question out"
            )


def _need_library() -> None:
    if _library() is None:
        raise TaskError(
            "the math grader needs math-verify: pip install 'graphsearch[math]' (numeric and exact "
            "need nothing)"
        )


@cache
def _library() -> str | None:
    """The version of math-verify; None where it is not installed."""
    return version("math_verify") if find_spec("math_verify") is not None else None


def _is_one_of_several(listed: str, one: str) -> bool:
    """Whether an answer is a bare list of different values, and the other a value alone."""
    several = {canonical(part) for part in entries(listed)}
    return len(several) > 1 and not _MANY.search(one)
