"""The probabilities of a space as one vector of logits, with names."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from graphsearch.space import Distribution, Logits, Space, Trace

__all__ = ["Policy", "Vector"]

Vector = NDArray[np.float64]


class Policy:
    """A space's logits as the flat vector of `Logits.flat`: edges, models, roles, sinks.

    Names are those agents use: `3->5`, `3->sink`, `2:xs`, `2:fuser`, `vote`, `fuser:m`. Entries of
    the vector that no draw uses (an edge from a higher slot to a lower one) have no name.

    Attributes:
        space: the space.
        initial: the distribution a search begins with.
        index: position of each named logit.
        edges: positions of the edges that a draw can use.
        groups: slices of the categorical distributions: models by slot, roles by slot, sinks.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.initial = Distribution(space)
        start = self.initial.logits.flat()
        self.index = {
            name: int(np.flatnonzero(self.initial.shifted({name: 1.0}).logits.flat() - start)[0])
            for name in self.initial.probabilities()
        }
        within = (space.slots + 1) ** 2
        self.edges = np.array(sorted(i for i in self.index.values() if i < within), dtype=np.intp)
        groups: list[slice] = []
        like, first = self.initial.logits, self.initial.logits.edges.size
        for rows in (like.models, like.roles, like.sinks[None]):
            for _ in range(rows.shape[0]):
                groups.append(slice(first, first + rows.shape[1]))
                first += rows.shape[1]
        self.groups = tuple(groups)
        self._size = len(start)

    def __len__(self) -> int:
        return self._size

    def vector(self, values: Mapping[str, float]) -> Vector:
        """Named numbers as a vector, 0 elsewhere; names the space does not have are left out."""
        result = np.zeros(self._size)
        for name, value in values.items():
            if name in self.index:
                result[self.index[name]] += value
        return result

    def choices(self, trace: Trace) -> Vector:
        """Indicator of the choices that made a graph: what its live nodes are and read."""
        n, draws, row = self.space.slots, trace.draws, trace.row
        result = np.zeros(self._size)
        result[: (n + 1) ** 2] = draws.taken[row].ravel()
        models, roles = draws.models[row].tolist(), draws.roles[row].tolist()
        for slot in trace.live:
            result[self.groups[slot].start + models[slot]] = 1.0
            result[self.groups[n + slot].start + roles[slot]] = 1.0
        result[self.groups[2 * n].start + int(draws.sink[row])] = 1.0
        return result

    def distribution(self, theta: Vector) -> Distribution:
        """The distribution with these logits."""
        return self.initial.with_logits(Logits.from_flat(self.space, theta))

    def probabilities(self, theta: Vector) -> Vector:
        """Probability of each choice before any mask: sigmoids of edges, softmax of the others."""
        result = np.zeros_like(theta)
        result[self.edges] = 0.5 * (1.0 + np.tanh(0.5 * theta[self.edges]))
        for group in self.groups:
            result[group] = _softmax(theta[group])
        return result

    def table(self, theta: Vector) -> dict[str, float]:
        """Name -> probability."""
        p = np.round(self.probabilities(theta), 6).tolist()
        return {name: p[position] for name, position in self.index.items()}

    def divergence(self, old: Vector, new: Vector) -> float:
        """KL(old || new) of all choices taken as independent and never masked, in nats.

        The law of graphs is a product of these choices, of which a draw uses only some; a draw that
        is skipped or forced adds nothing. So this is what the distribution moves at most, but for
        masks inside a categorical, and it costs a few array operations.
        """
        p, q = self.probabilities(old), self.probabilities(new)
        p_edges, q_edges = p[self.edges], q[self.edges]
        first = self.groups[0].start
        return float(
            _relative(p_edges, q_edges).sum()
            + _relative(1.0 - p_edges, 1.0 - q_edges).sum()
            + _relative(p[first:], q[first:]).sum()
        )

    def within(self, theta: Vector, step: Vector, limit: float) -> Vector:
        """`theta + c * step` with the largest c in (0, 1] whose divergence is within `limit`."""
        scale = 1.0
        for _ in range(30):
            moved: Vector = theta + scale * step
            divergence = self.divergence(theta, moved)
            if divergence <= limit:
                return moved
            # Divergence grows with the square of a small step, and more slowly than that later.
            scale *= min(0.9, 0.98 * (limit / divergence) ** 0.5)
        return theta

    def floored(self, theta: Vector, floor: float) -> Vector:
        """Logits moved so that no choice is less likely than `floor` (before masks).

        Edges stay within [floor, 1 - floor]; in a categorical, choices that fell below are raised
        to `floor` at the others' expense. So entropy cannot vanish, and nothing is given up for
        good.
        """
        result = theta.copy()
        limit = float(np.log((1.0 - floor) / floor))
        result[self.edges] = np.clip(result[self.edges], -limit, limit)
        for group in self.groups:
            p = _softmax(result[group])
            if p.min() < floor and len(p) * floor < 1.0:
                # What lies above pays in proportion.
                raised = np.maximum(p, floor)
                above = raised - floor
                result[group] = np.log(raised - (raised.sum() - 1.0) * above / above.sum())
        return result


def _softmax(x: Vector) -> Vector:
    shifted = np.exp(x - x.max())
    result: Vector = shifted / shifted.sum()
    return result


def _relative(p: Vector, q: Vector) -> Vector:
    tiny = 1e-300
    result: Vector = p * (np.log(np.maximum(p, tiny)) - np.log(np.maximum(q, tiny)))
    return result
