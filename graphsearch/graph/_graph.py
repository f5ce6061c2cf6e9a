"""`Node` and `CollaborationGraph`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from graphsearch.records.errors import GraphError
from graphsearch.records.rolenames import COMBINING_ROLES

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["COMBINING_ROLES", "CollaborationGraph", "Node"]


@dataclass(frozen=True, slots=True)
class Node:
    """One member of the team.

    Attributes:
        role: name of its role, with its parameters where it has any (see `records.rolenames`).
        model: name of its model in the fleet; None for a combining role, which calls none.
    """

    role: str
    model: str | None

    def __str__(self) -> str:
        return self.role if self.model is None else f"{self.role}:{self.model}"


class Adjacency(NamedTuple):
    """Parents and children of every node, ascending."""

    parents: tuple[tuple[int, ...], ...]
    children: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class CollaborationGraph:
    """A DAG of nodes with one sink that gives the answer.

    The plain constructor does not check anything beyond sorting the edges: it is for code that
    builds valid graphs by construction. `from_json`, `load`, `from_networkx` and the named
    constructors (`single`, `combine`, `fan_in`, `chain`) validate.

    Attributes:
        nodes: roles and models.
        edges: pairs (from, to) of node indices, kept sorted; the source's message goes into the
            target's prompt.
        sink: index of the node whose answer is the graph's.
    """

    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]
    sink: int
    _memo: dict[str, Any] = field(
        default_factory=dict, init=False, repr=False, compare=False, hash=False
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "edges", tuple(sorted(self.edges)))

    def __reduce__(self) -> tuple[Any, ...]:
        return (CollaborationGraph, (self.nodes, self.edges, self.sink))

    def __len__(self) -> int:
        return len(self.nodes)

    # -- shape ---------------------------------------------------------------------------------

    @property
    def adjacency(self) -> Adjacency:
        """Parents and children of every node."""
        adjacency: Adjacency | None = self._memo.get("adjacency")
        if adjacency is None:
            parents: list[list[int]] = [[] for _ in self.nodes]
            children: list[list[int]] = [[] for _ in self.nodes]
            for source, target in self.edges:
                parents[target].append(source)
                children[source].append(target)
            adjacency = Adjacency(tuple(map(tuple, parents)), tuple(map(tuple, children)))
            self._memo["adjacency"] = adjacency
        return adjacency

    def parents(self, i: int) -> tuple[int, ...]:
        """Nodes whose messages node `i` reads, ascending."""
        return self.adjacency.parents[i]

    def children(self, i: int) -> tuple[int, ...]:
        """Nodes that read node `i`'s message, ascending."""
        return self.adjacency.children[i]

    def in_degree(self, i: int) -> int:
        """How many messages node `i` reads."""
        return len(self.adjacency.parents[i])

    @property
    def roots(self) -> tuple[int, ...]:
        """Nodes without parents, ascending."""
        return tuple(i for i, p in enumerate(self.adjacency.parents) if not p)

    def topological(self) -> tuple[int, ...]:
        """All nodes, parents before children; by level, then by index.

        Raises:
            GraphError: the edges form a cycle.
        """
        levels = self.levels()
        return tuple(sorted(range(len(self.nodes)), key=lambda i: (levels[i], i)))

    def levels(self) -> tuple[int, ...]:
        """Level of each node: edges on the longest path to it; roots are at 0.

        Raises:
            GraphError: the edges form a cycle.
        """
        levels = self._memo.get("levels")
        if levels is None:
            levels = self._memo["levels"] = self._find_levels()
        assert isinstance(levels, tuple)
        return levels

    def _find_levels(self) -> tuple[int, ...]:
        parents, children = self.adjacency
        waiting = [len(p) for p in parents]
        levels = [0] * len(parents)
        ready = [i for i, count in enumerate(waiting) if count == 0]
        done = 0
        while ready:
            i = ready.pop()
            done += 1
            level = levels[i] + 1
            for child in children[i]:
                if levels[child] < level:
                    levels[child] = level
                waiting[child] -= 1
                if waiting[child] == 0:
                    ready.append(child)
        if done < len(self.nodes):
            stuck = [i for i, count in enumerate(waiting) if count > 0]
            raise GraphError(f"the edges form a cycle through or before nodes {stuck}")
        return tuple(levels)

    @property
    def depth(self) -> int:
        """Nodes on the longest path (a lone node has depth 1)."""
        return max(self.levels()) + 1

    @property
    def width(self) -> int:
        """Most nodes on one level."""
        levels = self.levels()
        return max(levels.count(level) for level in set(levels))

    # -- identity ------------------------------------------------------------------------------

    @property
    def key(self) -> str:
        """Canonical text: equal exactly for graphs that differ only in node numbering.

        Roles, models, edges and the sink count; `key` is the whole graph, not a digest of it. It is
        meant for valid graphs; for edges that form a cycle it raises `GraphError`.
        """
        key = self._memo.get("key")
        if key is None:
            from graphsearch.graph._canonical import canonical_key

            key = self._memo["key"] = canonical_key(self)
        assert isinstance(key, str)
        return key

    def canonical(self) -> "CollaborationGraph":
        """The isomorphic graph with canonical numbering: topological, the sink last."""
        from graphsearch.graph._canonical import canonical_graph

        return canonical_graph(self)

    # -- validation ----------------------------------------------------------------------------

    def validate(self) -> None:
        """Check that this is a collaboration graph.

        Raises:
            GraphError: an index that is no node, a self loop, a duplicate edge, a cycle, a sink
                with children, a node that does not reach the sink, or a combining role that is
                not the sink, has fewer than two parents, or names a model.
        """
        from graphsearch.graph._validate import validate

        validate(self)

    # -- in and out ----------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """JSON of the graph: `nodes`, `edges`, `sink`."""
        return {
            "nodes": [{"role": n.role, "model": n.model} for n in self.nodes],
            "edges": [[source, target] for source, target in self.edges],
            "sink": self.sink,
        }

    @classmethod
    def from_json(cls, data: Any, *, where: str = "graph") -> "CollaborationGraph":
        """Read what `to_json` wrote, and validate it.

        Args:
            data: the JSON value. `sink` may be left out where only one node has no children.
            where: what errors call the value.

        Raises:
            GraphError: with the path to the bad value.
        """
        from graphsearch.graph._convert import from_json

        return from_json(data, where=where)

    @classmethod
    def load(cls, path: str | Path) -> "CollaborationGraph":
        """Read a graph from a YAML or JSON file of the shape of `to_json`.

        Raises:
            GraphError: the file cannot be read, or its content is no valid graph.
        """
        from graphsearch.graph._convert import load

        return load(Path(path))

    def to_networkx(self) -> "nx.DiGraph[int]":
        """A networkx `DiGraph`: node attributes `role`, `model`; graph attribute `sink`."""
        from graphsearch.graph._convert import to_networkx

        return to_networkx(self)

    @classmethod
    def from_networkx(cls, graph: "nx.DiGraph[Any]") -> "CollaborationGraph":
        """Read a networkx `DiGraph` whose nodes have `role` and, unless combining, `model`.

        The sink is the graph attribute `sink`, or else the only node without successors. Nodes
        are numbered in the order of `graph.nodes`.

        Raises:
            GraphError: an attribute is missing or the graph is not valid.
        """
        from graphsearch.graph._convert import from_networkx

        return from_networkx(graph)

    def to_mermaid(self) -> str:
        """Mermaid flowchart text."""
        from graphsearch.graph._convert import to_mermaid

        return to_mermaid(self)

    def describe(self) -> str:
        """One short line such as `4x xs -> fuser m`.

        Levels from the roots to the sink; the role is left out for `assistant`, and of three or
        more equal levels in a row one is named, with their number. Where the edges are not simply
        "everything of a level into everything of the next", their number follows.
        """
        from graphsearch.graph._convert import describe

        return describe(self)

    # -- named constructors --------------------------------------------------------------------

    @classmethod
    def single(cls, model: str, role: str = "assistant") -> "CollaborationGraph":
        """One call of one model."""
        return _valid([Node(role, model)], [])

    @classmethod
    def combine(cls, role: str, models: Sequence[str]) -> "CollaborationGraph":
        """One answer of each of `models`, combined by `vote` or `select` (at least two)."""
        return cls.fan_in(models, role, None)

    @classmethod
    def fan_in(
        cls, models: Sequence[str], sink_role: str, sink_model: str | None
    ) -> "CollaborationGraph":
        """One answer of each of `models`, all read by one sink."""
        roots = [Node("assistant", model) for model in models]
        graph = cls.star(roots, Node(sink_role, sink_model))
        graph.validate()
        return graph

    @classmethod
    def star(cls, roots: "Sequence[Node]", sink: Node) -> "CollaborationGraph":
        """Nodes that read nobody, all read by one sink; not checked."""
        return cls((*roots, sink), tuple((i, len(roots)) for i in range(len(roots))), len(roots))

    @classmethod
    def chain(cls, models: Sequence[str], role: str = "assistant") -> "CollaborationGraph":
        """A line: each of `models` reads the answer of the one before it."""
        return _valid([Node(role, m) for m in models], [(i, i + 1) for i in range(len(models) - 1)])


def _valid(nodes: Sequence[Node], edges: Sequence[tuple[int, int]]) -> CollaborationGraph:
    graph = CollaborationGraph(tuple(nodes), tuple(edges), len(nodes) - 1)
    graph.validate()
    return graph
