"""Roles without a model: they pick one of their parents' messages, and cost nothing."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from graphsearch.agents.roles.votes import hold, measured_weights, weights_of
from graphsearch.rolenames import Weighting
from graphsearch.roles import Heard, Lesson
from graphsearch.tasks import Grader, Item

__all__ = ["BestRole", "SelectRole", "VoteRole", "WeightedVoteRole", "highest"]


class VoteRole:
    """The majority of the parents' parsed answers.

    Parents whose answer cannot be read do not vote. Between answers of equal votes the one that
    the earliest parent gave wins. The message is that of the earliest parent that gave the
    winning answer; when nobody's answer can be read it is the first parent's.
    """

    name = "vote"
    min_parents = 2
    max_parents: int | None = None
    speaks: ClassVar[bool] = False

    def combine(
        self, item: Item, parents: Sequence[Heard], grader: Grader, fitted: Mapping[str, Any]
    ) -> str:
        """The chosen message."""
        return parents[hold(item, parents, grader).winner or 0].text


class WeightedVoteRole:
    """A vote in which each (role, model) weighs what calibration questions showed it is worth.

    Otherwise as `VoteRole`.

    Args:
        weighting: by accuracy or by log-odds.
    """

    min_parents = 2
    max_parents: int | None = None
    speaks: ClassVar[bool] = False
    fits_worth = True

    def __init__(self, weighting: Weighting) -> None:
        self.name = f"weighted-vote({weighting})"
        self._weighting = weighting

    def fit(self, lessons: Sequence[Lesson], grader: Grader) -> Mapping[str, Any]:
        """The weights, by `role:model`."""
        return {"weights": measured_weights(lessons, self._weighting)}

    def combine(
        self, item: Item, parents: Sequence[Heard], grader: Grader, fitted: Mapping[str, Any]
    ) -> str:
        """The chosen message."""
        poll = hold(item, parents, grader, weights_of(parents, fitted))
        return parents[poll.winner or 0].text


class SelectRole:
    """The first parent whose answer claims success by itself.

    The claim is the answer's own (`Grader.claims`), not a verdict: gold answers are never looked
    at. When no parent claims success, the first whose answer can be read is taken, else the first.
    """

    name = "select"
    min_parents = 2
    max_parents: int | None = None
    speaks: ClassVar[bool] = False

    def combine(
        self, item: Item, parents: Sequence[Heard], grader: Grader, fitted: Mapping[str, Any]
    ) -> str:
        """The chosen message."""
        for heard in parents:
            if grader.claims(item, heard.text):
                return heard.text
        for heard in parents:
            if grader.parse(item, heard.text) is not None:
                return heard.text
        return parents[0].text


class BestRole:
    """Best of n: the parent whose reply carries the highest score of its own.

    The score comes with the reply (`Reply.detail["score"]`: tests passed, a reward model's
    opinion), never from the grader. Ties go to the earliest parent; replies without a score come
    after all that have one.
    """

    name = "best"
    min_parents = 2
    max_parents: int | None = None
    speaks: ClassVar[bool] = False

    def combine(
        self, item: Item, parents: Sequence[Heard], grader: Grader, fitted: Mapping[str, Any]
    ) -> str:
        """The chosen message."""
        return parents[highest(parents)].text


def highest(parents: Sequence[Heard]) -> int:
    """The first parent with the highest score; the first of all when none has one."""
    scores = [(heard.score is not None, heard.score or 0.0) for heard in parents]
    return scores.index(max(scores))
