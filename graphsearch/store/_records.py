"""Trials as JSON and back."""

from collections.abc import Mapping
from typing import Any

from graphsearch.records.fits import Fit
from graphsearch.records.trials import ItemResult, Proposal, TrialRecord, TrialState

__all__ = ["trial_from_json", "trial_to_json"]


def trial_to_json(trial: TrialRecord) -> dict[str, Any]:
    """Everything of a trial as JSON."""
    record = {
        "number": trial.number,
        "round": trial.round,
        "state": trial.state.value,
        "graph": trial.proposal.graph.to_json(),
        "origin": trial.proposal.origin,
        "info": trial.proposal.info,
        "expected_cost": trial.expected_cost,
        "reused": trial.reused,
        "results": [result.to_json() for result in trial.results],
    }
    return record if trial.fit is None else record | {"fit": trial.fit.to_json()}


def trial_from_json(data: Mapping[str, Any]) -> TrialRecord:
    """What `trial_to_json` wrote."""
    from graphsearch.graph import CollaborationGraph

    return TrialRecord(
        number=data["number"],
        round=data["round"],
        proposal=Proposal(
            CollaborationGraph.from_json(data["graph"]), origin=data["origin"], info=data["info"]
        ),
        state=TrialState(data["state"]),
        results=tuple(ItemResult.from_json(result) for result in data["results"]),
        expected_cost=data["expected_cost"],
        reused=data["reused"],
        fit=Fit.from_json(data["fit"]) if "fit" in data else None,
    )
