"""Which questions were not evaluated, who failed, and in what words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from graphsearch.records.calls import Outcome
from graphsearch.records.tasks import Task
from graphsearch.records.trials import ItemResult
from graphsearch.study.asjson import AsJson
from graphsearch.words import counted

__all__ = ["Loss", "Losses", "beginning_of", "named", "note_on_losses", "one_line"]

_NAMED: Final = 5
"""Questions that a text names."""
_LONGEST: Final = 300
_BEGINNING: Final = 60
"""Characters of an error, and of a question."""


@dataclass(frozen=True, slots=True)
class Loss(AsJson):
    """Answers to one question that were not evaluated because of one model.

    Attributes:
        item: the question's id.
        model: whose call failed, None where no call did (the grader, a time limit).
        outcome: how it ended.
        error: what was said of it, on one line.
        answers: how many answers were lost by it.
    """

    item: str
    model: str | None
    outcome: Outcome
    error: str
    answers: int

    @property
    def by(self) -> str:
        """The question and the model, for a sentence."""
        return f"{self.item!r}" + ("" if self.model is None else f" by {self.model}")


class Losses:
    """All losses of a study so far, independent of the order in which they came."""

    def __init__(self, known: Iterable[Loss] = ()) -> None:
        self._known: dict[tuple[str, str, Outcome], Loss] = {}
        for loss in known:
            self.add(loss)

    def add(self, loss: Loss) -> bool:
        """Take in a loss; True when this question was not yet lost to that model that way."""
        key = (loss.item, loss.model or "", loss.outcome)
        before = self._known.get(key)
        if before is not None:
            words = min(before.error, loss.error)  # whichever call happened to end first
            answers = before.answers + loss.answers
            loss = Loss(loss.item, loss.model, loss.outcome, words, answers)
        self._known[key] = loss
        return before is None

    def take(self, result: ItemResult) -> Loss | None:
        """Take in a result; the loss that is new by it, if any."""
        if result.score is not None:
            return None
        found = result.failure
        model, error = (None, "") if found is None else (found.model, found.error)
        loss = Loss(result.item, model, result.outcome, one_line(error) or result.outcome.value, 1)
        return loss if self.add(loss) else None

    @property
    def all(self) -> list[Loss]:
        """By question, model and outcome."""
        return [self._known[key] for key in sorted(self._known)]

    def to_json(self) -> list[dict[str, Any]]:
        """All of them, by question, model and outcome."""
        return [loss.to_json() for loss in self.all]


def note_on_losses(losses: Sequence[Loss], task: Task) -> str:
    """What to say of calls that servers refused, and what to do; "" where there were none.

    Args:
        losses: by question.
        task: whose questions they are; an id alone may be a digest, which nobody finds in a file.
    """
    refused = [loss for loss in losses if loss.outcome is Outcome.REJECTED]
    if not refused:
        return ""
    answers = counted(sum(loss.answers for loss in refused), "answer")
    first, begins = refused[0], beginning_of(refused[0].item, task)
    return (
        f"{answers} to {named(refused)} could not be evaluated, because a call was refused "
        f"({first.by}, {begins!r}: {first.error}). They count neither as right nor as wrong. "
        "What is refused once is refused again: shorten these questions, give a prompt set with a "
        "smaller max_tokens or a model with a longer context, or leave them out."
    )


def beginning_of(item: str, task: Task) -> str:
    """The first words of a question, "" where the task has none of that id."""
    found = (one.question for split in task.splits.values() for one in split if one.id == item)
    return one_line(next(found, ""), _BEGINNING)


def named(losses: Sequence[Loss]) -> str:
    """The questions of losses: `question 'a'`, or `7 questions ('a', 'b' and 5 more)`."""
    items = list(dict.fromkeys(loss.item for loss in losses))
    if len(items) == 1:
        return f"question {items[0]!r}"
    shown = ", ".join(map(repr, items[:_NAMED]))
    more = f" and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    return f"{len(items)} questions ({shown}{more})"


def one_line(text: str, longest: int = _LONGEST) -> str:
    """A text on one line, cut where it is longer."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."
