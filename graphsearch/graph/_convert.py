"""Graphs from JSON values and networkx graphs, and as Mermaid text and one line of words."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from graphsearch.graph._node import Node
from graphsearch.records.errors import GraphError

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Parts", "describe", "mermaid", "parse", "parse_networkx"]

_MOST_NODES = 10_000
"""More than any search will ever use; keeps a broken file from eating the memory."""

Edges = tuple[tuple[int, int], ...]


class Parts(NamedTuple):
    """What a graph is made of; not yet checked."""

    nodes: tuple[Node, ...]
    edges: Edges
    sink: int


def parse(data: Any, where: str) -> Parts:
    """Read what `CollaborationGraph.to_json` wrote; raises `GraphError` with the path."""
    if not isinstance(data, dict):
        raise GraphError(
            f"expected a mapping with nodes, edges and sink, got {_kind(data)}", where=where
        )
    _only(data, {"nodes", "edges", "sink"}, where)
    if "nodes" not in data:
        raise GraphError("nodes are missing", where=where)
    rows = _list(data["nodes"], f"{where}.nodes")
    nodes = []
    for i, row in enumerate(rows):
        at = f"{where}.nodes[{i}]"
        if not isinstance(row, dict):
            raise GraphError(f"expected role and model, got {_kind(row)}", where=at)
        _only(row, {"role", "model"}, at)
        role, model = row.get("role"), row.get("model")
        if not isinstance(role, str) or not role:
            raise GraphError(f"expected the name of a role, got {role!r}", where=f"{at}.role")
        if model is not None and (not isinstance(model, str) or not model):
            raise GraphError(f"expected the name of a model, got {model!r}", where=f"{at}.model")
        nodes.append(Node(role, model))
    edges = []
    for i, pair in enumerate(_list(data.get("edges", []), f"{where}.edges")):
        at = f"{where}.edges[{i}]"
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise GraphError(f"expected two node numbers [from, to], got {pair!r}", where=at)
        edges.append((_index(pair[0], f"{at}[0]"), _index(pair[1], f"{at}[1]")))
    if "sink" in data:
        sink = _index(data["sink"], f"{where}.sink")
    else:
        sink = _only_sink(len(nodes), edges, where)
    return Parts(tuple(nodes), tuple(edges), sink)


def _index(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise GraphError(f"expected a node number, got {value!r}", where=where)
    return value


def _only_sink(n: int, edges: Sequence[tuple[int, int]], where: str) -> int:
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


def parse_networkx(graph: "nx.DiGraph[Any]") -> Parts:
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
    return Parts(tuple(nodes), edges, sink)


def mermaid(nodes: Sequence[Node], edges: Edges, sink: int) -> str:
    """See `CollaborationGraph.to_mermaid`."""

    def plain(text: str) -> str:
        # Mermaid reads `#` codes and quotes inside labels; names may hold anything.
        return text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;")

    lines = ["flowchart TD"]
    for i, node in enumerate(nodes):
        model = "" if node.model is None else f"<br/>{plain(node.model)}"
        opening, closing = ('(["', '"])') if i == sink else ('["', '"]')
        lines.append(f"    n{i}{opening}{plain(node.role)}{model}{closing}")
    lines += [f"    n{source} --> n{target}" for source, target in edges]
    return "\n".join(lines)


def describe(nodes: Sequence[Node], edges: Edges, levels: Sequence[int]) -> str:
    """See `CollaborationGraph.describe`."""

    def words(node: Node) -> str:
        if node.model is None:
            return node.role
        return node.model if node.role == "assistant" else f"{node.role} {node.model}"

    groups = [[i for i, level in enumerate(levels) if level == k] for k in range(max(levels) + 1)]
    texts = []
    for group in groups:
        counts = sorted(Counter(words(nodes[i]) for i in group).items())
        texts.append(", ".join(f"{count}x {who}" if count > 1 else who for who, count in counts))
    runs = [(text, len(list(run))) for text, run in groupby(texts)]
    line = " -> ".join(
        f"{text} ({count} in a row)" if count > 2 else " -> ".join([text] * count)
        for text, count in runs
    )
    every = {(i, j) for a, b in pairwise(groups) for i in a for j in b}
    return line if set(edges) == every else f"{line} ({len(edges)} edges)"
