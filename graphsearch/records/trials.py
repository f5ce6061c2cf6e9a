"""Records of what was tried: a proposal, an item's result, and a finished trial."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from graphsearch.graph import CollaborationGraph
from graphsearch.records.calls import Outcome, Usage
from graphsearch.records.fits import Fit

__all__ = ["Failure", "ItemResult", "Proposal", "TrialRecord", "TrialState"]


class TrialState(StrEnum):
    """How the evaluation of a trial ended."""

    COMPLETE = "complete"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A graph a searcher wants tried.

    Attributes:
        graph: the graph.
        origin: who proposed it (`sample`, `mode`, `agent`, `screen`, `grid`, ...).
        info: what the searcher needs back with the result (a trace, a parameter set), JSON.
    """

    graph: CollaborationGraph
    origin: str = "sample"
    info: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an item was not evaluated.

    Attributes:
        model: whose call failed, None where no call did (the grader, a time limit).
        error: what was said of it.
        lasts: whether it would fail again, since what it comes from is kept.
    """

    model: str | None
    error: str
    lasts: bool = False

    def to_json(self) -> dict[str, Any]:
        """All fields by name; `lasts` only where it does."""
        return {"model": self.model, "error": self.error} | ({"lasts": True} if self.lasts else {})


@dataclass(frozen=True, slots=True)
class ItemResult:
    """One graph on one item.

    Attributes:
        item: item id.
        score: in [0, 1]; None when the item was not evaluated (an infrastructure outcome).
        outcome: how it ended.
        usage: real usage by model, all of the graph's calls at full count.
        cost: full price of those calls by currency name; a currency that cannot be priced is
            absent.
        group: the item's group, for clustered intervals.
        answer: parsed answer, None when unread.
        failure: why it was not evaluated, None when it was, or where nobody knows.
    """

    item: str
    score: float | None
    outcome: Outcome
    usage: Mapping[str, Usage] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)
    group: str | None = None
    answer: str | None = None
    failure: Failure | None = None

    def to_json(self) -> dict[str, Any]:
        """All fields by name; `failure` only where there was one."""
        record = {
            "item": self.item,
            "score": self.score,
            "outcome": self.outcome.value,
            "usage": {
                model: [usage.prompt_tokens, usage.completion_tokens, usage.calls]
                for model, usage in self.usage.items()
            },
            "cost": dict(self.cost),
            "group": self.group,
            "answer": self.answer,
        }
        if self.failure is None:
            return record
        return record | {"failure": self.failure.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ItemResult":
        """What `to_json` wrote."""
        failure = data.get("failure")
        return cls(
            item=data["item"],
            score=data["score"],
            outcome=Outcome(data["outcome"]),
            usage={model: Usage(*numbers) for model, numbers in data["usage"].items()},
            cost=data["cost"],
            group=data["group"],
            answer=data["answer"],
            failure=None if failure is None else Failure(**failure),
        )


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """A finished trial, as a searcher is told of it and as the store keeps it.

    Attributes:
        number: 0, 1, ... in order of proposal.
        round: the round of `ask` it came from.
        proposal: what was proposed.
        state: `COMPLETE` (ran all blocks of its round), `STOPPED` (lost the race), `FAILED`.
        results: per item, in the round's item order.
        expected_cost: expected cost of one question, in the graph budget's currency.
        reused: True when the graph had been evaluated before and the results are the same ones.
        fit: of its fitted parts, None where it has none.
    """

    number: int
    round: int
    proposal: Proposal
    state: TrialState
    results: tuple[ItemResult, ...]
    expected_cost: float
    reused: bool = False
    fit: Fit | None = None

    @property
    def graded(self) -> tuple[ItemResult, ...]:
        """Results that carry a score."""
        return tuple(r for r in self.results if r.score is not None)

    @property
    def mean(self) -> float | None:
        """Mean score of the graded items, None when there is none."""
        scores = [r.score for r in self.results if r.score is not None]
        return sum(scores) / len(scores) if scores else None

    def to_json(self) -> dict[str, Any]:
        """All fields by name; `fit` only where there is one."""
        record = {
            "number": self.number,
            "round": self.round,
            "state": self.state.value,
            "graph": self.proposal.graph.to_json(),
            "origin": self.proposal.origin,
            "info": self.proposal.info,
            "expected_cost": self.expected_cost,
            "reused": self.reused,
            "results": [result.to_json() for result in self.results],
        }
        return record if self.fit is None else record | {"fit": self.fit.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TrialRecord":
        """What `to_json` wrote."""
        graph = CollaborationGraph.from_json(data["graph"])
        return cls(
            number=data["number"],
            round=data["round"],
            proposal=Proposal(graph, origin=data["origin"], info=data["info"]),
            state=TrialState(data["state"]),
            results=tuple(ItemResult.from_json(result) for result in data["results"]),
            expected_cost=data["expected_cost"],
            reused=data["reused"],
            fit=Fit.from_json(data["fit"]) if "fit" in data else None,
        )
