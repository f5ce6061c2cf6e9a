"""Answers that must mention something."""

import re
import unicodedata
from typing import Final, Literal

from graphsearch.evaluators.graders.base import (
    LETTER,
    UNSPACED,
    ComparesAnswers,
    shown,
    straight,
)
from graphsearch.evaluators.graders.exact import gold_texts
from graphsearch.evaluators.graders.final import Extract, final_answer
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item

__all__ = ["ContainsGrader"]

_LONGEST = 100_000
_UNSPACED: Final = re.compile(f"[{UNSPACED}]")


class ContainsGrader(ComparesAnswers):
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

    def golds(self, item: Item) -> list[str]:
        """What must be there."""
        golds = [self._normal(gold) for gold in gold_texts(item)]
        if not all(golds):
            raise TaskError(f"item {item.id!r}: the gold answer {item.gold!r} has no characters")
        return golds

    def compare(self, said: str, golds: list[str]) -> tuple[float, str]:
        """Whether what must be there is."""
        missing = [gold for gold in golds if re.search(self._pattern(gold), said) is None]
        if not missing:
            return True, "all of it is there"
        if self._need == "all" or len(missing) == len(golds):
            return False, f"without {', '.join(map(shown, missing))}"
        return True, f"with {', '.join(shown(gold) for gold in golds if gold not in missing)}"

    def _pattern(self, gold: str) -> str:
        """A gold text, with what must not stand before and after it."""
        if not self._words:
            return re.escape(gold)
        before = after = ""
        if not _UNSPACED.match(gold[0]):
            before = f"(?<!{LETTER})"
            if gold[0].isdigit():  # no sign, no fraction, no decimal point, no thousands
                before += r"(?:(?<![-−–])|(?<=\w[-−–]))(?<![/^])(?<!\d\.)(?<!\s\.)(?<!^\.)"
                before += r"(?<!\d,)" if re.match(r"\d{3}(?!\d)", gold) else ""
        if not _UNSPACED.match(gold[-1]):
            after = f"(?!{LETTER})"
            after += r"(?!\.\d|,\d{3}(?!\d)|[/^]\d)" if gold[-1].isdigit() else ""
        return f"{before}{re.escape(gold)}{after}"

    def _normal(self, text: str) -> str:
        text = straight(" ".join(unicodedata.normalize("NFKC", text[-_LONGEST:]).split()))
        return text if self._case else text.casefold()
