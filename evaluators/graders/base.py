"""What many graders share."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar, Final

from graphsearch.evaluators.graders.final import after_thoughts
from graphsearch.records.calls import Outcome, canonical_json
from graphsearch.records.tasks import Item, Verdict

__all__ = [
    "LETTER",
    "UNSPACED",
    "ComparesAnswers",
    "ReadsReplies",
    "fingerprint",
    "shown",
    "straight",
    "unparsed",
]

UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Scripts without blanks between words, or with endings on foreign ones; a part of a class."""

LETTER: Final = rf"[^\W{UNSPACED}]"
"""A character that, beside a word, makes it another word."""

_CURLY: Final = str.maketrans("‘’ʼ“”", "'''\"\"")
_LONGEST_SHOWN = 200
_READING: Final = 5
"""To be raised with every change of what is read in replies (`final.py`), for all graders."""


class ReadsReplies:
    """Base of graders: whatever one of them does with a text, it is handed no thoughts.

    It is here, and not in each grader, so that none can forget it.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in ("parse", "claims", "grade", "judge", "steps"):
            if name in cls.__dict__:
                setattr(cls, name, _without_thoughts(cls.__dict__[name]))

    def claims(self, item: Item, text: str) -> bool | None:
        """None: most replies say nothing about their own success."""
        return None


def _without_thoughts(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def read(self: Any, item: Item, text: str, *more: Any, **named: Any) -> Any:
        return method(self, item, after_thoughts(text), *more, **named)

    return read


class ComparesAnswers(ReadsReplies):
    """Base of graders that read an answer without the item's gold one, and then compare the two.

    A subclass has `parse`, `golds` and `compare`.
    """

    nothing: ClassVar[str] = "no answer in the reply"
    """The reason of a verdict where `parse` finds none."""

    def parse(self, item: Item, text: str) -> str | None:
        """The answer in canonical form: equal for answers that are equal."""
        raise NotImplementedError

    def golds(self, item: Item) -> Any:
        """The item's gold answers as `compare` wants them.

        Raises:
            TaskError: they cannot be compared with.
        """
        raise NotImplementedError

    def compare(self, said: str, golds: Any) -> tuple[float, str]:
        """The score of a parsed answer, and the reason in a sentence."""
        raise NotImplementedError

    def grade(self, item: Item, text: str) -> Verdict:
        """Judge the answer of a reply.

        Raises:
            TaskError: the gold answer cannot be compared with.
        """
        golds = self.golds(item)
        said = self.parse(item, text)
        if said is None:
            return unparsed(self.nothing)
        score, reason = self.compare(said, golds)
        return Verdict(float(score), Outcome.ANSWERED, said, reason)

    def check(self, item: Item) -> None:
        """Raise `TaskError` when an item cannot be graded."""
        self.golds(item)


def unparsed(reason: str) -> Verdict:
    """The verdict on a reply without an answer that can be read."""
    return Verdict(0.0, Outcome.UNPARSED, None, reason)


def fingerprint(name: str, rules: int, **options: Any) -> str:
    """What the verdicts of a grader depend on, beside item and answer.

    Args:
        name: of the grader.
        rules: raised with every change of the grader that may change a verdict.
        **options: JSON values.
    """
    return f"{name} {rules}.{_READING} {canonical_json(options)}"


def straight(text: str) -> str:
    """The text with typewriter's quotes for curly ones."""
    return text.translate(_CURLY)


def shown(text: str) -> str:
    """A text short enough for a sentence."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."
