"""What a judge's calls are expected to cost, for a quote; nothing is asked."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphsearch.records.calls import Usage
from graphsearch.records.tasks import BYTES_PER_TOKEN, AskingGrader, JudgeCall, LabelledGrader

if TYPE_CHECKING:
    from graphsearch.study.experiment import Experiment

__all__ = ["JudgeLength", "judge_lengths", "labelled_answers"]

_REPLY_TOKENS = 64
"""A few sentences and the verdict; nobody knows before the judge has spoken."""
_ASKED = 32
"""Questions whose prompts are written to see how long they are."""


@dataclass(frozen=True, slots=True)
class JudgeLength:
    """How long one of the calls is that judge an answer.

    Attributes:
        model: who is asked.
        prompt: mean tokens of the prompt without the answer.
        answer: mean tokens of an answer, as often as it stands in the prompt.
        reply: expected tokens of the reply, `longest` at the most.
        call: the call at its dearest, for one question.
    """

    model: str
    prompt: int
    answer: int
    reply: int
    call: JudgeCall

    @property
    def is_spare(self) -> bool:
        """True when it is only made where an earlier one went wrong."""
        return self.call.is_spare

    @property
    def usage(self) -> Usage:
        """What it is expected to use."""
        return Usage(self.prompt + self.answer, self.reply, 1)


def judge_lengths(experiment: "Experiment") -> tuple[JudgeLength, ...]:
    """The calls that may judge one answer, in order; none where no model judges.

    Prompts hold question and gold answer, whose lengths differ: so they are means over questions
    spread over the search split.
    """
    grader = experiment.task.grader
    if not isinstance(grader, AskingGrader):
        return ()
    items = experiment.task.splits["search"]
    spread = items[:: max(1, len(items) // _ASKED)][:_ASKED]
    asked = [grader.calls(item) for item in spread]
    answer = experiment.task.profile.answer
    found = []
    for calls in zip(*asked, strict=False):
        call = calls[0]
        mean = round(sum(_tokens(other) for other in calls) / len(calls))
        reply = min(_REPLY_TOKENS, call.max_tokens)
        found.append(JudgeLength(call.model, mean, answer * call.answers, reply, call))
    return tuple(found)


def labelled_answers(experiment: "Experiment") -> int:
    """Answers on which a judge is compared with people before the search.

    Raises:
        TaskError: the sample cannot be used.
    """
    grader = experiment.task.grader
    if not isinstance(grader, LabelledGrader):
        return 0
    splits = experiment.task.splits
    seen = {item.id: item for name in ("search", "selection") for item in splits[name]}
    return len(grader.labelled(seen))


def _tokens(call: JudgeCall) -> int:
    return sum(len(message.content.encode()) for message in call.messages) // BYTES_PER_TOKEN
