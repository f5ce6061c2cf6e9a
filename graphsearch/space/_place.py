"""Which slots the nodes of a given graph take."""

import numpy as np

from graphsearch.graph import CollaborationGraph
from graphsearch.space._logits import Logits, log_softmax
from graphsearch.space._space import Space

__all__ = ["place"]


def place(graph: CollaborationGraph, space: Space, logits: Logits) -> dict[int, int]:
    """Slot of each node, the sink at n: nodes in topological order, models and roles likeliest.

    Choosing increasing slots for a sequence of nodes is a shortest-path problem: `best[k]` is the
    best sum of log-probabilities of the first k nodes over the slots seen so far. Later slots win
    ties, so that small graphs sit next to the sink.
    """
    order = [i for i in graph.topological() if i != graph.sink]
    n = space.slots
    models = log_softmax(logits.models, np.ones(logits.models.shape, dtype=bool))
    roles = log_softmax(logits.roles, np.ones(logits.roles.shape, dtype=bool))
    best = [0.0] + [-np.inf] * len(order)
    took = np.zeros((n, len(order) + 1), dtype=bool)
    for slot in range(n):
        for k in range(min(slot + 1, len(order)), 0, -1):
            node = graph.nodes[order[k - 1]]
            m, r = space.models.index(node.model or ""), space.roles.index(node.role)
            value = best[k - 1] + float(models[slot, m] + roles[slot, r])
            if value >= best[k]:
                best[k] = value
                took[slot, k] = True
    slots = {graph.sink: n}
    k = len(order)
    for slot in range(n - 1, -1, -1):
        if k and took[slot, k]:
            k -= 1
            slots[order[k]] = slot
    return slots
