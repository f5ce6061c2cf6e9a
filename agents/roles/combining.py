"""Roles without a model: they pick one of their parents' messages, and cost nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphsearch.agents.roles.votes import (
    Weighting,
    check_names,
    check_weights,
    describe_weights,
    hold,
    measured_weights,
    read,
    weights_of,
)
from graphsearch.records.roles import (
    CalibrationExample,
    CombiningRole,
    FittedRole,
    ParentMessage,
    Role,
)
from graphsearch.records.tasks import Grader, Item

__all__ = [
    "BestRole",
    "SelectRole",
    "VoteRole",
    "WeightedVoteFamily",
    "WeightedVoteRole",
    "highest",
]


class VoteRole(CombiningRole):
    """The majority of the parents' parsed answers.

    Parents whose answer cannot be read do not vote. Between answers of equal votes the one that
    the earliest parent gave wins. The message is that of the earliest parent that gave the
    winning answer; nobody is chosen when nobody's answer can be read.
    """

    name = "vote"

    def choose(
        self,
        item: Item,
        parents: Sequence[ParentMessage],
        grader: Grader,
        fitted: Mapping[str, Any],
    ) -> int | None:
        """The chosen parent."""
        return hold(item, parents, grader).winner


class WeightedVoteRole(CombiningRole, FittedRole):
    """A vote in which each (role, model) weighs what calibration questions showed it is worth.

    Otherwise as `VoteRole`.

    Args:
        weighting: by accuracy or by log-odds.
    """

    fits_worth = True

    def __init__(self, weighting: Weighting) -> None:
        self.name = f"weighted-vote({weighting})"
        self.weighting = weighting

    def fit(self, examples: Sequence[CalibrationExample], grader: Grader) -> Mapping[str, Any]:
        """The weights, by `role:model`."""
        return {"weights": measured_weights(examples, self.weighting)}

    def check(self, fitted: Mapping[str, Any], parents: Sequence[str]) -> None:
        """Weights of exactly the parents, within what can be measured."""
        check_names(fitted, ["weights"], f"is nothing that {self.name} has")
        check_weights(fitted, self.weighting, parents)

    def describe(self, fitted: Mapping[str, Any]) -> str:
        """What votes weigh."""
        return describe_weights(fitted)

    def choose(
        self,
        item: Item,
        parents: Sequence[ParentMessage],
        grader: Grader,
        fitted: Mapping[str, Any],
    ) -> int | None:
        """The chosen parent."""
        return hold(item, parents, grader, weights_of(parents, fitted)).winner


class WeightedVoteFamily:
    """`weighted-vote(accuracy)`, `weighted-vote(log-odds)`, `weighted-vote(log-odds, 0.05)`.

    By ln(p / (1 - p)), which is negative for p below one half; the number is the least weight.
    """

    base = "weighted-vote"

    def make(self, arguments: str, roles: Mapping[str, Role]) -> Role:
        """The role with this weighting."""
        del roles  # it speaks with nobody's words
        return WeightedVoteRole(Weighting.parse([part.strip() for part in arguments.split(",")]))


class SelectRole(CombiningRole):
    """The first parent whose answer claims success by itself.

    The claim is the answer's own (`Grader.claims`), not a verdict: gold answers are never looked
    at. When no parent claims success, the first whose answer can be read is taken, else nobody.
    """

    name = "select"

    def choose(
        self,
        item: Item,
        parents: Sequence[ParentMessage],
        grader: Grader,
        fitted: Mapping[str, Any],
    ) -> int | None:
        """The chosen parent."""
        for place, heard in enumerate(parents):
            if heard.answered and grader.claims(item, heard.text):
                return place
        answers = (read(item, heard, grader) for heard in parents)
        return next((place for place, said in enumerate(answers) if said is not None), None)


class BestRole(CombiningRole):
    """Best of n: the parent whose reply carries the highest score of its own.

    The score comes with the reply (`Reply.detail["score"]`: tests passed, a reward model's
    opinion), never from the grader. Ties go to the earliest parent; replies without a score come
    after all that have one.
    """

    name = "best"

    def choose(
        self,
        item: Item,
        parents: Sequence[ParentMessage],
        grader: Grader,
        fitted: Mapping[str, Any],
    ) -> int | None:
        """The chosen parent."""
        return highest(parents)


def highest(parents: Sequence[ParentMessage]) -> int | None:
    """The first parent with the highest score among those that answered, None when none did.

    Where none of them has a score it is the first of them.
    """
    answered = [place for place, heard in enumerate(parents) if heard.answered]
    if not answered:
        return None
    # max() keeps the first of equals.
    scores = [parent.score for parent in parents]
    return max(answered, key=lambda place: (scores[place] is not None, scores[place] or 0.0))
