"""What many graders share."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from graphsearch.evaluators.graders._final import after_thoughts
from graphsearch.records.calls import canonical_json
from graphsearch.records.tasks import Item

__all__ = ["LETTER", "UNSPACED", "NoClaims", "ReadsReplies", "fingerprint", "shown", "straight"]

UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Scripts without blanks between words, or with endings on foreign ones; a part of a class."""

LETTER: Final = rf"[^\W{UNSPACED}]"
"""A character that, beside a word, makes it another word."""

_CURLY: Final = str.maketrans("‘’ʼ“”", "'''\"\"")
_LONGEST_SHOWN = 200
_READING: Final = 4
"""To be raised with every change of what is read in replies (`_final.py`), for all graders."""


class ReadsReplies:
    """Base of graders: whatever one of them does with a text, it is handed no thoughts.

    It is here, and not in each grader, so that none can forget it.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in ("parse", "claims", "grade", "judge", "steps"):
            method = cls.__dict__.get(name)
            if method is not None:
                setattr(cls, name, _without_thoughts(method))


def _without_thoughts(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def read(self: Any, item: Item, text: str, *more: Any, **named: Any) -> Any:
        return method(self, item, after_thoughts(text), *more, **named)

    return read


class NoClaims(ReadsReplies):
    """Base of graders of answers that say nothing about their own success."""

    def claims(self, item: Item, text: str) -> bool | None:
        """Replies make no claim about themselves."""
        return None


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
