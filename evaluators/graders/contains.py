"""Answers that must mention something."""

import re
import unicodedata
from typing import Literal

from graphsearch.calls import Outcome
from graphsearch.errors import TaskError
from graphsearch.evaluators.graders._final import Extract, final_answer
from graphsearch.evaluators.graders._plain import NoClaims, shown
from graphsearch.evaluators.graders.exact import gold_texts
from graphsearch.tasks import Item, Verdict

__all__ = ["ContainsGrader"]

_LONGEST = 100_000


class ContainsGrader(NoClaims):
    """Right when the reply contains the gold text as whole words, or one of several.

    Args:
        case: whether capitals count.
        need: of several gold texts, whether `any` is enough or `all` must be there.
        words: whether the gold text must stand as whole words (`art` is not in `party`).
        extract: the part of the reply that is searched; `whole` by default.
    """

    name = "contains"

    def __init__(
        self,
        *,
        case: bool = False,
        need: Literal["any", "all"] = "any",
        words: bool = True,
        extract: Extract = "whole",
    ) -> None:
        self._case = case
        self._need = need
        self._words = words
        self._extract: Extract = extract

    def parse(self, item: Item, text: str) -> str | None:
        """The text that is searched, white space collapsed."""
        found = final_answer(text, self._extract)
        return None if found is None else self._normal(found) or None

    def grade(self, item: Item, text: str) -> Verdict:
        """Score 1 when what must be there is.

        Raises:
            TaskError: the gold answer is no text.
        """
        golds = self._golds(item)
        said = self.parse(item, text)
        if said is None:
            return Verdict(0.0, Outcome.UNPARSED, None, "no answer in the reply")
        missing = [gold for gold in golds if not self._holds(said, gold)]
        right = not missing if self._need == "all" else len(missing) < len(golds)
        there = [gold for gold in golds if gold not in missing]
        reason = f"without {', '.join(map(shown, missing))}" if missing else "all of it is there"
        if right and missing:
            reason = f"with {', '.join(map(shown, there))}"
        return Verdict(float(right), Outcome.ANSWERED, said, reason)

    def check(self, item: Item) -> None:
        """Raise `TaskError` when an item cannot be graded."""
        self._golds(item)

    def _golds(self, item: Item) -> list[str]:
        golds = [self._normal(gold) for gold in gold_texts(item)]
        if not all(golds):
            raise TaskError(f"item {item.id!r}: the gold answer {item.gold!r} has no characters")
        return golds

    def _holds(self, said: str, gold: str) -> bool:
        if not self._words:
            return gold in said
        return re.search(rf"(?<!\w){re.escape(gold)}(?!\w)", said) is not None

    def _normal(self, text: str) -> str:
        text = " ".join(unicodedata.normalize("NFKC", text[-_LONGEST:]).split())
        return text if self._case else text.casefold()
