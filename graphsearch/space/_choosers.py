"""The ways to decide in a walk: draw, take the likeliest, follow, try everything."""

import numpy as np
from numpy.typing import NDArray

from graphsearch.errors import ConfigError
from graphsearch.space._logits import Floats, Logits, log_softmax, sigmoid
from graphsearch.space._walk import Bools, Ints

__all__ = ["Draw", "Expand", "Follow", "Greedy", "uniforms_needed"]


def uniforms_needed(slots: int) -> int:
    """Uniform numbers one graph takes: sink, models, edges and roles, whether drawn or not."""
    return 1 + slots + slots * (slots + 1) // 2 + slots


class Draw:
    """Draws by the logits, from uniform numbers [B, `uniforms_needed`] in [0, 1).

    Each decision has its own column, so a row's graph depends on its own numbers only.
    """

    def __init__(self, logits: Logits, uniforms: Floats) -> None:
        self._logits = logits
        self._uniforms = uniforms
        self._edges = sigmoid(logits.edges)
        self._slots = len(logits.models)

    def _pick(self, column: int, logits: Floats, mask: Bools) -> Ints:
        """Inverse of the distribution function among the allowed; -1 where none is."""
        u = self._uniforms[:, column]
        odds = np.exp(log_softmax(logits, mask))
        choice = (u[:, None] >= np.cumsum(odds, axis=1)).sum(axis=1)
        # Rounding may leave the last step of the function below 1.
        last = mask.shape[1] - 1 - np.argmax((odds > 0)[:, ::-1], axis=1)
        return np.where(mask.any(axis=1), np.minimum(choice, last), -1)

    def sink(self, mask: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        return self._pick(0, self._logits.sinks, mask), None

    def model(self, slot: int, mask: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        return self._pick(1 + slot, self._logits.models[slot], mask), None

    def edge(self, source: int, target: int, free: Bools, forced: Bools) -> tuple[Bools, None]:
        """See `Chooser`."""
        column = 1 + self._slots + _edges_before(self._slots, target) + (target - 1 - source)
        chosen = self._uniforms[:, column] < self._edges[source, target]
        return forced | (free & chosen), None

    def role(self, slot: int, mask: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        column = uniforms_needed(self._slots) - self._slots + slot
        return self._pick(column, self._logits.roles[slot], mask), None


def _edges_before(n: int, target: int) -> int:
    """Possible edges of the targets above `target`."""
    return (n * (n + 1) - target * (target + 1)) // 2


class Greedy:
    """Takes the likeliest at each step; the first of equals, and no edge at even odds."""

    def __init__(self, logits: Logits) -> None:
        self._logits = logits

    def _pick(self, logits: Floats, mask: Bools) -> Ints:
        best = np.argmax(np.where(mask, logits, -np.inf), axis=1)
        return np.where(mask.any(axis=1), best, -1)

    def sink(self, mask: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        return self._pick(self._logits.sinks, mask), None

    def model(self, slot: int, mask: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        return self._pick(self._logits.models[slot], mask), None

    def edge(self, source: int, target: int, free: Bools, forced: Bools) -> tuple[Bools, None]:
        """See `Chooser`."""
        return forced | (free & (self._logits.edges[source, target] > 0)), None

    def role(self, slot: int, mask: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        return self._pick(self._logits.roles[slot], mask), None


class Follow:
    """Repeats given decisions of one graph.

    Args:
        sink: kind of sink.
        models: [n] model of each slot.
        taken: [n+1, n+1] edges.
        roles: [n] role of each live slot.

    Raises:
        ConfigError: while walking, where a decision is not allowed.
    """

    def __init__(self, sink: int, models: Ints, taken: Bools, roles: Ints) -> None:
        self._sink, self._models, self._taken, self._roles = sink, models, taken, roles

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

    def edge(self, source: int, target: int, free: Bools, forced: Bools) -> tuple[Bools, None]:
        """See `Chooser`."""
        wanted = bool(self._taken[source, target])
        if (wanted and not (free[0] or forced[0])) or (forced[0] and not wanted):
            verb = "is not allowed" if wanted else "may not be left out"
            raise ConfigError(f"the trace's edge {source + 1}->{target + 1} {verb}")
        return np.array([wanted]), None

    def role(self, slot: int, mask: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        return self._check(int(self._roles[slot]), mask, f"role of slot {slot + 1}"), None


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

    def edge(self, source: int, target: int, free: Bools, forced: Bools) -> tuple[Bools, Ints]:
        """See `Chooser`."""
        choice, rows = self._all(np.column_stack([~forced, forced | free]))
        return choice == 1, rows

    def role(self, slot: int, mask: Bools) -> tuple[Ints, Ints]:
        """See `Chooser`."""
        return self._all(mask)
