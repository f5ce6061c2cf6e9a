"""Whether the parts of a bundle fit each other: a broken one is refused when it is loaded."""

import math
from collections.abc import Mapping
from typing import Any, Final

from graphsearch.graph import CollaborationGraph
from graphsearch.records.errors import ConfigError
from graphsearch.records.fits import Fit
from graphsearch.records.rolenames import Gate, Weighting, role_name
from graphsearch.records.roles import Role

__all__ = ["check_fit", "check_models", "check_nodes"]

_MOST_ODDS: Final = 7.0
"""Log-odds of a member that was never, or always, right are about 6.9."""

_LONGEST: Final = 60


def check_models(graph: CollaborationGraph, fingerprints: Mapping[str, Any]) -> None:
    """Check that the models with fingerprints are those that the graph asks.

    Raises:
        ConfigError: one is missing, or one too many.
    """
    asked = {node.model for node in graph.nodes if node.model is not None}
    for name in sorted(asked.symmetric_difference(fingerprints)):
        wrong = "lacks the graph's model" if name in asked else "has a model not of the graph:"
        raise ConfigError(f"{wrong} {name!r}", where="fingerprints")


def check_nodes(graph: CollaborationGraph, told: Any) -> None:
    """Check that the list for people says of each node what the graph says.

    Raises:
        ConfigError: with the path to what disagrees.
    """
    if not isinstance(told, list) or len(told) != len(graph.nodes):
        raise ConfigError(f"must tell the {len(graph.nodes)} nodes of the graph", where="nodes")
    for i, (node, row) in enumerate(zip(graph.nodes, told, strict=True)):
        facts = {"role": node.role, "model": node.model, "parents": list(graph.parents(i))}
        for name, fact in facts.items():
            if row[name] != fact:
                raise ConfigError(
                    f"is {row[name]!r}, and {fact!r} in the graph", where=f"nodes[{i}].{name}"
                )


def check_fit(graph: CollaborationGraph, roles: Mapping[str, Role], fit: Fit | None) -> None:
    """Check that what was fitted is there for each node that needs it, and can have been measured.

    Args:
        graph: any numbering; a fit counts in the canonical one.
        roles: of the graph's nodes.
        fit: what the bundle holds.

    Raises:
        ConfigError: with the path to what is wrong.
    """
    graph = graph.canonical()
    needed = [i for i, node in enumerate(graph.nodes) if roles[node.role].is_fitted]
    if fit is None:
        if needed:
            raise ConfigError(
                f"is missing, and node {needed[0]} ({graph.nodes[needed[0]].role}) needs it",
                where="fit",
            )
        return
    for i in sorted({*needed}.symmetric_difference(fit.nodes)):
        wrong = "is missing" if i in needed else "is no node with fitted parts"
        raise ConfigError(wrong, where=f"fit.nodes.{i}")
    for i in needed:
        _check_values(graph, i, fit.nodes[i], f"fit.nodes.{i}")


def _check_values(
    graph: CollaborationGraph, index: int, values: Mapping[str, Any], where: str
) -> None:
    """The parameters of one node; those of roles that the name says nothing of stay unread."""
    name = role_name(graph.nodes[index].role)
    if not name.is_fitted:
        return
    gate = name.gate
    weighting = name.weighting if gate is None else gate.weighting
    wanted = {
        *(["weights"] if weighting is not None else []),
        *(["threshold"] if gate is not None and gate.least is None else []),
    }
    for field in sorted(wanted.symmetric_difference(values)):
        wrong = "is missing" if field in wanted else f"is nothing that {name} has"
        raise ConfigError(wrong, where=f"{where}.{field}")
    if weighting is not None:
        _check_weights(graph, index, values["weights"], weighting, f"{where}.weights")
    if gate is not None and gate.least is None:
        _check_threshold(gate, values["threshold"], f"{where}.threshold")


def _check_weights(
    graph: CollaborationGraph, index: int, weights: Any, weighting: Weighting, where: str
) -> None:
    if not isinstance(weights, Mapping):
        raise ConfigError(f"must be a mapping, got {_short(weights)}", where=where)
    parents = [graph.nodes[parent] for parent in graph.parents(index)]
    voters = {n.role if n.model is None else f"{n.role}:{n.model}" for n in parents}
    for who in sorted(voters.symmetric_difference(weights)):
        wrong = "is missing" if who in voters else "is no parent of the node"
        raise ConfigError(wrong, where=f"{where}.{who}")
    if weighting.kind == "accuracy":
        least, most = 0.0, 1.0
    else:
        most = max(_MOST_ODDS, float(weighting.floor or 0))
        least = -most if weighting.floor is None else 0.0
    for who, weight in weights.items():
        _check_number(weight, least, most, f"{where}.{who}")


def _check_threshold(gate: Gate, threshold: Any, where: str) -> None:
    most = math.inf if gate.measure == "score" else 1.0
    _check_number(threshold, -most, most, where)


def _check_number(value: Any, least: float, most: float, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"must be a number, got {_short(value)}", where=where)
    if not (least <= value <= most and abs(value) < math.inf):
        told = f"from {least:g} to {most:g}" if most < math.inf else "finite"
        raise ConfigError(f"must be {told}, got {_short(value)}", where=where)


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."
