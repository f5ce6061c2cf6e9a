"""The ways to decide in a walk: draw, take the likeliest, follow, try everything."""

import numpy as np
from numpy.typing import NDArray

from graphsearch.records.errors import ConfigError
from graphsearch.space._logits import Floats, Logits, gate_logits, log_softmax, sigmoid
from graphsearch.space._walk import Bools, Ints

__all__ = ["Draw", "Expand", "Follow", "Greedy", "uniforms_needed"]


def uniforms_needed(slots: int, gates: tuple[int, ...] = ()) -> int:
    """Uniform numbers one graph takes: sink, models, edges and roles, whether drawn or not.

    Where slots may be gates, these come last.
    """
    return 1 + slots + slots * (slots + 1) // 2 + slots + (slots if gates else 0)


class Draw:
    """Draws by the logits, from uniform numbers [B, `uniforms_needed`] in [0, 1).

    Each decision has its own column, so a row's graph depends on its own numbers only.
    """

    def __init__(self, logits: Logits, uniforms: Floats, gates: tuple[int, ...] = ()) -> None:
        self._logits = logits
        self._gates = gate_logits(logits.roles, gates)
        self._uniforms = uniforms
        self._slots = len(logits.models)
        sources, targets = _edge_columns(self._slots)
        first = 1 + self._slots
        # Where an edge is free, its decision depends on nothing else: all of them at once.
        wish = uniforms[:, first : first + len(sources)] < sigmoid(logits.edges[sources, targets])
        self._wish = np.ascontiguousarray(wish.T)

    def sink(self, mask: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        return _inverse(self._uniforms[:, 0], self._logits.sinks, mask), None

    def model(self, slot: int, mask: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        return _inverse(self._uniforms[:, 1 + slot], self._logits.models[slot], mask), None

    def gate(self, slot: int, mask: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        column = uniforms_needed(self._slots) + slot
        return _inverse(self._uniforms[:, column], self._gates[slot], mask), None

    def edge(
        self, source: int, target: int, free: Bools, forced: Bools | None
    ) -> tuple[Bools, None]:
        """See `Chooser`."""
        n = self._slots
        column = (n * (n + 1) - target * (target + 1)) // 2 + (target - 1 - source)
        chosen = free & self._wish[column]
        return chosen if forced is None else forced | chosen, None

    def roles(self, masks: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        last = uniforms_needed(self._slots)
        uniforms = self._uniforms[:, last - self._slots : last]
        return _inverse(uniforms, self._logits.roles, masks), None


def _inverse(uniforms: Floats, logits: Floats, mask: Bools) -> Ints:
    """Inverse of the distribution function among the allowed, along the last axis; -1 for none."""
    odds = np.exp(log_softmax(logits, mask))
    choice = (uniforms[..., None] >= np.cumsum(odds, axis=-1)).sum(axis=-1)
    # Rounding may leave the last step of the function below 1.
    last = mask.shape[-1] - 1 - np.argmax((odds > 0)[..., ::-1], axis=-1)
    return np.where(mask.any(axis=-1), np.minimum(choice, last), -1)


def _edge_columns(n: int) -> tuple[Ints, Ints]:
    """Sources and targets of all edges in the order of the walk."""
    pairs = [(i, j) for j in range(n, 0, -1) for i in range(j - 1, -1, -1)]
    columns = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return columns[:, 0], columns[:, 1]


class Greedy:
    """Takes the likeliest at each step; the first of equals, and no edge at even odds."""

    def __init__(self, logits: Logits, gates: tuple[int, ...] = ()) -> None:
        self._logits = logits
        self._gates = gate_logits(logits.roles, gates)

    def _pick(self, logits: Floats, mask: Bools) -> Ints:
        best = np.argmax(np.where(mask, logits, -np.inf), axis=-1)
        return np.where(mask.any(axis=-1), best, -1)

    def sink(self, mask: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        return self._pick(self._logits.sinks, mask), None

    def model(self, slot: int, mask: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        return self._pick(self._logits.models[slot], mask), None

    def gate(self, slot: int, mask: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        return self._pick(self._gates[slot], mask), None

    def edge(
        self, source: int, target: int, free: Bools, forced: Bools | None
    ) -> tuple[Bools, None]:
        """See `Chooser`."""
        chosen = free & (self._logits.edges[source, target] > 0)
        return chosen if forced is None else forced | chosen, None

    def roles(self, masks: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        return self._pick(self._logits.roles, masks), None


class Follow:
    """Repeats given decisions of one graph.

    Args:
        sink: kind of sink.
        models: [n] model of each slot.
        taken: [n+1, n+1] edges.
        roles: [n] role of each live slot.
        gates: roles that are drawn before the edges.

    Raises:
        ConfigError: while walking, where a decision is not allowed.
    """

    def __init__(
        self,
        sink: int,
        models: Ints,
        taken: Bools,
        roles: Ints,
        gates: tuple[int, ...] = (),
    ) -> None:
        self._sink, self._models, self._taken, self._roles = sink, models, taken, roles
        self._gates = gates

    def _check(self, choice: int, mask: Bools, what: str) -> Ints:
        if not mask.any():
            return np.array([-1])
        if not 0 <= choice < mask.shape[1] or not mask[0, choice]:
            raise ConfigError(f"the trace's {what} is not allowed by the space and its budget")
        return np.array([choice])

    def sink(self, mask: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        return self._check(self._sink, mask, "sink"), None

    def model(self, slot: int, mask: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        return self._check(int(self._models[slot]), mask, f"model of slot {slot + 1}"), None

    def gate(self, slot: int, mask: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        role = int(self._roles[slot])
        gate = self._gates.index(role) + 1 if role in self._gates else 0
        return self._check(gate, mask, f"role of slot {slot + 1}"), None

    def edge(
        self, source: int, target: int, free: Bools, forced: Bools | None
    ) -> tuple[Bools, None]:
        """See `Chooser`."""
        wanted = bool(self._taken[source, target])
        must = forced is not None and bool(forced[0])
        if (wanted and not (free[0] or must)) or (must and not wanted):
            verb = "is not allowed" if wanted else "may not be left out"
            raise ConfigError(f"the trace's edge {source + 1}->{target + 1} {verb}")
        return np.array([wanted]), None

    def roles(self, masks: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        roles = [
            self._check(int(role), masks[:, slot], f"role of slot {slot + 1}")
            for slot, role in enumerate(self._roles)
        ]
        return np.array(roles, dtype=np.int64).reshape(1, -1), None


class Expand:
    """Takes every allowed decision: a row becomes as many rows as it has choices.

    Args:
        limit: most rows.

    Raises:
        ConfigError: while walking, when there would be more rows than `limit`.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def _all(self, mask: NDArray[np.bool_]) -> tuple[Ints, Ints]:
        none = ~mask.any(axis=1)
        rows, choices = np.nonzero(np.column_stack([mask, none]))
        if len(rows) > self._limit:
            raise ConfigError(f"the space has more than {self._limit} traces; too many to list")
        return np.where(choices == mask.shape[1], -1, choices), rows

    def sink(self, mask: Bools) -> tuple[Ints, Ints]:
        """See `Chooser`."""
        return self._all(mask)

    def model(self, slot: int, mask: Bools) -> tuple[Ints, Ints]:
        """See `Chooser`."""
        return self._all(mask)

    def gate(self, slot: int, mask: Bools) -> tuple[Ints, Ints]:
        """See `Chooser`."""
        return self._all(mask)

    def edge(
        self, source: int, target: int, free: Bools, forced: Bools | None
    ) -> tuple[Bools, Ints]:
        """See `Chooser`."""
        must = np.zeros_like(free) if forced is None else forced
        choice, rows = self._all(np.column_stack([~must, must | free]))
        return choice == 1, rows

    def roles(self, masks: Bools) -> tuple[Ints, Ints]:
        """See `Chooser`."""
        rows, n = np.arange(len(masks)), masks.shape[1]
        roles = np.full((len(rows), n), -1, dtype=np.int64)
        for slot in range(n):
            choice, split = self._all(masks[rows, slot])
            rows, roles = rows[split], roles[split]
            roles[:, slot] = choice
        return roles, rows
