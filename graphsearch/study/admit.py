"""Which proposals a study runs: promise 1 is kept here, whoever proposes."""

from typing import Any

from graphsearch.graph import CollaborationGraph
from graphsearch.records.errors import GraphError
from graphsearch.records.trials import Proposal
from graphsearch.space import Space

__all__ = ["admitted"]


def admitted(given: Any, space: Space, *, by: str) -> Proposal:
    """What was given as a proposal that may be run.

    A searcher must stay in the space. A graph of the user's own may have another shape, but not
    a higher price.

    Args:
        given: a proposal, or a plain graph.
        space: what is allowed.
        by: name of the searcher, for errors.

    Raises:
        GraphError: it is none, no valid graph, not in the space or too dear.
    """
    if isinstance(given, CollaborationGraph):
        given.validate()
        reason = space.too_dear(given)
        if reason is not None:
            raise GraphError(f"the graph {given.describe()} cannot be run: {reason}")
        return Proposal(given, origin="user")
    if not isinstance(given, Proposal):
        raise GraphError(f"searcher {by!r} proposed {type(given).__name__}, not a Proposal")
    reason = space.why_not(given.graph)
    if reason is not None:
        raise GraphError(f"searcher {by!r} proposed a graph outside the space: {reason}")
    return given
