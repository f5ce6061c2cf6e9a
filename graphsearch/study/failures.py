"""Failures of the infrastructure: what was lost by them, and when there are too many to go on."""

from collections import Counter
from collections.abc import Callable, Collection
from typing import Final

from graphsearch.records.calls import Outcome
from graphsearch.records.errors import StudyStopped
from graphsearch.records.trials import ItemResult
from graphsearch.study.losses import Loss, Losses, named, one_line

__all__ = ["ANEW", "RESUME", "Failures", "check_endpoints"]

RESUME: Final = "all finished calls are kept: mend the cause, then resume"
ANEW: Final = (
    "all finished calls are kept, so a search that is resumed would read the same replies again: "
    "mend the cause, and begin in a new folder"
)
"""What to do where a failure may pass, and where it would not."""

_FEW = 20
"""Evaluations below which a share of failures means nothing."""


class Failures:
    """Counts what was evaluated and what was not, and stops a study that fails too often.

    Args:
        allowed: share of failures that is no reason to stop.
        few: evaluations below which the share means nothing.
        lost: called with each question that a model could not be evaluated on, once.
    """

    def __init__(
        self, allowed: float, *, few: int = _FEW, lost: Callable[[Loss], None] | None = None
    ) -> None:
        self.allowed = allowed
        self._few = few
        self._lost = lost
        self._evaluated = 0
        self._causes: Counter[str] = Counter()
        self._lasting: Counter[str] = Counter()
        self._losses = Losses()
        self._news: list[Loss] = []

    def count(self, evaluated: int, failed: Collection[ItemResult]) -> None:
        """Take in evaluations.

        Args:
            evaluated: how many, those that failed among them.
            failed: those that failed.
        """
        self._evaluated += evaluated
        for result in failed:
            self._causes[_cause(result)] += 1
            if result.failure is not None and result.failure.lasts:
                self._lasting[_cause(result)] += 1
            loss = self._losses.take(result)
            if loss is not None:
                self._news.append(loss)

    def tell(self) -> None:
        """Tell of questions that are newly lost, in an order of their own."""
        news, self._news = self._news, []
        for loss in sorted(news, key=lambda one: (one.item, one.model or "")):
            if self._lost is not None:
                self._lost(loss)

    def check(self, what: str = "") -> None:
        """Stop the study where the share of failures is above what is allowed.

        Args:
            what: begins the message: what did not come about.

        Raises:
            StudyStopped: it is; the most frequent cause and the questions are named.
        """
        failed = self._causes.total()
        if self._evaluated < self._few or failed <= self.allowed * self._evaluated:
            return
        lasts = self._lasting.total() > self.allowed * self._evaluated
        ((cause, times),) = (self._lasting if lasts else self._causes).most_common(1)
        lost = self._losses.all
        refused = all(loss.outcome is Outcome.REJECTED for loss in lost)
        why = "because calls were refused" if refused else "for reasons of the infrastructure"
        raise StudyStopped(
            f"{what}{failed} of {self._evaluated} answers ({failed / self._evaluated:.0%}) were "
            f"not evaluated {why}, more than the {self.allowed:.0%} allowed ({times} times: "
            f"{one_line(cause)}; {named(lost)}); {ANEW if lasts else RESUME}"
        )


def check_endpoints(down: str | None) -> None:
    """Stop the study where an endpoint counts as dead, for the reason given; `StudyStopped`."""
    if down is not None:
        raise StudyStopped(
            f"{down}; no further call was sent, and all finished ones are kept: mend the "
            "cause, or change the endpoint in the fleet if it is elsewhere now, then resume"
        )


def _cause(result: ItemResult) -> str:
    return result.outcome.value if result.failure is None else result.failure.error
