"""`Logits`: the numbers behind a distribution, and their names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphsearch.records.errors import ConfigError

if TYPE_CHECKING:
    from graphsearch.space._space import Space

__all__ = [
    "Logits",
    "gate_logits",
    "index_of",
    "log_sigmoid",
    "log_softmax",
    "named",
    "plain_roles",
    "sigmoid",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Logits:
    """One number for each choice of a space: logits, or a gradient with respect to them.

    Attributes:
        edges: [n+1, n+1], source by target; index n is the sink. Only sources below their target
            count; the rest stay 0.
        models: [n, M].
        roles: [n, R].
        sinks: [S].
    """

    edges: Floats
    models: Floats
    roles: Floats
    sinks: Floats

    @classmethod
    def zeros(cls, space: "Space") -> "Logits":
        """All zero: every free choice even."""
        n = space.slots
        return cls(
            np.zeros((n + 1, n + 1)),
            np.zeros((n, len(space.models))),
            np.zeros((n, len(space.roles))),
            np.zeros(len(space.sinks)),
        )

    def arrays(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Edges, models, roles and sinks."""
        return self.edges, self.models, self.roles, self.sinks

    def __add__(self, other: "Logits") -> "Logits":
        pairs = zip(self.arrays(), other.arrays(), strict=True)
        return Logits(*(a + b for a, b in pairs))

    def __sub__(self, other: "Logits") -> "Logits":
        return self + other * -1.0

    def __mul__(self, factor: float) -> "Logits":
        return Logits(*(a * factor for a in self.arrays()))

    __rmul__ = __mul__

    def flat(self) -> Floats:
        """All numbers in one vector: edges, models, roles, sinks, each in row order."""
        return np.concatenate([a.ravel() for a in self.arrays()])

    @classmethod
    def from_flat(cls, space: "Space", values: Floats) -> "Logits":
        """Undo `flat`."""
        out, at = [], 0
        for like in cls.zeros(space).arrays():
            out.append(np.asarray(values[at : at + like.size], dtype=float).reshape(like.shape))
            at += like.size
        return cls(*out)

    def to_json(self) -> dict[str, Any]:
        """Nested lists by family; floats keep every bit."""
        names = ("edges", "models", "roles", "sinks")
        return {name: a.tolist() for name, a in zip(names, self.arrays(), strict=True)}

    @classmethod
    def from_json(cls, space: "Space", data: Mapping[str, Any]) -> "Logits":
        """Read what `to_json` wrote.

        Raises:
            ConfigError: a family is missing or has another shape than the space.
        """
        out = []
        like = cls.zeros(space)
        for name in ("edges", "models", "roles", "sinks"):
            shape = getattr(like, name).shape
            try:
                array = np.array(data[name], dtype=float).reshape(shape)
            except (KeyError, TypeError, ValueError) as error:
                raise ConfigError(f"expected numbers of shape {shape}", where=name) from error
            if not np.isfinite(array).all():
                raise ConfigError("all logits must be finite", where=name)
            out.append(array)
        return cls(*out)


def named(space: "Space") -> dict[str, tuple[str, tuple[int, ...]]]:
    """Names of all logits of a space, with their family and index.

    Edges `3->5` and `3->sink`, models `2:xs`, roles `2:fuser`, sinks `vote` and `fuser:m`; slots
    count from 1. Where a model and a role share their name, the role is `2:role=NAME`.
    """
    known: dict[str, tuple[str, tuple[int, ...]]] | None = space._memo.get("names")
    if known is not None:
        return known
    n = space.slots
    out: dict[str, tuple[str, tuple[int, ...]]] = {}
    space._memo["names"] = out
    for target in range(n, 0, -1):
        if space.edges == "star" and target < n:
            break
        for source in range(target):
            name = "sink" if target == n else str(target + 1)
            out[f"{source + 1}->{name}"] = ("edges", (source, target))
    for slot in range(n):
        for m, model in enumerate(space.models):
            out[f"{slot + 1}:{model}"] = ("models", (slot, m))
        for r, role in enumerate(space.roles):
            clash = role in space.models
            out[f"{slot + 1}:role={role}" if clash else f"{slot + 1}:{role}"] = ("roles", (slot, r))
    for s, sink in enumerate(space.sinks):
        out[sink.name] = ("sinks", (s,))
    return out


def index_of(space: "Space", name: str) -> tuple[str, tuple[int, ...]]:
    """Family and index of a logit.

    Raises:
        ConfigError: the space has no logit of that name.
    """
    try:
        return named(space)[name]
    except KeyError:
        raise ConfigError(
            f"no edge, model, role or sink is called {name!r} in a space of {space.slots} slots "
            f"(edges are 1->2 or 1->sink, models 1:{space.models[0]}, roles 1:{space.roles[0]}, "
            f"sinks {space.sinks[0].name})"
        ) from None


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x)) without overflow."""
    return np.exp(log_sigmoid(x))


def log_sigmoid(x: Floats) -> Floats:
    """Log of `sigmoid`, exact in both tails."""
    out: Floats = -np.logaddexp(0.0, -x)
    return out


def log_softmax(logits: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Log-probabilities over the last axis among what `mask` allows; -inf elsewhere.

    Rows whose mask allows nothing come out as -inf throughout.
    """
    kept = np.where(mask, logits, -np.inf)
    top = kept.max(axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    total = np.exp(kept - top).sum(axis=-1, keepdims=True)
    out: Floats = kept - top - np.log(np.where(total > 0, total, 1.0))
    return out


def plain_roles(count: int, gates: tuple[int, ...]) -> list[int]:
    """Of `count` roles those that are no gates."""
    return [role for role in range(count) if role not in gates]


def gate_logits(roles: Floats, gates: tuple[int, ...]) -> Floats:
    """Log-odds of being no gate, and of each gate: [n, G+1] from those of all roles, [n, R].

    So a role that nothing masks has the same probability whether it is drawn at once or in two
    steps.
    """
    plain = roles[:, plain_roles(roles.shape[1], gates)]
    none = np.logaddexp.reduce(plain, axis=1, keepdims=True)
    return np.concatenate([none, roles[:, list(gates)]], axis=1)
