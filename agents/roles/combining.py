"""Roles without a model: they pick one of their parents' messages, and cost nothing."""

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from graphsearch.tasks import Grader, Item

__all__ = ["SelectRole", "VoteRole"]


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

    def combine(self, item: Item, parents: Sequence[str], grader: Grader) -> str:
        """The chosen message."""
        answers = [grader.parse(item, message) for message in parents]
        votes = Counter(answer for answer in answers if answer is not None)
        if not votes:
            return parents[0]
        # A Counter keeps first-seen order, and max() keeps the first of equals.
        winner = max(votes, key=votes.__getitem__)
        return parents[answers.index(winner)]


class SelectRole:
    """The first parent whose answer claims success by itself.

    The claim is the answer's own (`Grader.claims`), not a verdict: gold answers are never looked
    at. When no parent claims success, the first whose answer can be read is taken, else the first.
    """

    name = "select"
    min_parents = 2
    max_parents: int | None = None
    speaks: ClassVar[bool] = False

    def combine(self, item: Item, parents: Sequence[str], grader: Grader) -> str:
        """The chosen message."""
        for message in parents:
            if grader.claims(item, message):
                return message
        for message in parents:
            if grader.parse(item, message) is not None:
                return message
        return parents[0]
