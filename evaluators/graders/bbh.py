"""Answers of BIG-Bench Hard, whose questions ask for a letter, a number or a text."""

import re
from typing import Final

from graphsearch.evaluators.graders.base import ComparesAnswers, ReadsReplies
from graphsearch.evaluators.graders.choice import ChoiceGrader
from graphsearch.evaluators.graders.exact import ExactGrader
from graphsearch.evaluators.graders.numeric import NumericGrader
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item, Verdict

__all__ = ["BbhGrader"]


_VERDICT: Final = re.compile(
    r"(yes|no|true|false|valid|invalid)(?:\s*[,;:(–—]|\s+-|\s+because\b|\s+since\b).*", re.DOTALL
)


class _Texts(ExactGrader):
    """Exact texts; of a verdict with its reason (`Yes, because ...`) the verdict."""

    def parse(self, item: Item, text: str) -> str | None:
        """The answer in the form that is compared."""
        said = super().parse(item, text)
        verdict = None if said is None else _VERDICT.fullmatch(said)
        return said if verdict is None else verdict[1]


class BbhGrader(ReadsReplies):
    """Judges by the grader that an item names in `meta["form"]`: choice, numeric or exact."""

    name = "bbh"

    def __init__(self) -> None:
        self._by_form: dict[str, ComparesAnswers] = {
            "choice": ChoiceGrader(),
            "exact": _Texts(),
            "numeric": NumericGrader(),
        }

    def parse(self, item: Item, text: str) -> str | None:
        """The answer, as the item's own grader reads it."""
        return self._of(item).parse(item, text)

    def grade(self, item: Item, text: str) -> Verdict:
        """Score 1 when the answer is right.

        Raises:
            TaskError: the item does not say how it is judged.
        """
        return self._of(item).grade(item, text)

    def check(self, item: Item) -> None:
        """Raise `TaskError` when an item cannot be graded."""
        self._of(item).check(item)

    def _of(self, item: Item) -> ComparesAnswers:
        form = item.meta.get("form", "exact")
        if not isinstance(form, str) or form not in self._by_form:
            known = ", ".join(self._by_form)
            raise TaskError(f"item {item.id!r}: its form is {form!r}, must be one of {known}")
        return self._by_form[form]
