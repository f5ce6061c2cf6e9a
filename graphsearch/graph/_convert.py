"""Graphs as JSON, YAML files, networkx graphs, Mermaid text and one line of words."""

from collections import Counter
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphsearch.graph._graph import CollaborationGraph, Node
from graphsearch.records.errors import GraphError

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["describe", "from_json", "from_networkx", "load", "to_mermaid", "to_networkx"]

_MOST_NODES = 10_000
"""More than any search will ever use; keeps a broken file from eating the memory."""


def load(path: Path) -> CollaborationGraph:
    """Read a graph file; see `CollaborationGraph.load`."""
    from graphsearch.yamlfile import read_yaml

    data = read_yaml(path, error=GraphError)
    return from_json(data, where=str(path))


def from_json(data: Any, *, where: str) -> CollaborationGraph:
    """Read and validate; see `CollaborationGraph.from_json`."""
    if not isinstance(data, dict):
        raise GraphError(
            f"expected a mapping with nodes, edges and sink, got {_kind(data)}", where=where
        )
    _only(data, {"nodes", "edges", "sink"}, where)
    if "nodes" not in data:
        raise GraphError("nodes are missing", where=where)
    rows = _list(data["nodes"], f"{where}.nodes")
    nodes = tuple(_node(row, f"{where}.nodes[{i}]") for i, row in enumerate(rows))
    pairs = _list(data.get("edges", []), f"{where}.edges")
    edges = tuple(_edge(pair, f"{where}.edges[{i}]") for i, pair in enumerate(pairs))
    if "sink" in data:
        sink = _index(data["sink"], f"{where}.sink")
    else:
        sink = _only_sink(len(nodes), edges, where)
    graph = CollaborationGraph(nodes, edges, sink)
    try:
        graph.validate()
    except GraphError as error:
        raise GraphError(str(error), where=where) from error
    return graph


def _node(row: Any, where: str) -> Node:
    if not isinstance(row, dict):
        raise GraphError(f"expected role and model, got {_kind(row)}", where=where)
    _only(row, {"role", "model"}, where)
    role, model = row.get("role"), row.get("model")
    if not isinstance(role, str) or not role:
        raise GraphError(f"expected the name of a role, got {role!r}", where=f"{where}.role")
    if model is not None and (not isinstance(model, str) or not model):
        raise GraphError(f"expected the name of a model, got {model!r}", where=f"{where}.model")
    return Node(role, model)


def _edge(pair: Any, where: str) -> tuple[int, int]:
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise GraphError(f"expected two node numbers [from, to], got {pair!r}", where=where)
    return _index(pair[0], f"{where}[0]"), _index(pair[1], f"{where}[1]")


def _index(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise GraphError(f"expected a node number, got {value!r}", where=where)
    return value


def _only_sink(n: int, edges: tuple[tuple[int, int], ...], where: str) -> int:
    ends = sorted(set(range(n)) - {source for source, _ in edges})
    if len(ends) != 1:
        raise GraphError(
            f"sink is missing, and nodes {ends} have no children; say which gives the answer",
            where=where,
        )
    return ends[0]


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise GraphError(f"expected a list, got {_kind(value)}", where=where)
    if len(value) > _MOST_NODES**2:
        raise GraphError(f"has {len(value)} entries", where=where)
    return value


def _only(data: dict[Any, Any], known: set[str], where: str) -> None:
    for name in data:
        if name not in known:
            raise GraphError(
                f"unknown key; known are {', '.join(sorted(known))}", where=f"{where}.{name}"
            )


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    names = {dict: "a mapping", list: "a list", str: "a text", int: "a number", float: "a number"}
    return names.get(type(value), type(value).__name__)


def to_networkx(graph: CollaborationGraph) -> "nx.DiGraph[int]":
    """See `CollaborationGraph.to_networkx`."""
    import networkx as nx

    out: nx.DiGraph[int] = nx.DiGraph(sink=graph.sink)
    for i, node in enumerate(graph.nodes):
        out.add_node(i, role=node.role, model=node.model)
    out.add_edges_from(graph.edges)
    return out


def from_networkx(graph: "nx.DiGraph[Any]") -> CollaborationGraph:
    """See `CollaborationGraph.from_networkx`."""
    if not graph.is_directed():
        raise GraphError("the networkx graph has no edge directions; expected a DiGraph")
    number = {name: i for i, name in enumerate(graph.nodes)}
    nodes = []
    for name, attributes in graph.nodes(data=True):
        if "role" not in attributes:
            raise GraphError(f"networkx node {name!r} has no attribute role")
        nodes.append(Node(attributes["role"], attributes.get("model")))
    edges = tuple((number[source], number[target]) for source, target in graph.edges())
    if "sink" in graph.graph:
        if graph.graph["sink"] not in number:
            raise GraphError(f"networkx attribute sink names {graph.graph['sink']!r}, no node")
        sink = number[graph.graph["sink"]]
    else:
        sink = _only_sink(len(nodes), edges, "networkx graph")
    out = CollaborationGraph(tuple(nodes), edges, sink)
    out.validate()
    return out


def to_mermaid(graph: CollaborationGraph) -> str:
    """See `CollaborationGraph.to_mermaid`."""
    lines = ["flowchart TD"]
    for i, node in enumerate(graph.nodes):
        label = (
            _plain(node.role)
            if node.model is None
            else f"{_plain(node.role)}<br/>{_plain(node.model)}"
        )
        opening, closing = ('(["', '"])') if i == graph.sink else ('["', '"]')
        lines.append(f"    n{i}{opening}{label}{closing}")
    lines += [f"    n{source} --> n{target}" for source, target in graph.edges]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Mermaid reads `#` codes and quotes inside labels; names may hold anything."""
    return text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;")


def describe(graph: CollaborationGraph) -> str:
    """See `CollaborationGraph.describe`."""
    levels = graph.levels()
    groups = [[i for i, level in enumerate(levels) if level == k] for k in range(graph.depth)]
    runs = [(text, len(list(run))) for text, run in groupby(_group(graph, g) for g in groups)]
    text = " -> ".join(
        f"{text} ({count} in a row)" if count > 2 else " -> ".join([text] * count)
        for text, count in runs
    )
    plain = {(i, j) for a, b in pairwise(groups) for i in a for j in b}
    return text if set(graph.edges) == plain else f"{text} ({len(graph.edges)} edges)"


def _group(graph: CollaborationGraph, group: list[int]) -> str:
    counts = Counter(_words(graph.nodes[i]) for i in group)
    parts = [f"{count}x {words}" if count > 1 else words for words, count in sorted(counts.items())]
    return ", ".join(parts)


def _words(node: Node) -> str:
    if node.model is None:
        return node.role
    return node.model if node.role == "assistant" else f"{node.role} {node.model}"
