"""What makes nodes and edges a collaboration graph."""

from graphsearch.graph._graph import CollaborationGraph
from graphsearch.records.errors import GraphError
from graphsearch.records.rolenames import RoleName, role_name

__all__ = ["validate"]


def validate(graph: CollaborationGraph) -> None:
    """Raise `GraphError` for the first thing that is wrong, naming the node or edge."""
    _check_indices(graph)
    graph.levels()  # raises for a cycle
    _check_sink(graph)
    _check_combining(graph)


def _check_indices(graph: CollaborationGraph) -> None:
    n = len(graph.nodes)
    if n == 0:
        raise GraphError("a graph needs at least one node")
    if not 0 <= graph.sink < n:
        raise GraphError(f"the sink is node {graph.sink}, but the nodes are 0 to {n - 1}")
    seen = set()
    for edge in graph.edges:
        source, target = edge
        for end in edge:
            if not 0 <= end < n:
                raise GraphError(
                    f"edge {_name(edge)} names node {end}, but the nodes are 0 to {n - 1}"
                )
        if source == target:
            raise GraphError(f"edge {_name(edge)} is a self loop")
        if edge in seen:
            raise GraphError(f"edge {_name(edge)} is there twice")
        seen.add(edge)
    for i, node in enumerate(graph.nodes):
        if not node.role:
            raise GraphError(f"node {i} has no role")


def _check_sink(graph: CollaborationGraph) -> None:
    if graph.children(graph.sink):
        child = graph.children(graph.sink)[0]
        raise GraphError(
            f"the sink {graph.sink} gives the answer and may feed no other node, "
            f"but there is an edge {_name((graph.sink, child))}"
        )
    # In a DAG every node reaches some node without children; so it is enough that the sink is
    # the only one.
    lost = [i for i in range(len(graph.nodes)) if not graph.children(i) and i != graph.sink]
    if lost:
        raise GraphError(f"node {lost[0]} ({graph.nodes[lost[0]]}) does not reach the sink")


def _check_combining(graph: CollaborationGraph) -> None:
    for i, node in enumerate(graph.nodes):
        try:
            name = role_name(node.role)
        except GraphError as error:
            raise GraphError(f"node {i}: {error}") from None
        if node.model is not None:
            _check_speaking(graph, i, name)
            continue
        if i != graph.sink:
            raise GraphError(
                f"node {i}: {node.role} combines answers and may only be the sink"
                if name.combines
                else f"node {i} ({node.role}) names no model, which only a combining sink may do"
            )
        if name.gate is not None or node.role in {"assistant", "fuser"}:
            raise GraphError(f"node {i} ({node.role}) names no model")
        if graph.in_degree(i) < 2:
            raise GraphError(
                f"node {i}: {node.role} needs at least two parents, has {graph.in_degree(i)}"
            )


def _check_speaking(graph: CollaborationGraph, i: int, name: RoleName) -> None:
    node = graph.nodes[i]
    if name.combines:
        raise GraphError(f"node {i}: {node.role} calls no model, but names model {node.model!r}")
    if not node.model:
        raise GraphError(f"node {i} ({node.role}) has an empty model name")
    if name.gate is not None and not graph.in_degree(i):
        raise GraphError(f"node {i}: {node.role} looks at its parents, and has none")


def _name(edge: tuple[int, int]) -> str:
    return f"{edge[0]}->{edge[1]}"
