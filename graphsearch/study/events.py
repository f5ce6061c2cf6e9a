"""Where a study's events go: its event log and a listener."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from graphsearch.graph import CollaborationGraph
from graphsearch.records.events import (
    Best,
    BudgetState,
    EndpointChanged,
    Event,
    EventLog,
    Listener,
    NotEvaluated,
    TrialDone,
)
from graphsearch.records.trials import TrialRecord
from graphsearch.stats import Estimate
from graphsearch.study.budgets import standing
from graphsearch.study.losses import Loss, beginning_of

if TYPE_CHECKING:
    from graphsearch.cost import Amount
    from graphsearch.execution import LimiterState
    from graphsearch.ledger import Ledger
    from graphsearch.records.tasks import Task

__all__ = ["EventSink"]


class EventSink:
    """Writes events to `events.jsonl` and passes them to a listener.

    Args:
        task: whose questions events name.
        search: the search budget.
        evaluation: the budget of test and baselines, empty where they have none of their own.
        ledger: what was spent.
        log: gets every event, None for none.
        listener: gets every event, None for none.
    """

    def __init__(
        self,
        task: "Task",
        search: "Sequence[Amount]",
        evaluation: "Sequence[Amount]",
        ledger: "Ledger",
        *,
        log: EventLog | None = None,
        listener: Listener | None = None,
    ) -> None:
        self._task = task
        self._amounts = search, evaluation
        self._ledger = ledger
        self._log = log
        self._listener = listener
        self._best: Best | None = None

    def lead(self, best: Best | None) -> None:
        """Have events carry this as the best graph so far."""
        self._best = best

    def say(self, kind: type[Event], **fields: Any) -> None:
        """Make an event of this kind, with budgets and best graph filled in, and send it."""
        if self._log is None and self._listener is None:
            return
        event = kind(budgets=self.budgets(), best=self._best, **fields)
        if self._log is not None:
            self._log.write(event)
        if self._listener is not None:
            self._listener(event)

    def say_loss(self, loss: Loss) -> None:
        """Say that a question was not evaluated because of a model."""
        self.say(
            NotEvaluated,
            item=loss.item,
            question=beginning_of(loss.item, self._task),
            model=loss.model,
            outcome=loss.outcome.value,
            error=loss.error,
        )

    def say_trial(self, trial: TrialRecord, graph: CollaborationGraph, estimate: Estimate) -> None:
        """Say that a trial is done, with what is known of its graph over all trials."""
        self.say(
            TrialDone,
            number=trial.number,
            round=trial.round,
            origin=trial.proposal.origin,
            state=trial.state.value,
            key=graph.key,
            text=graph.describe(),
            n=estimate.n,
            accuracy=estimate.mean,
            interval=estimate.interval,
            expected_cost=trial.expected_cost,
        )

    def say_endpoint(self, state: "LimiterState") -> None:
        """Say that an endpoint gets fewer calls than it could, or again as many."""
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
        return standing(self._ledger, *self._amounts)

    def close(self) -> None:
        """Close the log."""
        if self._log is not None:
            self._log.close()
