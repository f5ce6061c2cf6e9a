"""The ways to decide in a walk: draw, take the likeliest, follow, try everything."""

import numpy as np

from graphsearch.records.errors import ConfigError
from graphsearch.space._logits import Floats, Logits, gate_logits, log_softmax, sigmoid
from graphsearch.space._walk import Bools, Choice, Ints

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
        n = self._slots = len(logits.models)
        self._uniforms = uniforms
        self._roles = logits.roles
        self._logits = _by_choice(logits, gates)
        self._first = {"sink": 0, "model": 1, "gate": uniforms_needed(n)}
        # Where an edge is free, its decision depends on nothing else: all of them at once, in the
        # order of the walk.
        pairs = [(i, j) for j in range(n, 0, -1) for i in range(j - 1, -1, -1)]
        sources, targets = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        wish = uniforms[:, 1 + n : 1 + n + len(pairs)] < sigmoid(logits.edges[sources, targets])
        self._wish = np.ascontiguousarray(wish.T)

    def pick(self, choice: Choice, slot: int, mask: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        column = self._uniforms[:, self._first[choice] + slot]
        return _inverse(column, self._logits[choice][slot], mask), None

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
        return _inverse(uniforms, self._roles, masks), None


def _by_choice(logits: Logits, gates: tuple[int, ...]) -> dict[Choice, Floats]:
    """Logits of each choice by slot; the sink is chosen once."""
    as_gate = gate_logits(logits.roles, gates)
    return {"sink": logits.sinks[None], "model": logits.models, "gate": as_gate}


def _inverse(uniforms: Floats, logits: Floats, mask: Bools) -> Ints:
    """Inverse of the distribution function among the allowed, along the last axis; -1 for none."""
    odds = np.exp(log_softmax(logits, mask))
    choice = (uniforms[..., None] >= np.cumsum(odds, axis=-1)).sum(axis=-1)
    # Rounding may leave the last step of the function below 1.
    last = mask.shape[-1] - 1 - np.argmax((odds > 0)[..., ::-1], axis=-1)
    return np.where(mask.any(axis=-1), np.minimum(choice, last), -1)


class Greedy:
    """Takes the likeliest at each step; the first of equals, and no edge at even odds."""

    def __init__(self, logits: Logits, gates: tuple[int, ...] = ()) -> None:
        self._edges, self._roles = logits.edges, logits.roles
        self._logits = _by_choice(logits, gates)

    def pick(self, choice: Choice, slot: int, mask: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        return _likeliest(self._logits[choice][slot], mask), None

    def edge(
        self, source: int, target: int, free: Bools, forced: Bools | None
    ) -> tuple[Bools, None]:
        """See `Chooser`."""
        chosen = free & (self._edges[source, target] > 0)
        return chosen if forced is None else forced | chosen, None

    def roles(self, masks: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        return _likeliest(self._roles, masks), None


def _likeliest(logits: Floats, mask: Bools) -> Ints:
    best = np.argmax(np.where(mask, logits, -np.inf), axis=-1)
    return np.where(mask.any(axis=-1), best, -1)


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
        as_gate = [gates.index(role) + 1 if role in gates else 0 for role in roles.tolist()]
        self._told: dict[Choice, list[int]] = {
            "sink": [sink],
            "model": models.tolist(),
            "gate": as_gate,
        }
        self._taken, self._roles = taken, roles.tolist()

    def pick(self, choice: Choice, slot: int, mask: Bools) -> tuple[Ints, None]:
        """See `Chooser`."""
        what = {"sink": "sink", "model": f"model of slot {slot + 1}"}
        return _checked(
            self._told[choice][slot], mask, what.get(choice, f"role of slot {slot + 1}")
        ), None

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
            _checked(role, masks[:, slot], f"role of slot {slot + 1}")
            for slot, role in enumerate(self._roles)
        ]
        return np.array(roles, dtype=np.int64).reshape(1, -1), None


def _checked(told: int, mask: Bools, what: str) -> Ints:
    if not mask.any():
        return np.array([-1])
    if not 0 <= told < mask.shape[1] or not mask[0, told]:
        raise ConfigError(f"the trace's {what} is not allowed by the space and its budget")
    return np.array([told])


class Expand:
    """Takes every allowed decision: a row becomes as many rows as it has choices.

    Args:
        limit: most rows.

    Raises:
        ConfigError: while walking, when there would be more rows than `limit`.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def pick(self, choice: Choice, slot: int, mask: Bools) -> tuple[Ints, Ints]:
        """See `Chooser`."""
        rows, choices = np.nonzero(np.column_stack([mask, ~mask.any(axis=1)]))
        if len(rows) > self._limit:
            raise ConfigError(f"the space has more than {self._limit} traces; too many to list")
        return np.where(choices == mask.shape[1], -1, choices), rows

    def edge(
        self, source: int, target: int, free: Bools, forced: Bools | None
    ) -> tuple[Bools, Ints]:
        """See `Chooser`."""
        must = np.zeros_like(free) if forced is None else forced
        choice, rows = self.pick("sink", 0, np.column_stack([~must, must | free]))
        return choice == 1, rows

    def roles(self, masks: Bools) -> tuple[Ints, Ints]:
        """See `Chooser`."""
        rows, n = np.arange(len(masks)), masks.shape[1]
        roles = np.full((len(rows), n), -1, dtype=np.int64)
        for slot in range(n):
            choice, split = self.pick("gate", slot, masks[rows, slot])
            rows, roles = rows[split], roles[split]
            roles[:, slot] = choice
        return roles, rows
