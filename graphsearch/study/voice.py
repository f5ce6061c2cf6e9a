"""What a study says while it runs: events, each with the budgets and the best graph so far."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphsearch.records.events import (
    Best,
    BlockDone,
    BudgetState,
    EndpointChanged,
    Event,
    EventLog,
    Listener,
    NotEvaluated,
)
from graphsearch.study.archive import Archive
from graphsearch.study.budgets import standing
from graphsearch.study.losses import Loss, beginning_of
from graphsearch.study.race import Contestant

if TYPE_CHECKING:
    from graphsearch.execution import LimiterState
    from graphsearch.ledger import Ledger
    from graphsearch.study.experiment import Experiment

__all__ = ["Voice"]


class Voice:
    """Writes events to `events.jsonl` and tells a listener.

    Args:
        parts: of the study.
        ledger: what was spent.
        archive: what was tried.
        path: of the event log.
        clock: seconds since the epoch.
        listener: hears of every event.
    """

    def __init__(
        self,
        parts: "Experiment",
        ledger: "Ledger",
        archive: Archive,
        *,
        path: Path,
        clock: Callable[[], float],
        listener: Listener | None,
    ) -> None:
        self._parts = parts
        self._ledger = ledger
        self._archive = archive
        self._log = EventLog(path, clock)
        self._listener = listener

    def say(self, kind: type[Event], **fields: Any) -> None:
        """Make an event of this kind, with budgets and best graph filled in, and tell it."""
        event = kind(budgets=self.budgets(), best=self.best(), **fields)
        self._log.write(event)
        if self._listener is not None:
            self._listener(event)

    def say_block(
        self, phase: str, number: int, field: Sequence[Contestant], *, round_: int | None = None
    ) -> None:
        """Tell that a block of a race ended."""
        stopped = sum(contestant.stopped for contestant in field)
        self.say(
            BlockDone,
            phase=phase,
            round=round_,
            block=number,
            items=max(len(contestant.results) for contestant in field),
            alive=len(field) - stopped,
            stopped=stopped,
        )

    def say_loss(self, loss: Loss) -> None:
        """Tell that a question was lost to a model."""
        self.say(
            NotEvaluated,
            item=loss.item,
            question=beginning_of(loss.item, self._parts.task),
            model=loss.model,
            outcome=loss.outcome.value,
            error=loss.error,
        )

    def say_endpoint(self, state: "LimiterState") -> None:
        """Tell that an endpoint gets fewer calls than it could, or again as many."""
        self.say(
            EndpointChanged,
            endpoint=state.name,
            limit=state.limit,
            most=state.most,
            paused_s=round(state.paused_s, 3),
            why=state.why,
            is_down=state.is_down,
        )

    def budgets(self) -> tuple[BudgetState, ...]:
        """The budgets as they stand: search first, then evaluation where it has its own."""
        return standing(self._ledger, self._parts.search_budget, self._parts.evaluation_budget)

    def best(self) -> Best | None:
        """The best graph so far, by lower bound on search items."""
        entry = self._archive.best()
        if entry is None:
            return None
        estimate = entry.estimate(self._parts.settings.level)
        return Best(
            entry.graph.key,
            entry.graph.describe(),
            estimate.mean,
            estimate.interval,
            estimate.n,
            entry.expected_cost,
        )

    def close(self) -> None:
        """Close the log."""
        self._log.close()
