"""Asking a grader, and believing it only what a verdict may be."""

from typing import Any

from graphsearch.records.calls import Outcome
from graphsearch.records.errors import GraphsearchError, TaskError
from graphsearch.records.tasks import Grader, Item, Verdict

__all__ = ["checked", "judge", "who"]


def judge(grader: Grader, item: Item, text: str, outcome: Outcome) -> Verdict:
    """What an answer is worth: 0 unless it was answered, else what the grader says.

    Args:
        grader: who judges.
        item: the question.
        text: the answer.
        outcome: how the call that gave it ended.

    Raises:
        GraderFailed: the grader's machinery failed.
        TaskError: the grader broke, or gave something that is no verdict; grader and item are
            named.
    """
    if outcome is not Outcome.ANSWERED:
        return Verdict(0.0, outcome, reason=f"the reply was {outcome.value}")
    try:
        verdict: Any = grader.grade(item, text)
    except GraphsearchError:
        raise
    except Exception as error:
        raise TaskError(f"{who(grader, item)} failed: {error!r}") from error
    return checked(grader, item, verdict)


def checked(grader: Grader, item: Item, verdict: Any) -> Verdict:
    """What a grader gave, if a verdict may be that.

    Raises:
        TaskError: it is none; grader and item are named.
    """
    fault = _fault(verdict)
    if fault is not None:
        raise TaskError(f"{who(grader, item)} {fault}")
    return verdict  # type: ignore[no-any-return]


def _fault(verdict: Any) -> str | None:
    """What keeps a value from being a verdict, None when nothing does."""
    if not isinstance(verdict, Verdict):
        return f"returned {type(verdict).__name__}, not a Verdict"
    score: Any = verdict.score
    if not isinstance(score, int | float) or not 0 <= score <= 1:
        return f"gave the score {score!r}; a score lies from 0 to 1"
    if not verdict.outcome.is_graded:
        return f"gave the outcome {verdict.outcome}, which is the infrastructure's to give"
    if score and verdict.outcome is not Outcome.ANSWERED:
        return f"gave the score {score!r} to an answer that is {verdict.outcome}; that scores 0"
    return None


def who(grader: Grader, item: Item) -> str:
    """Grader and item, for messages."""
    return f"grader {grader.name!r} on item {item.id!r}"
