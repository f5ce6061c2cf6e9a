"""Grader of recall: the answer is the last state of the trace, one value."""

from __future__ import annotations

import re
from typing import Final

from graphsearch.evaluators.graders._plain import ReadsReplies
from graphsearch.records.calls import Outcome
from graphsearch.records.tasks import Item, Verdict

_STEP: Final = re.compile(r"([A-Z]|[a-z]\d) s\d+ o\d+ (s\d+)")
_STEPS: Final = re.compile(rf"{_STEP.pattern}( {_STEP.pattern})*")


class RecallGrader(ReadsReplies):
    """Grader of `load_recall`: compares the last state with `item.gold`."""

    name = "recall"

    def parse(self, item: Item, text: str) -> str | None:
        """The last state, such as ``s16``, or None when the text is not a trace."""
        text = " ".join(text.split())
        return text.rsplit(" ", 1)[-1] if _STEPS.fullmatch(text) else None

    def claims(self, item: Item, text: str) -> bool | None:
        """Always None: these answers carry no verdict of their own."""
        return None

    def grade(self, item: Item, text: str) -> Verdict:
        """Score 1 when the last state is the gold one, however it was reached."""
        answer = self.parse(item, text)
        if answer is None:
            return Verdict(0.0, Outcome.UNPARSED, None, "not a trace of states")
        if answer == item.gold:
            return Verdict(1.0, Outcome.ANSWERED, answer, "right")
        return Verdict(0.0, Outcome.ANSWERED, answer, f"ends in {answer}, not {item.gold}")
