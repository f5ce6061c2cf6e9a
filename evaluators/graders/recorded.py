"""Answers of a record, judged as they were judged when they were recorded."""

import re
from typing import Any, Final, Literal, get_args

from graphsearch.records.calls import Outcome
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item, Verdict

__all__ = ["Reading", "RecordedGrader"]

Reading = Literal["exact", "text", "number"]

_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:/\d+)?|-?\.\d+")


class RecordedGrader:
    """Right when the text is one that was recorded as right; nothing is judged anew.

    An empty text too: a record may call right what says nothing, and its figures come out only if
    that holds. The gold answer of an item is the list of those texts. Votes need to know which
    texts give the same answer, which `read` decides.

    Args:
        read: `exact`: texts that are equal; `text`: texts that are, whatever their capitals and
            white space; `number`: texts whose first number is the same.
    """

    name = "recorded"

    def __init__(self, *, read: Reading = "text") -> None:
        if read not in get_args(Reading):
            raise TaskError(f"read is {read!r}, must be one of {', '.join(get_args(Reading))}")
        self._read = read

    def parse(self, item: Item, text: str) -> str | None:
        """The answer in the form that is compared."""
        if self._read == "exact":
            return text or None
        if self._read == "text":
            return " ".join(text.casefold().split()) or None
        found = _NUMBER.search(text.replace(",", "").replace("$", ""))
        if found is None:
            return None
        return found[0] if "/" in found[0] else str(float(found[0]))

    def claims(self, item: Item, text: str) -> bool | None:
        """Recorded answers make no claim about themselves."""
        return None

    def grade(self, item: Item, text: str) -> Verdict:
        """Score 1 when the text was recorded as right."""
        right = text in self._golds(item)
        if not text and not right:
            return Verdict(0.0, Outcome.UNPARSED, None, "no answer was recorded")
        said = self.parse(item, text)
        reason = f"recorded as {'right' if right else 'wrong'}"
        if said is None and not right:
            return Verdict(0.0, Outcome.UNPARSED, None, reason)
        return Verdict(float(right), Outcome.ANSWERED, said, reason)

    def check(self, item: Item) -> None:
        """Raise `TaskError` when an item cannot be graded."""
        self._golds(item)

    @staticmethod
    def _golds(item: Item) -> list[Any]:
        if not isinstance(item.gold, list):
            raise TaskError(f"item {item.id!r}: the gold answer is no list of recorded texts")
        return item.gold
