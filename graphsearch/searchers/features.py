"""A graph as numbers that need no run: what the surrogate sees."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graphsearch.graph import CollaborationGraph
from graphsearch.space import Space

__all__ = ["FeatureMap"]

_SHAPE = (
    *("nodes", "depth", "width", "most_read", "cost", "cost^2", "roots"),
    *("size", "parents' size", "roots' size", "sink's size", "sink's size x log"),
)


class FeatureMap:
    """Label-free features of graphs (design/searchers).

    Counts enter as `log(1 + count)`: the second vote matters more than the ninth. What a sink does
    with many parents differs by sink, and may fall as well as rise, so in-degree enters for each
    sink apart, both logged and linear. The columns are:

    - 1 (intercept)
    - nodes by (role, model), the sink apart
    - parents of the sink by model
    - edges by (source model, target model), edges into the sink apart
    - for each sink: whether it is the one, log(1 + in-degree), in-degree / slots
    - nodes, depth, width, largest in-degree, cost / budget and its square, share of roots
    - mean size of all nodes, of the sink's parents and of the roots; size of the sink (0 for one
      without a model), and that times log(1 + in-degree). The size of a model is the log of the
      price of its lone call, 0 for the cheapest and 1 for the dearest. Sizes tie the models
      together: what one has shown of larger and smaller holds for the others until they differ.

    Attributes:
        names: a name for each column.
    """

    def __init__(
        self,
        *,
        models: Sequence[str],
        roles: Sequence[str],
        sinks: Sequence[tuple[str, str | None]],
        slots: int,
        budget: float,
        prices: Sequence[float],
    ) -> None:
        """Fixes the columns.

        Args:
            models: models of the space.
            roles: roles of nodes that are not the sink.
            sinks: (role, model) of the sinks.
            slots: nodes besides the sink, at most.
            budget: graph budget, in the currency that costs are given in.
            prices: cost of a lone call by model, in the same order.
        """
        self._slots = slots
        self._budget = budget
        logs = [math.log(max(price, 1e-12)) for price in prices]
        low, spread = min(logs), (max(logs) - min(logs)) or 1.0
        self._sizes: dict[str | None, float] = {
            model: (value - low) / spread for model, value in zip(models, logs, strict=True)
        }
        columns: dict[tuple[str | None, ...], int] = {("intercept",): 0}
        pairs: list[tuple[str | None, ...]] = [
            ("node", role, model) for role in roles for model in models
        ]
        pairs += [("parent", model, "") for model in models]
        pairs += [("edge", a, b) for a in models for b in models]
        for pair in pairs:
            columns[pair] = len(columns)
        self._columns = columns
        self._sinks = {sink: len(columns) + 3 * i for i, sink in enumerate(sinks)}
        self._shape = len(columns) + 3 * len(sinks)
        self.names = (
            *(":".join(filter(None, column)) for column in columns),
            *(f"{r}:{m}:{kind}" for r, m in sinks for kind in ("is", "log", "linear")),
            *_SHAPE,
        )

    @classmethod
    def of(cls, space: Space) -> "FeatureMap":
        """The features of a space's graphs."""
        return cls(
            models=space.models,
            roles=space.roles,
            sinks=[(sink.role, sink.model) for sink in space.sinks],
            slots=max(space.slots, 1),
            budget=float(space.budget),
            prices=[space.cost.gamma(model) for model in space.models],
        )

    def __len__(self) -> int:
        return self._shape + len(_SHAPE)

    def __call__(self, graph: CollaborationGraph, cost: float) -> NDArray[np.float64]:
        """Features of a graph whose expected cost is `cost`, shape [len(self)]."""
        counts = self._counts(graph)
        row = np.zeros(len(self))
        row[0] = 1.0
        for column, count in counts.items():
            row[column] = math.log1p(count)
        sink = graph.nodes[graph.sink]
        parents = graph.in_degree(graph.sink)
        at = self._sinks.get((sink.role, sink.model))
        if at is not None:
            row[at : at + 3] = (1.0, math.log1p(parents), parents / self._slots)
        row[self._shape :] = self._shape_of(graph, cost)
        return row

    def matrix(
        self, graphs: Sequence[CollaborationGraph], costs: Sequence[float]
    ) -> NDArray[np.float64]:
        """Features of many graphs, shape [graphs, len(self)]."""
        rows = np.empty((len(graphs), len(self)))
        for i, (graph, cost) in enumerate(zip(graphs, costs, strict=True)):
            rows[i] = self(graph, cost)
        return rows

    def _counts(self, graph: CollaborationGraph) -> dict[int, int]:
        """How often each counted column applies; models and roles of no column are left out."""
        nodes, sink = graph.nodes, graph.sink
        keys: list[tuple[str | None, ...]] = [
            ("node", node.role, node.model) for i, node in enumerate(nodes) if i != sink
        ]
        for source, target in graph.edges:
            if target == sink:
                keys.append(("parent", nodes[source].model, ""))
            else:
                keys.append(("edge", nodes[source].model, nodes[target].model))
        counts = Counter(map(self._columns.get, keys))
        return {column: count for column, count in counts.items() if column is not None}

    def _shape_of(self, graph: CollaborationGraph, cost: float) -> tuple[float, ...]:
        levels, parents, roots = graph.levels(), graph.parents(graph.sink), graph.roots
        most_read = max(map(len, graph.adjacency.parents))
        share = cost / self._budget
        sizes = [self._sizes.get(node.model, 0.0) for node in graph.nodes]
        speaking = [s for s, node in zip(sizes, graph.nodes, strict=True) if node.model is not None]
        sink = sizes[graph.sink]
        return (
            len(graph) / (self._slots + 1),
            math.log1p(max(levels)),
            max(map(levels.count, levels)) / self._slots,
            math.log1p(most_read),
            share,
            share * share,
            levels.count(0) / len(graph),
            sum(speaking) / len(speaking),
            sum(sizes[i] for i in parents) / len(parents) if parents else sink,
            sum(sizes[i] for i in roots) / len(roots),
            sink,
            sink * math.log1p(len(parents)),
        )
