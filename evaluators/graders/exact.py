"""Answers that are a short text."""

import unicodedata
from typing import Any

from graphsearch.calls import Outcome
from graphsearch.errors import TaskError
from graphsearch.evaluators.graders._final import final_answer
from graphsearch.tasks import Item, Verdict

__all__ = ["ExactGrader"]


class ExactGrader:
    """Right when the answer equals the gold text, or one of several gold texts.

    Compared are the texts without surrounding punctuation, white space collapsed. The answer is
    the final answer where the reply marks one, else its last line.

    Args:
        case: whether capitals count.
    """

    name = "exact"

    def __init__(self, *, case: bool = False) -> None:
        self._case = case

    def parse(self, item: Item, text: str) -> str | None:
        """The answer in the form that is compared."""
        lines = [line for line in text.splitlines() if line.strip()]
        if not lines:
            return None
        final = final_answer(text)
        return self._normal(final if final is not None else lines[-1]) or None

    def claims(self, item: Item, text: str) -> bool | None:
        """Replies make no claim about themselves."""
        return None

    def grade(self, item: Item, text: str) -> Verdict:
        """Score 1 when the text is right.

        Raises:
            TaskError: the gold answer is no text.
        """
        said = self.parse(item, text)
        if said is None:
            return Verdict(0.0, Outcome.UNPARSED, None, "no answer in the reply")
        right = said in self._golds(item.gold, item.id)
        return Verdict(float(right), Outcome.ANSWERED, said, f"{said!r}, gold is {item.gold!r}")

    def check(self, item: Item) -> None:
        """Raise `TaskError` when an item cannot be graded."""
        self._golds(item.gold, item.id)

    def _golds(self, gold: Any, where: str) -> set[str]:
        values = gold if isinstance(gold, list) else [gold]
        golds = {self._normal(str(v)) for v in values if isinstance(v, str | int | float)}
        golds.discard("")
        if not golds or not all(isinstance(v, str | int | float) for v in values):
            raise TaskError(f"item {where!r}: the gold answer {gold!r} is no text or list of texts")
        return golds

    def _normal(self, text: str) -> str:
        text = " ".join(unicodedata.normalize("NFKC", text).split()).strip(" .,;:!?\"'`*_")
        return text if self._case else text.casefold()
