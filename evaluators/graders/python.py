"""Answers that a user's own function judges."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from graphsearch.evaluators.graders.base import ReadsReplies, fingerprint, unparsed
from graphsearch.evaluators.graders.final import Extract, final_answer
from graphsearch.evaluators.workers import Done, Stopped, WorkerPool
from graphsearch.functions import reference
from graphsearch.records.calls import Outcome, digest
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item, Verdict

__all__ = ["PythonGrader"]

_JOB: Final = "graphsearch.evaluators.workers._job_function"
_LONGEST: Final = 100_000
_RULES: Final = 1
"""To be raised with every change that may change a verdict."""


class PythonGrader(ReadsReplies):
    """Judges by a function `f(item, answer)` of the user's, in worker processes.

    `item` is a `Item`, `answer` the reply (or its final answer). The function
    returns True or False, a score in [0, 1], a `Verdict`, or a dict with `score`
    and, if it likes, `parsed` and `reason`; a score of None means that there was no answer. It runs
    with the user's own rights, outside any sandbox: name only code that you would run.

    Args:
        function: `path/to/file.py:function` or `package.module:function`; modules are also looked
            for in the current folder.
        extract: the part of the reply that is handed over; `whole` by default.
        seconds: the most a judgement may take; longer ones count as wrong, unless the function
            takes that long on the gold answer too.
        memory_mb: the most memory a worker may have.
        on_error: what an exception of the function means: `stop` ends the search with the item's
            id, `wrong` scores 0 with the exception as reason.
        environment: names of environment variables that the function sees; by default it sees no
            more than HOME, PATH, LANG and the like.
        workers: the most worker processes; the machine's cores by default.
    """

    name = "python"
    runs_code: ClassVar[bool] = True
    path_options: ClassVar[tuple[str, ...]] = ("function",)
    blocking: ClassVar[bool] = True

    def __init__(
        self,
        *,
        function: str,
        extract: Extract = "whole",
        seconds: float = 10.0,
        memory_mb: int = 2048,
        on_error: Literal["stop", "wrong"] = "stop",
        environment: Sequence[str] = (),
        workers: int | None = None,
    ) -> None:
        if not seconds > 0 or memory_mb < 64:
            raise TaskError(
                f"seconds {seconds} and memory_mb {memory_mb} of the python grader must be more "
                "than 0 and at least 64"
            )
        self._function = function
        found = reference(function)
        if found is None:
            raise TaskError(
                f"function {function!r} of the python grader is neither file.py:function nor "
                "module:function"
            )
        self._file = None if found.file is None else found.file.absolute()
        self._extract: Extract = extract
        self._on_error = on_error
        self._fine: set[tuple[str, str]] = set()
        self._limits = {"seconds": seconds, "memory_mb": memory_mb}
        self._pool = WorkerPool(
            _JOB,
            {
                "function": found.name,
                "folder": str(Path.cwd()),
                "file": None if self._file is None else str(self._file),
                "module": found.home if self._file is None else None,
            },
            workers=workers,
            seconds=seconds,
            memory=memory_mb << 20,
            environment=environment,
        )

    @cached_property
    def fingerprint(self) -> str:
        """What verdicts depend on beside item and answer, the text of the function's file too.

        Raises:
            TaskError: the file cannot be read.
        """
        content = None
        if self._file is not None:  # a module is looked for in workers alone
            try:
                content = digest(self._file.read_bytes().hex())
            except OSError as error:
                raise TaskError(f"{self._file} of the python grader: {error.strerror}") from None
        return fingerprint(
            self.name,
            _RULES,
            function=self._function,
            content=content,
            extract=self._extract,
            on_error=self._on_error,
            **self._limits,
        )

    def parse(self, item: Item, text: str) -> str | None:
        """The text that the function is given, blanks collapsed; it is not asked."""
        found = final_answer(text, self._extract)
        return None if found is None else " ".join(found.split()) or None

    def grade(self, item: Item, text: str) -> Verdict:
        """What the function says; blocks while a worker runs it.

        Raises:
            GraderFailed: no worker could be had, or the machine was too busy to let it work.
            TaskError: the function cannot be loaded, raised (`on_error: stop`), gave no score, or
                does not come back for the gold answer either.
        """
        found = final_answer(text, self._extract)
        if found is None:
            return unparsed("no answer in the reply")
        answer = self._ask(item, found[-_LONGEST:])
        if isinstance(answer, Done):
            return self._verdict(item, text, answer.value)
        if answer.why == "raised" and self._on_error == "stop":
            raise TaskError(
                f"{self._function} failed on item {item.id!r}: {answer.reason} (on_error: wrong "
                "would score such answers 0)"
            )
        if answer.why != "raised":
            self._test_on_gold(item, answer)
        return Verdict(
            0.0, Outcome.ANSWERED, self.parse(item, text), f"the function {answer.reason}"
        )

    def check(self, item: Item) -> None:
        """Raise `TaskError` when the function's file is not there; its code is not looked at."""
        if self._file is not None and not self._file.is_file():
            raise TaskError(
                f"function {self._function!r} of the python grader: no file {self._file}"
            )

    def close(self) -> None:
        """End the worker processes; idempotent."""
        self._pool.close()

    def _ask(self, item: Item, answer: str) -> Done | Stopped:
        return self._pool.ask({"item": asdict(item), "answer": answer})

    def _test_on_gold(self, item: Item, stopped: Stopped) -> None:
        """A function that cannot even judge the gold answer says nothing about the given one."""
        asked = (item.id, str(item.gold))
        if asked in self._fine:
            return
        control = self._ask(item, str(item.gold))
        if isinstance(control, Stopped) and control.why != "raised":
            raise TaskError(
                f"{self._function} {stopped.reason} on item {item.id!r}, and {control.reason} on "
                "its gold answer too: the function is at fault"
            )
        self._fine.add(asked)

    def _verdict(self, item: Item, text: str, said: Any) -> Verdict:
        parsed, reason = self.parse(item, text), ""
        score: Any = said
        if isinstance(said, dict):
            score, reason = said.get("score", ...), str(said.get("reason") or "")
            if "parsed" in said:
                parsed = None if said["parsed"] is None else str(said["parsed"])
        unread = isinstance(said, dict) and said.get("outcome") == Outcome.UNPARSED.value
        if score is None or (unread and score == 0):
            return unparsed(reason or "the function found no answer")
        if not isinstance(score, int | float) or not 0 <= score <= 1:
            raise TaskError(
                f"{self._function} gave {score if score is not ... else said!r} for item "
                f"{item.id!r}; a score lies from 0 to 1"
            )
        return Verdict(
            float(score), Outcome.ANSWERED, parsed, reason or f"{self._function} says so"
        )
