"""Answers that are programs, judged by running tests."""

import ast
import builtins
from functools import lru_cache
from threading import Lock
from typing import Any, ClassVar, Final, NamedTuple

from graphsearch.evaluators.graders._syntax import is_python
from graphsearch.evaluators.graders.base import ReadsReplies, fingerprint, unparsed
from graphsearch.evaluators.graders.program import program_of
from graphsearch.evaluators.sandbox import (
    Checker,
    Limits,
    Submission,
    asked_of_program,
    open_sandbox,
)
from graphsearch.records.calls import Outcome
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item, Verdict

__all__ = ["CodeGrader"]

_RULES: Final = 3
"""To be raised with every change that may change a verdict."""

_REASONS: Final = {
    "passed": "passed all tests",
    "failed": "failed a test",
    "load": "the program broke",
    "gone": "the program ended before its tests",
    "time": "too slow",
}


class CodeGrader(ReadsReplies):
    """Right when the program in the reply passes the item's tests, in a sandbox.

    The tests are looked for in `item.meta`, in this order:

    - `test` with `entry_point` (HumanEval): a text that defines `check(candidate)`; `prompt` is the
      code that a reply may continue.
    - `test_list` (MBPP): asserts, with `test_setup_code` before them; `challenge_test_list` too
      when asked for.
    - `tests` (one's own): asserts in a list or a text, or a text that defines `check(candidate)`
      (then `entry_point` names the function); `setup` runs before them.

    Tests and program run in two sandboxes. Program and tests exchange plain data, functions and
    iterators, and what the tests make of the program's own classes; whether a test holds is found
    out where the program cannot reach. Tests that hand over objects of classes of their own cannot
    be run so and are refused.

    Args:
        seconds: time for all tests of a program, waiting for a core left out.
        memory_mb: memory of a program.
        sandbox: level by name; None for the strongest, never a weak one.
        challenge: whether MBPP's challenge tests count too.

    Attributes:
        name: `code`.
        blocking: True.
    """

    name = "code"
    prompt_set: ClassVar[str] = "chat-code"
    blocking: ClassVar[bool] = True

    def __init__(
        self,
        *,
        seconds: float = 5.0,
        memory_mb: int = 512,
        sandbox: str | None = None,
        challenge: bool = False,
    ) -> None:
        self._limits = Limits(seconds=seconds, memory_mb=memory_mb)
        self._level = sandbox
        self._challenge = challenge
        self._lock = Lock()
        self._checker: Checker | None = None

    @property
    def fingerprint(self) -> str:
        """What verdicts depend on beside item and answer."""
        return fingerprint(
            self.name,
            _RULES,
            seconds=self._limits.seconds,
            memory_mb=self._limits.memory_mb,
            sandbox=self._level,
            challenge=self._challenge,
        )

    def parse(self, item: Item, text: str) -> str | None:
        """The program, without comments and layout where it is valid Python."""
        program = _program(item, text)
        return None if program is None else _canonical(program)

    def grade(self, item: Item, text: str) -> Verdict:
        """Score 1 when all tests pass.

        Raises:
            TaskError: the item has no tests that can be run, or the sandbox cannot be had.
            GraderFailed: the sandbox failed, or the machine was too busy to tell.
        """
        program = _program(item, text)
        submission = self._submission(item, program or "")
        if program is None:
            return unparsed("no program in the reply")
        checked = self._open().check(submission)
        if checked.state == "unfit":
            raise TaskError(f"item {item.id!r}: {checked.reason}")
        score, what = float(checked.state == "passed"), _REASONS[checked.state]
        reason = f"{what}: {checked.reason}" if checked.reason else what
        return Verdict(score, Outcome.ANSWERED, _canonical(program), reason)

    def check(self, item: Item) -> None:
        """Raise `TaskError` when an item cannot be graded, or no program can be run here."""
        self._submission(item, "")
        self._open()

    def close(self) -> None:
        """End the processes; a further grade starts them anew."""
        with self._lock:
            checker, self._checker = self._checker, None
        if checker is not None:
            checker.close()

    def _open(self) -> Checker:
        with self._lock:
            if self._checker is None:
                self._checker = open_sandbox(self._level).checker(self._limits)
            return self._checker

    def _submission(self, item: Item, program: str) -> Submission:
        """A program and the item's tests."""
        meta = item.meta
        entry_point = _text(item, "entry_point")
        prompt = _text(item, "prompt")
        setup = tuple(t for t in (_text(item, "test_setup_code"), _text(item, "setup")) if t)
        if "test" in meta:
            texts = _texts(item, "test")
        elif "test_list" in meta:
            texts = _texts(item, "test_list")
            if self._challenge:
                texts += _texts(item, "challenge_test_list", empty=True)
        elif "tests" in meta:
            texts = _texts(item, "tests")
        else:
            raise TaskError(
                f"item {item.id!r} has no tests: one of the fields test, test_list, tests is needed"
            )
        call = "check" if any(_facts(text).defines_check for text in texts) else None
        if call is not None and entry_point is None:
            raise TaskError(
                f"item {item.id!r}: its tests define check(candidate), so the field entry_point "
                "must name the function"
            )
        stands = prompt is not None and _facts(prompt).valid
        prelude = (prompt, *setup) if prompt is not None and stands else setup
        if entry_point is not None:
            asked: tuple[str, ...] = (entry_point,)
        else:  # what the tests call and the known answer, where it is a program, defines
            known = _facts(item.gold).defines if isinstance(item.gold, str) else ()
            called = (name for text in texts for name in _facts(text).calls)
            asked = tuple(dict.fromkeys(name for name in called if name in known))
        submission = Submission(program, texts, prelude, entry_point, call, asked)
        wanted = asked_of_program(submission)
        if wanted.modules:
            raise TaskError(
                f"item {item.id!r}: its tests call {', '.join(sorted(wanted.modules))}, which is a "
                "module of Python's library here, so every program fails; name the program's "
                "function in the field entry_point"
            )
        if not wanted.names:
            raise TaskError(
                f"item {item.id!r}: its tests never call the program, so every program passes them"
            )
        return submission


