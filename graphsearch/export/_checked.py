"""Whether the parts of a bundle fit each other: a broken one is refused when it is loaded."""

from collections.abc import Mapping
from typing import Any

from graphsearch.graph import CollaborationGraph
from graphsearch.records.errors import ConfigError
from graphsearch.records.fits import Fit
from graphsearch.records.roles import FittedRole, Role

__all__ = ["check_fit", "check_models", "check_nodes"]


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
        role = roles[graph.nodes[i].role]
        assert isinstance(role, FittedRole)
        try:
            role.check(fit.nodes[i], [str(graph.nodes[p]) for p in graph.parents(i)])
        except ConfigError as error:
            raise ConfigError(error.message, where=f"fit.nodes.{i}.{error.where}") from error
