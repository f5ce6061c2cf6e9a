"""Votes over parents' answers: who wins, how sure the parents are, and what a vote weighs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphsearch.records.rolenames import Weighting
from graphsearch.records.roles import CalibrationExample, ParentMessage
from graphsearch.records.tasks import Grader, Item

__all__ = ["Poll", "hold", "measured_weights", "read", "weights_of"]

_LEAST_SHARE = 1e-3
"""Keeps log-odds of members that were never, or always, right within about 7."""


@dataclass(frozen=True, slots=True)
class Poll:
    """How a vote ended.

    Attributes:
        winner: the earliest parent that gave the winning answer; None when nobody's could be read.
        first: votes of the winning answer.
        second: votes of the one after it, 0 when there is none.
        total: votes of all parents, also of those whose answer cannot be read.
    """

    winner: int | None
    first: float
    second: float
    total: float

    @property
    def share(self) -> float:
        """The winner's votes as a share of all; 0 when nobody's answer could be read."""
        return self.first / self.total if self.winner is not None and self.total > 0 else 0.0

    @property
    def margin(self) -> float:
        """The winner's lead over the second as a share of all votes."""
        if self.winner is None or self.total <= 0:
            return 0.0
        return (self.first - self.second) / self.total


def read(item: Item, heard: ParentMessage, grader: Grader) -> str | None:
    """A parent's answer, None when it cannot be read or when it did not answer.

    A reply that was cut off may end in something that reads like an answer; alone it would be
    graded wrong, so it does not vote either.
    """
    return grader.parse(item, heard.text) if heard.answered else None


def hold(
    item: Item,
    parents: Sequence[ParentMessage],
    grader: Grader,
    weights: Sequence[float] | None = None,
) -> Poll:
    """Count the parents' answers; between answers of equal votes the earliest given wins.

    Args:
        item: the question.
        parents: what they said; those whose answer cannot be read do not vote.
        grader: reads answers.
        weights: of the parents, None when all count the same.
    """
    votes: dict[str, float] = {}
    givers: dict[str, int] = {}
    for place, heard in enumerate(parents):
        answer = read(item, heard, grader)
        if answer is None:
            continue
        givers.setdefault(answer, place)
        # Whole numbers stay whole, so that equal shares are equal whatever was added first.
        votes[answer] = votes.get(answer, 0) + (1 if weights is None else weights[place])
    total = len(parents) if weights is None else sum(map(abs, weights))
    if not votes:
        return Poll(None, 0.0, 0.0, total)
    # A dictionary keeps first-seen order, and max() keeps the first of equals.
    best = max(votes, key=votes.__getitem__)
    second = max((count for answer, count in votes.items() if answer != best), default=0)
    return Poll(givers[best], votes[best], second, total)


def measured_weights(
    lessons: Sequence[CalibrationExample], weighting: Weighting
) -> dict[str, float]:
    """What a vote of each (role, model) weighs, by how often it was right.

    Log-odds are ln(p / (1 - p)) with p kept within 0.001 and 0.999: a member below one half gets
    a negative weight unless the weighting has a floor. (Records keep 12 digits of a number, so no
    more are used.) On questions with many possible answers
    that hurts, because a wrong answer says nothing against the others like it.
    """
    sums: dict[str, list[float]] = {}
    for lesson in lessons:
        for heard, worth in zip(lesson.heard, lesson.worth, strict=True):
            sums.setdefault(_who(heard), []).append(worth)
    return {
        who: float(f"{_weight(math.fsum(worth) / len(worth), weighting):.12g}")
        for who, worth in sorted(sums.items())
    }


def weights_of(parents: Sequence[ParentMessage], fitted: Mapping[str, Any]) -> list[float]:
    """The parents' weights among those fitted."""
    weights = fitted["weights"]
    return [weights[_who(heard)] for heard in parents]


def _who(heard: ParentMessage) -> str:
    return heard.role if heard.model is None else f"{heard.role}:{heard.model}"


def _weight(accuracy: float, weighting: Weighting) -> float:
    if weighting.kind == "accuracy":
        return accuracy
    kept = min(max(accuracy, _LEAST_SHARE), 1 - _LEAST_SHARE)
    odds = math.log(kept / (1 - kept))
    return odds if weighting.floor is None else max(odds, float(weighting.floor))
