"""What a searcher is, and what an agent may tell it.

A study calls a searcher in this order, and never otherwise:

    searcher = make(space, seed)
    loop:
        proposals = searcher.ask(k)       # at most k; fewer, or none, ends the search
        ... the study races them on a block of items ...
        searcher.tell(trials)             # one record per proposal, in the same order
        view = searcher.view()            # Advisable searchers only, when an agent is set
        searcher.take_advice(advice)      # what the agent said, already validated

`ask` and `tell` are the whole protocol. A searcher does no I/O, never learns in which order calls
finished, and proposes what follows from its space, its seed and what it was told: so a search that
goes on makes it anew, asks it for the same numbers of graphs and tells it the same records, and it
stands where it stood. Only where that would be slow a searcher keeps a state: see `Restorable`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from graphsearch.records.trials import Proposal, TrialRecord

if TYPE_CHECKING:
    from graphsearch.graph import CollaborationGraph

__all__ = [
    "Advice",
    "Advisable",
    "Agent",
    "AgentView",
    "Edit",
    "Opening",
    "Recommending",
    "Restorable",
    "Searcher",
]


class Searcher(Protocol):
    """Proposes graphs and learns from results. Does no I/O."""

    name: str

    def ask(self, k: int) -> Sequence[Proposal]:
        """Up to `k` graphs to try next, all within the graph budget."""
        ...

    def tell(self, trials: Sequence[TrialRecord]) -> None:
        """Learn from finished trials (records of the last `ask`, in its order)."""
        ...


@runtime_checkable
class Restorable(Protocol):
    """A searcher with a state, for one that would be slow to ask and tell all its history again.

    The state is written in the transaction of every round's trials. A searcher made anew and given
    that state proposes exactly what the first one would. States stay small (probabilities and
    counters, not the archive): a study may have thousands of trials.
    """

    def state(self) -> dict[str, Any]:
        """Everything the searcher knows, as JSON with a `version`."""
        ...

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a state; raises `StoreError` for a version it does not know."""
        ...


@runtime_checkable
class Opening(Protocol):
    """A searcher that begins with known graphs, whatever it is told: a quote counts these."""

    @property
    def opening(self) -> "Sequence[CollaborationGraph]":
        """The graphs it proposes first, in order; reading them changes nothing."""
        ...


@runtime_checkable
class Recommending(Protocol):
    """A searcher that is part of a method with a way of its own to evaluate, such as a preset."""

    @property
    def recommended(self) -> Mapping[str, Any]:
        """Settings of the evaluation that belong to it; those not at their default hold instead."""
        ...


@dataclass(frozen=True, slots=True)
class Edit:
    """One change an agent asks for.

    Attributes:
        target: name of a logit: edge `3->5` or `3->sink`, model `2:xs`, role `2:fuser`, sink
            `vote` or `fuser:m` (slots count from 1).
        delta: change in log-odds, clipped by the searcher.
        reason: the agent's words.
    """

    target: str
    delta: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Advice:
    """What an agent said.

    Attributes:
        edits: changes in log-odds.
        graphs: graphs it wants tried.
        summary: its words, for the report.
        raw: the text as it came, None for agents that are no models.
    """

    edits: tuple[Edit, ...] = ()
    graphs: tuple["CollaborationGraph", ...] = ()
    summary: str = ""
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class AgentView:
    """What an agent sees (design/searchers). JSON throughout, so it can be put into a prompt.

    Attributes:
        space: slots, models, roles, sinks, graph budget.
        budgets: search budgets with what is left.
        table: probability table, name of a logit -> probability.
        best, worst: trials with graph text, mean, interval, n, expected cost.
        failures: transcripts of failed items of the best trials.
        last_advice: the last advice and what was measured after it.
        round: number of the round that just ended.
    """

    space: dict[str, Any]
    budgets: dict[str, Any]
    table: dict[str, float]
    best: tuple[dict[str, Any], ...]
    worst: tuple[dict[str, Any], ...]
    failures: tuple[dict[str, Any], ...] = ()
    last_advice: dict[str, Any] | None = None
    round: int = 0
    extra: dict[str, Any] = field(default_factory=dict)


@runtime_checkable
class Advisable(Protocol):
    """A searcher that can be advised in words."""

    def view(self, extra: Mapping[str, Any]) -> AgentView:
        """What the agent is shown; `extra` brings what only the study knows (budgets, failures)."""
        ...

    def take_advice(self, advice: Advice | None) -> None:
        """Take advice in; None means the agent failed to give a valid one this round."""
        ...


class Agent(Protocol):
    """Gives textual feedback to a searcher. May call a model, so it is asynchronous."""

    name: str

    async def advise(self, view: AgentView) -> Advice | None:
        """Advice, or None when no valid one could be had; never raises for bad model output."""
        ...
