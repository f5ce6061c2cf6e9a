"""Short answers in words, by SQuAD's rules."""

import re
import string
from collections import Counter
from typing import ClassVar, Final, Literal

from graphsearch.evaluators.graders.base import ComparesAnswers, shown
from graphsearch.evaluators.graders.exact import gold_texts
from graphsearch.evaluators.graders.final import Extract, answer_or_last_line
from graphsearch.records.tasks import Item

__all__ = ["F1Grader", "normal_words", "token_f1"]

_ARTICLES: Final = re.compile(r"\b(?:a|an|the)\b")
_NO_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)
_LONGEST: Final = 20_000


def normal_words(text: str) -> str:
    """SQuAD's normal form: lower case, no ASCII punctuation, no articles, single blanks."""
    lower = text[:_LONGEST].lower().translate(_NO_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", lower).split())


def token_f1(said: str, gold: str) -> float:
    """Harmonic mean of precision and recall of the words of two texts in normal form.

    Where one of them has no words, 1 if neither has, else 0.
    """
    ours, theirs = said.split(), gold.split()
    if not ours or not theirs:
        return float(ours == theirs)
    shared = (Counter(ours) & Counter(theirs)).total()
    return 2 * shared / (len(ours) + len(theirs))


class F1Grader(ComparesAnswers):
    """How well the words of an answer cover those of the gold answer, the best of several golds.

    Args:
        metric: `f1` scores the overlap of words, `em` only answers whose normal form is the gold
            one's.
        extract: where in a reply its final answer is; `auto` falls back to the last line.
    """

    name = "f1"
    prompt_set: ClassVar[str] = "chat-short"

    def __init__(self, *, metric: Literal["f1", "em"] = "f1", extract: Extract = "auto") -> None:
        self._metric = metric
        self._extract: Extract = extract

    def parse(self, item: Item, text: str) -> str | None:
        """The answer in SQuAD's normal form, its words in one order where order scores nothing."""
        final = answer_or_last_line(text, self._extract)
        words = "" if final is None else normal_words(final)
        # Words in any order score the same, so votes see them in one.
        return (" ".join(sorted(words.split())) if self._metric == "f1" else words) or None

    def golds(self, item: Item) -> list[str]:
        """The gold answers in normal form."""
        return [normal_words(gold) for gold in gold_texts(item)]

    def compare(self, said: str, golds: list[str]) -> tuple[float, str]:
        """The best overlap with a gold answer."""
        scores = [token_f1(said, g) if self._metric == "f1" else float(said == g) for g in golds]
        best = max(range(len(golds)), key=scores.__getitem__)
        return scores[best], f"{shown(said)!r}, gold is {shown(golds[best])!r}"
