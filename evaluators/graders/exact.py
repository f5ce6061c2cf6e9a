"""Answers that are a short text."""

import re
import unicodedata
from typing import Any, Final

from graphsearch.evaluators.graders.base import ComparesAnswers, shown, straight
from graphsearch.evaluators.graders.final import Extract, answer_or_last_line
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item

__all__ = ["ExactGrader", "gold_texts"]

_LATEX: Final = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox)\s*\{([^{}]*)\}")


class ExactGrader(ComparesAnswers):
    """Right when the answer equals the gold text, or one of several gold texts.

    Compared are the texts without surrounding punctuation, white space collapsed. The answer is
    the final answer where the reply marks one, else its last line.

    Args:
        case: whether capitals count.
        extract: where in a reply its final answer is; `auto` falls back to the last line.
    """

    name = "exact"

    def __init__(self, *, case: bool = False, extract: Extract = "auto") -> None:
        self._case = case
        self._extract: Extract = extract

    def parse(self, item: Item, text: str) -> str | None:
        """The answer in the form that is compared."""
        final = answer_or_last_line(text, self._extract)
        return None if final is None else self._normal(final) or None

    def golds(self, item: Item) -> dict[str, str]:
        """The texts that are right, as they are compared and as they were written."""
        golds = {self._normal(text): text for text in gold_texts(item)}
        if not golds.keys() - {""}:
            raise _no_text(item)
        return golds

    def compare(self, said: str, golds: dict[str, str]) -> tuple[float, str]:
        """Whether an answer is one of them."""
        return said in golds, f"{shown(said)!r}, gold is {shown(', '.join(golds.values()))!r}"

    def _normal(self, text: str) -> str:
        text = straight(" ".join(unicodedata.normalize("NFKC", text).split()))
        text = text.strip(" .,;:!?\"'`*_")
        latex = _LATEX.fullmatch(text)
        if latex is not None:
            text = latex[1].strip(" .,;:!?\"'`*_")
        return text if self._case else text.casefold()


def gold_texts(item: Item) -> list[str]:
    """The gold answer, or several of them, as texts.

    Raises:
        TaskError: it is neither a text or number nor a list of them.
    """
    values: list[Any] = item.gold if isinstance(item.gold, list) else [item.gold]
    fine = [isinstance(v, str | int | float) and str(v).strip() != "" for v in values]
    if not values or not all(fine):
        raise _no_text(item)
    return [str(value) for value in values]


def _no_text(item: Item) -> TaskError:
    return TaskError(f"item {item.id!r}: the gold answer {item.gold!r} is no text or list of texts")