def _program(item: Item, text: str) -> str | None:
    """The program in a reply: found without the known answer, and where an item has no tests too.

    (Votes count programs, and a bundle serves questions that nobody has tests for.)
    """
    prompt = _text(item, "prompt")
    found = [item.meta.get(field) for field in ("test_list", "tests")]
    texts = [one for given in found for one in (given if isinstance(given, list) else [given])]
    # For asserts without a name: the function that they call first and do not define.
    called = (name for one in texts if isinstance(one, str) for name in _facts(one).calls)
    named = next((name for name in called if name not in _BUILTINS), None)
    return program_of(text, entry_point=_text(item, "entry_point") or named, prompt=prompt)


def _canonical(program: str) -> str:
    if not is_python(program):
        return program
    try:
        return ast.unparse(ast.parse(program)) or program
    except (ValueError, RecursionError):  # too deep, or a number too long to be written again
        return program


def _text(item: Item, field: str) -> str | None:
    found = item.meta.get(field)
    if found is None or found == "":
        return None
    if not isinstance(found, str):
        raise TaskError(f"item {item.id!r}: field {field!r} is {found!r}, must be a text")
    return found


def _texts(item: Item, field: str, *, empty: bool = False) -> tuple[str, ...]:
    found: Any = item.meta.get(field) or []
    texts = [found] if isinstance(found, str) else found
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise TaskError(
            f"item {item.id!r}: field {field!r} must be a text or a list of texts, the tests"
        )
    if not empty and not any(text.strip() for text in texts):
        raise TaskError(f"item {item.id!r}: field {field!r}, the tests, is empty")
    for text in texts:
        if not _facts(text).valid:
            raise TaskError(f"item {item.id!r}: a test is no valid Python: {text[:80]!r}")
    return tuple(text.replace("\r\n", "\n") for text in texts)


class _Facts(NamedTuple):
    """What there is to know of a text of code."""

    valid: bool
    defines: frozenset[str] = frozenset()
    calls: tuple[str, ...] = ()

    @property
    def defines_check(self) -> bool:
        return "check" in self.defines


@lru_cache(maxsize=2048)
def _facts(text: str) -> _Facts:
    if not is_python(text):
        return _Facts(valid=False)
    tree = ast.parse(text)
    kinds = ast.FunctionDef | ast.ClassDef
    defines = frozenset(node.name for node in tree.body if isinstance(node, kinds))
    called = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    names = tuple(f.id for f in called if isinstance(f, ast.Name))
    return _Facts(valid=True, defines=defines, calls=names)


_BUILTINS: Final = frozenset(dir(builtins))
