"""Answers that must match a pattern."""

import re
from typing import Any, ClassVar, Final, Literal

from graphsearch.evaluators.graders.base import ReadsReplies, fingerprint, shown, unparsed
from graphsearch.evaluators.graders.final import Extract, final_answer
from graphsearch.evaluators.workers import Stopped, WorkerPool
from graphsearch.records.calls import Outcome
from graphsearch.records.errors import GraderFailed, TaskError
from graphsearch.records.tasks import Item, Verdict

__all__ = ["RegexGrader"]

_JOB: Final = "graphsearch.evaluators.workers._job_regex"
_PLACE: Final = "{gold}"
_LONGEST: Final = 100_000
_RULES: Final = 1
"""To be raised with every change that may change a verdict."""


class RegexGrader(ReadsReplies):
    """Right when the answer matches a regular expression of Python's `re`.

    Some patterns take for ever on some texts, so they run in worker processes that are killed.

    Args:
        pattern: the pattern, in which `{gold}` stands for the gold text, taken literally; None
            takes the gold answer itself (or any of a list) for the pattern.
        match: whether it must match somewhere (`search`) or all of the answer (`full`).
        case: whether capitals count.
        extract: the part of the reply that is matched; `whole` by default.
        seconds: the most a match may take; longer ones count as wrong.
        workers: the most worker processes; the machine's cores by default.
    """

    name = "regex"
    blocking: ClassVar[bool] = True

    def __init__(
        self,
        *,
        pattern: str | None = None,
        match: Literal["search", "full"] = "search",
        case: bool = False,
        extract: Extract = "whole",
        seconds: float = 1.0,
        workers: int | None = None,
    ) -> None:
        if not seconds > 0:
            raise TaskError(f"seconds {seconds} of the regex grader must be more than 0")
        self._pattern = pattern
        self._full = match == "full"
        self._flags = 0 if case else int(re.IGNORECASE)
        self._extract: Extract = extract
        self._seconds = seconds
        self._pool = WorkerPool(_JOB, workers=workers, seconds=seconds, memory=1 << 30)
        if pattern is not None:
            self._compiled(pattern.replace(_PLACE, "x"), "option pattern")

    @property
    def fingerprint(self) -> str:
        """What verdicts depend on beside item and answer."""
        return fingerprint(
            self.name,
            _RULES,
            pattern=self._pattern,
            full=self._full,
            flags=self._flags,
            extract=self._extract,
            seconds=self._seconds,
        )

    def parse(self, item: Item, text: str) -> str | None:
        """The text that is matched; the pattern plays no part, since it may hang."""
        found = final_answer(text[-_LONGEST:], self._extract)
        return None if found is None else found.strip() or None

    def grade(self, item: Item, text: str) -> Verdict:
        """Score 1 when a pattern matches; blocks while a worker tries.

        Raises:
            GraderFailed: no worker could be had, or the machine was too busy to let it work.
            TaskError: the gold answer is no pattern.
        """
        patterns = self._patterns(item)
        said = self.parse(item, text)
        if said is None:
            return unparsed("no answer in the reply")
        answer = self._pool.ask([patterns, self._flags, self._full, said])
        if isinstance(answer, Stopped) and answer.why == "raised":
            self.check(item)  # no pattern, or else
            raise GraderFailed(f"a worker failed: {answer.reason}")
        if isinstance(answer, Stopped):
            return Verdict(0.0, Outcome.ANSWERED, said, f"the match {answer.reason}")
        right = answer.value is not None
        reason = f"matches in {shown(str(answer.value))!r}" if right else "does not match"
        return Verdict(float(right), Outcome.ANSWERED, said, reason)

    def check(self, item: Item) -> None:
        """Raise `TaskError` when an item cannot be graded."""
        for pattern in self._patterns(item):
            self._compiled(pattern, f"item {item.id!r}")

    def close(self) -> None:
        """End the worker processes; idempotent."""
        self._pool.close()

    def _patterns(self, item: Item) -> list[str]:
        golds: list[Any] = item.gold if isinstance(item.gold, list) else [item.gold]
        if self._pattern is not None and _PLACE not in self._pattern:
            return [self._pattern]
        if not golds or not all(isinstance(g, str | int | float) and str(g) for g in golds):
            raise TaskError(f"item {item.id!r}: the gold answer {item.gold!r} is no text")
        if self._pattern is None:
            return [str(gold) for gold in golds]
        return [self._pattern.replace(_PLACE, re.escape(str(gold))) for gold in golds]

    def _compiled(self, pattern: str, where: str) -> None:
        try:
            re.compile(pattern, self._flags)
        except (re.error, OverflowError, RecursionError) as error:
            raise TaskError(f"{where}: {pattern!r} is no regular expression: {error}") from None
