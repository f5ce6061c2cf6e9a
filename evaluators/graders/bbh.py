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


_OPPOSITE: Final = {"yes": "no", "true": "false", "valid": "invalid"}
_OPPOSITE.update({no: yes for yes, no in _OPPOSITE.items()})
_WORD: Final = rf"(?P<word>{'|'.join(_OPPOSITE)})"
_VERDICT: Final = re.compile(rf"{_WORD}(?:\s*[,;:(–—]|\s+-|\s+because\b|\s+since\b).*", re.DOTALL)

_SENTENCE: Final = re.compile(
    rf"(?:[^.]{{0,200}}\b)?(?:argument|statement|sentence|expression|claim|conclusion|reasoning|answer"
    rf"|result|it|this|that)(?:\s+above|\s+given)?\s*(?:is|evaluates\s+to)(?P<denied>n't|\s+not)?"
    rf"(?:,?\s+(?:therefore|thus|hence|indeed|in\s+fact|deductively|logically|always|clearly"
    rf"|definitely|also|an?|the))*,?\s+{_WORD}(?:\s+(?:argument|statement|one))?"
    rf"(?:\s*[.,;:(–—].*|\s+(?:because|since|as|given)\b.*)?",
    re.DOTALL,
)
"""`The argument is valid.`, `So it is not true, because ...`."""
_CONCLUSION: Final = re.compile(
    rf".*\b(?:so|hence|thus|therefore)\b,?\s+(?:the\s+answer\s+is\s+)?{_WORD}", re.DOTALL
)


class _Texts(ExactGrader):
    """Exact texts; of a verdict with its reason (`Yes, because ...`) the verdict."""

    def parse(self, item: Item, text: str) -> str | None:
        """The answer in the form that is compared."""
        said = super().parse(item, text)
        if said is None or said in _OPPOSITE:
            return said
        for form in (_VERDICT, _SENTENCE, _CONCLUSION):
            verdict = form.fullmatch(said)
            if verdict is not None:
                denied = "denied" in verdict.groupdict() and verdict["denied"]
                return _OPPOSITE[verdict["word"]] if denied else verdict["word"]
        return said


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
