"""What a judge's calls are expected to cost, for a quote; nothing is asked."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from graphsearch.calls import Usage
from graphsearch.tasks import BYTES_PER_TOKEN, AskingGrader, JudgeCall

if TYPE_CHECKING:
    from graphsearch.study.parts import Parts

__all__ = ["expected_judge_cost", "judge_calls"]

_REPLY_TOKENS = 64
"""A few sentences and the verdict; nobody knows before the judge has spoken."""


def judge_calls(parts: "Parts") -> tuple[JudgeCall, ...]:
    """The calls that judge one answer when none goes wrong; none where no model judges."""
    grader = parts.task.grader
    if not isinstance(grader, AskingGrader):
        return ()
    item = parts.task.splits["search"][0]
    return tuple(call for call in grader.calls(item) if not call.is_spare)


def expected_judge_cost(parts: "Parts", call: JudgeCall, currency: Any) -> float:
    """Expected cost of one call of the judge: its prompt with one answer, and a short reply."""
    cost = replace(parts.space.cost.in_currency(currency), fleet=parts.fleet)
    prompt = sum(len(message.content.encode()) for message in call.messages) // BYTES_PER_TOKEN
    reply = min(_REPLY_TOKENS, call.max_tokens)
    return cost.of_usage(call.model, Usage(prompt + parts.task.profile.answer, reply, 1))
