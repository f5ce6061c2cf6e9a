"""Answers that must mention something."""

import re
import unicodedata
from typing import Final, Literal

from graphsearch.evaluators.graders._final import Extract, final_answer
from graphsearch.evaluators.graders._plain import LETTER, UNSPACED, NoClaims, shown, straight
from graphsearch.evaluators.graders.exact import gold_texts
from graphsearch.records.calls import Outcome
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item, Verdict

__all__ = ["ContainsGrader"]

_LONGEST = 100_000
_UNSPACED: Final = re.compile(f"[{UNSPACED}]")


class ContainsGrader(NoClaims):
    """Right when the reply contains the gold text as whole words, or one of several.

    Numbers are whole numbers: 5 is not in -5, 5.5 or 1/5, nor 12 in 12,500. In scripts without
    blanks between words, as Chinese, any place will do.

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
        return re.search(f"{_before(gold)}{re.escape(gold)}{_after(gold)}", said) is not None

    def _normal(self, text: str) -> str:
        text = straight(" ".join(unicodedata.normalize("NFKC", text[-_LONGEST:]).split()))
        return text if self._case else text.casefold()


def _before(gold: str) -> str:
    """What must not stand before a gold text, as a part of a pattern."""
    if _UNSPACED.match(gold[0]):
        return ""
    guard = f"(?<!{LETTER})"
    if gold[0].isdigit():  # no sign, no fraction, no decimal point, no separator of thousands
        guard += r"(?:(?<![-−–])|(?<=\w[-−–]))(?<![/^])(?<!\d\.)(?<!\s\.)(?<!^\.)"
        guard += r"(?<!\d,)" if re.match(r"\d{3}(?!\d)", gold) else ""
    return guard


def _after(gold: str) -> str:
    """What must not stand after it."""
    if _UNSPACED.match(gold[-1]):
        return ""
    guard = f"(?!{LETTER})"
    return guard + (r"(?!\.\d|,\d{3}(?!\d)|[/^]\d)" if gold[-1].isdigit() else "")
