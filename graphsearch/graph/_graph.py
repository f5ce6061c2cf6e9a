"""`CollaborationGraph`: nodes, edges and a sink."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from graphsearch.graph import _canonical, _convert
from graphsearch.graph._node import Node
from graphsearch.records.errors import ConfigError, GraphError
from graphsearch.records.roles import Role
from graphsearch.yamlfile import read_yaml

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Adjacency", "CollaborationGraph"]


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
        known: tuple[int, ...] | None = self._memo.get("levels")
        if known is not None:
            return known
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
        found = self._memo["levels"] = tuple(levels)
        return found

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
        key: str | None = self._memo.get("key")
        if key is None:
            parents, children = self.adjacency
            key = _canonical.text_of(self.nodes, parents, children, self.levels())
            self._memo["key"] = key
        return key

    def canonical(self) -> "CollaborationGraph":
        """The isomorphic graph with canonical numbering: topological, the sink last."""
        parents, children = self.adjacency
        order = _canonical.order_of(self.nodes, parents, children, self.levels())
        if order == list(range(len(order))):
            return self
        position = {node: k for k, node in enumerate(order)}
        nodes = tuple(self.nodes[i] for i in order)
        edges = tuple((position[source], position[target]) for source, target in self.edges)
        return CollaborationGraph(nodes, edges, position[self.sink])

    # -- validation ----------------------------------------------------------------------------

    def validate(self, roles: Mapping[str, Role] | None = None) -> None:
        """Check that this is a collaboration graph; the first thing that is wrong is named.

        Args:
            roles: by name; where they are given each node is also checked against its role.

        Raises:
            GraphError: an index that is no node, a self loop, a duplicate edge, a cycle, a sink
                with children, a node that does not reach the sink, or a node without a model that
                is not the sink or has fewer than two parents. With `roles` also a role that is
                unknown or not for this place: a model too few or too many, too few or too many
                parents, or a sink that may be none.
        """
        n = len(self.nodes)
        if n == 0:
            raise GraphError("a graph needs at least one node")
        if not 0 <= self.sink < n:
            raise GraphError(f"the sink is node {self.sink}, but the nodes are 0 to {n - 1}")
        seen = set()
        for source, target in self.edges:
            name = f"{source}->{target}"
            lost = next((end for end in (source, target) if not 0 <= end < n), None)
            if lost is not None:
                raise GraphError(f"edge {name} names node {lost}, but the nodes are 0 to {n - 1}")
            if source == target:
                raise GraphError(f"edge {name} is a self loop")
            if (source, target) in seen:
                raise GraphError(f"edge {name} is there twice")
            seen.add((source, target))
        self.levels()  # raises for a cycle
        # In a DAG every node reaches some node without children; so it is enough that the sink is
        # the only one.
        if self.children(self.sink):
            child = self.children(self.sink)[0]
            raise GraphError(
                f"the sink {self.sink} gives the answer and may feed no other node, "
                f"but there is an edge {self.sink}->{child}"
            )
        for i, node in enumerate(self.nodes):
            if not self.children(i) and i != self.sink:
                raise GraphError(f"node {i} ({node}) does not reach the sink")
        for i, node in enumerate(self.nodes):
            if not node.role:
                raise GraphError(f"node {i} has no role")
            if node.model == "":
                raise GraphError(f"node {i} ({node.role}) has an empty model name")
            if roles is not None:
                self._check_role(i, roles)
            if node.model is None and i != self.sink:
                raise GraphError(
                    f"node {i} ({node.role}) names no model, which only a combining sink may do"
                )
            if node.model is None and self.in_degree(i) < 2:
                raise GraphError(
                    f"node {i}: {node.role} needs at least two parents, has {self.in_degree(i)}"
                )

    def _check_role(self, i: int, roles: Mapping[str, Role]) -> None:
        """Whether a node's role goes with its place."""
        node, degree = self.nodes[i], self.in_degree(i)
        try:
            role = roles[node.role]
        except ConfigError as error:
            raise GraphError(f"node {i}: {error}") from None
        except KeyError:
            known = ", ".join(roles)
            raise GraphError(f"node {i}: unknown role {node.role!r}; known: {known}") from None
        if not role.speaks and node.model is not None:
            raise GraphError(f"node {i}: {node.role} calls no model, but names {node.model!r}")
        if not role.speaks and i != self.sink:
            raise GraphError(f"node {i}: {node.role} combines answers and may only be the sink")
        if role.speaks and node.model is None:
            raise GraphError(f"node {i} ({node.role}) names no model")
        if i == self.sink and not role.may_be_sink:
            raise GraphError(f"node {i}: {node.role} may not be the sink")
        if role.is_gate and not degree:
            raise GraphError(f"node {i}: {node.role} looks at its parents, and has none")
        if degree < role.min_parents:
            raise GraphError(
                f"node {i}: role {node.role!r} needs {role.min_parents} parents, it has {degree}"
            )
        if role.max_parents is not None and degree > role.max_parents:
            raise GraphError(
                f"node {i}: role {node.role!r} reads {role.max_parents} parents at most, "
                f"it has {degree}"
            )

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
        graph = cls(*_convert.parse(data, where))
        try:
            graph.validate()
        except GraphError as error:
            raise GraphError(str(error), where=where) from error
        return graph

    @classmethod
    def load(cls, path: str | Path) -> "CollaborationGraph":
        """Read a graph from a YAML or JSON file of the shape of `to_json`.

        Raises:
            GraphError: the file cannot be read, or its content is no valid graph.
        """
        return cls.from_json(read_yaml(Path(path), error=GraphError), where=str(path))

    def to_networkx(self) -> "nx.DiGraph[int]":
        """A networkx `DiGraph`: node attributes `role`, `model`; graph attribute `sink`."""
        import networkx as nx

        out: nx.DiGraph[int] = nx.DiGraph(sink=self.sink)
        for i, node in enumerate(self.nodes):
            out.add_node(i, role=node.role, model=node.model)
        out.add_edges_from(self.edges)
        return out

    @classmethod
    def from_networkx(cls, graph: "nx.DiGraph[Any]") -> "CollaborationGraph":
        """Read a networkx `DiGraph` whose nodes have `role` and, unless combining, `model`.

        The sink is the graph attribute `sink`, or else the only node without successors. Nodes
        are numbered in the order of `graph.nodes`.

        Raises:
            GraphError: an attribute is missing or the graph is not valid.
        """
        found = cls(*_convert.parse_networkx(graph))
        found.validate()
        return found

    def to_mermaid(self) -> str:
        """Mermaid flowchart text."""
        return _convert.mermaid(self.nodes, self.edges, self.sink)

    def describe(self) -> str:
        """One short line such as `4x xs -> fuser m`.

        Levels from the roots to the sink; the role is left out for `assistant`, and of three or
        more equal levels in a row one is named, with their number. Where the edges are not simply
        "everything of a level into everything of the next", their number follows.
        """
        return _convert.describe(self.nodes, self.edges, self.levels())

    # -- named constructors --------------------------------------------------------------------

    @classmethod
    def single(cls, model: str, role: str = "assistant") -> "CollaborationGraph":
        """One call of one model."""
        return cls.chain([model], role)

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
        last = len(models) - 1
        nodes = tuple(Node(role, model) for model in models)
        graph = cls(nodes, tuple((i, i + 1) for i in range(last)), last)
        graph.validate()
        return graph
