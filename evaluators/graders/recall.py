"""Grader of recall: the answer is the last state of the trace, one value."""

from __future__ import annotations

import re
from typing import Final

from graphsearch.evaluators.graders.base import ComparesAnswers
from graphsearch.records.tasks import Item

_STEP: Final = re.compile(r"([A-Z]|[a-z]\d) s\d+ o\d+ (s\d+)")
_STEPS: Final = re.compile(rf"{_STEP.pattern}( {_STEP.pattern})*")


class RecallGrader(ComparesAnswers):
    """Grader of `load_recall`: compares the last state with `item.gold`."""

    name = "recall"
    nothing = "not a trace of states"

    def parse(self, item: Item, text: str) -> str | None:
        """The last state, such as ``s16``, or None when the text is not a trace."""
        text = " ".join(text.split())
        return text.rsplit(" ", 1)[-1] if _STEPS.fullmatch(text) else None

    def golds(self, item: Item) -> str:
        """The state that is right."""
        return str(item.gold)

    def compare(self, said: str, golds: str) -> tuple[float, str]:
        """Whether the last state is the gold one, however it was reached."""
        return said == golds, "right" if said == golds else f"ends in {said}, not {golds}"
