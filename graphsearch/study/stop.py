"""When a search ends: objects with one method, asked after every round."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from graphsearch.spec.models import Evaluation
from graphsearch.study.budgets import SELECTION_SHARE
from graphsearch.words import counted

if TYPE_CHECKING:
    from graphsearch.study.experiment import Experiment

__all__ = [
    "NoImprovement",
    "Progress",
    "Rounds",
    "StopRule",
    "Stopped",
    "Time",
    "rules_of",
    "used_up",
]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a search stands.

    Attributes:
        rounds: rounds done.
        best_round: round in which the best lower bound last rose, None before any.
        seconds: wall time of the search in this and earlier sessions.
    """

    rounds: int
    best_round: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why a search ended: name of the rule and one plain sentence."""

    rule: str
    reason: str


class StopRule(Protocol):
    """Says whether to stop."""

    def __call__(self, progress: Progress) -> Stopped | None:
        """The reason to stop now, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Rounds:
    """Stops after a number of rounds."""

    limit: int

    def __call__(self, progress: Progress) -> Stopped | None:
        """Stop when `limit` rounds are done."""
        if progress.rounds < self.limit:
            return None
        return Stopped("rounds", f"The search has had its {counted(self.limit, 'round')}.")


@dataclass(frozen=True, slots=True)
class NoImprovement:
    """Stops when the best lower bound has not risen for a number of rounds."""

    patience: int

    def __call__(self, progress: Progress) -> Stopped | None:
        """Stop when the last `patience` rounds brought nothing better."""
        if progress.best_round is None or progress.rounds - 1 - progress.best_round < self.patience:
            return None
        return Stopped(
            "no_improvement", f"Nothing better came in {counted(self.patience, 'round')}."
        )


@dataclass(frozen=True, slots=True)
class Time:
    """Stops after a wall time; the result then depends on the machine."""

    seconds: float

    def __call__(self, progress: Progress) -> Stopped | None:
        """Stop when the search has taken `seconds`."""
        if progress.seconds < self.seconds:
            return None
        return Stopped("time", f"The time limit of {self.seconds:g} s is reached.")


def rules_of(settings: Evaluation) -> Sequence[StopRule]:
    """The rules that the settings name; the budget is checked by the loop, before every block."""
    rules: list[StopRule] = []
    if settings.rounds is not None:
        rules.append(Rounds(settings.rounds))
    if settings.patience is not None:
        rules.append(NoImprovement(settings.patience))
    if settings.seconds is not None:
        rules.append(Time(settings.seconds))
    return rules


def used_up(experiment: "Experiment") -> Stopped:
    """The end by the budget, although money may be left: part of it is kept from the search."""
    reserve, is_apart = experiment.settings.reserve, bool(experiment.evaluation_budget)
    kept = reserve * (SELECTION_SHARE if is_apart else 1)
    if not kept:
        return Stopped("budget", "The search budget does not cover another block.")
    named = "the selection" if is_apart else "finalists, held-out test and baselines"
    return Stopped(
        "budget",
        "The search's part of the budget does not cover another block "
        f"({100 * kept:g} % of the budget are kept for {named}).",
    )
