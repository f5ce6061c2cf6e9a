"""`Distribution`: probabilities over the graphs of a space (design/graph-space-distribution)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphsearch.graph import CollaborationGraph
from graphsearch.records.errors import ConfigError
from graphsearch.space._choosers import Draw, Expand, Follow, Greedy, uniforms_needed
from graphsearch.space._logits import (
    Floats,
    Logits,
    index_of,
    log_softmax,
    named,
    sigmoid,
)
from graphsearch.space._space import Space
from graphsearch.space._steps import gradient, log_probs, step_divergences, step_entropies
from graphsearch.space._trace import Trace, join
from graphsearch.space._walk import Draws, walk

__all__ = ["Distribution"]

_VERSION = 1
_BATCH = 1024
"""Graphs drawn in one walk: enough to pay for the walk, few enough to stay in the cache."""
_SMALL = 20_000
"""Most traces of a space whose entropy and KL are computed exactly unless told otherwise."""


class Distribution:
    """Probabilities over the graphs of a space. Immutable.

    Each draw is within the budget by construction; log-probabilities are exact.

    Args:
        space: the space.
        logits: log-odds of every choice; None: all zero.

    Attributes:
        space: the space.
        logits: the log-odds. Do not change the arrays in place.
    """

    def __init__(self, space: Space, logits: Logits | None = None) -> None:
        like = Logits.zeros(space)
        self.space = space
        self.logits = like if logits is None else logits
        for name in ("edges", "models", "roles", "sinks"):
            array, wanted = getattr(self.logits, name), getattr(like, name).shape
            if array.shape != wanted:
                raise ConfigError(f"expected shape {wanted}, got {array.shape}", where=name)
            if not np.isfinite(array).all():
                raise ConfigError("all logits must be finite", where=name)

    def with_logits(self, logits: Logits) -> "Distribution":
        """Other probabilities over the same space."""
        return Distribution(self.space, logits)

    def shifted(self, deltas: Mapping[str, float]) -> "Distribution":
        """With log-odds changed by name (`3->5`, `2:xs`, `2:fuser`, `vote`).

        Raises:
            ConfigError: a name the space does not have.
        """
        arrays = {
            name: getattr(self.logits, name).copy()
            for name in ("edges", "models", "roles", "sinks")
        }
        for name, delta in deltas.items():
            family, index = index_of(self.space, name)
            arrays[family][index] += delta
        return self.with_logits(Logits(**arrays))

    # -- drawing -------------------------------------------------------------------------------

    def sample(self, rng: np.random.Generator) -> Trace:
        """Draw one graph."""
        return self.sample_many(rng, 1)[0]

    def sample_many(self, rng: np.random.Generator, k: int) -> list[Trace]:
        """Draw `k` graphs: the same ones that `k` calls of `sample` would draw."""
        out: list[Trace] = []
        while len(out) < k:
            rows = min(_BATCH, k - len(out))
            uniforms = rng.random((rows, uniforms_needed(self.space.slots, self._gates)))
            draws = self._walk(Draw(self.logits, uniforms, self._gates), rows)
            out += self._traces(draws)
        return out

    def mode(self) -> Trace:
        """The likeliest decision at each step, given those before (no edge at even odds)."""
        return self._traces(self._walk(Greedy(self.logits, self._gates), 1))[0]

    def enumerate(self, limit: int = 200_000) -> list[Trace]:
        """All traces of the space, with their log-probabilities.

        Raises:
            ConfigError: there are more than `limit`.
        """
        return self._traces(self._all(limit))

    # -- probabilities -------------------------------------------------------------------------

    def log_prob(self, trace: Trace) -> float:
        """Log-probability of a trace of this space."""
        return float(self.log_probs([trace])[0])

    def log_probs(self, traces: Sequence[Trace]) -> Floats:
        """Log-probabilities of traces, [len(traces)]."""
        return log_probs(join(traces), self.logits, self._gates) if traces else np.zeros(0)

    def gradient(self, trace: Trace) -> Logits:
        """Derivative of a trace's log-probability by every logit."""
        return self.gradients([trace], [1.0])

    def gradients(self, traces: Sequence[Trace], weights: Sequence[float] | Floats) -> Logits:
        """Sum over traces of weight times the gradient of the log-probability."""
        if not traces:
            return Logits.zeros(self.space)
        return gradient(join(traces), self.logits, np.asarray(weights, dtype=float), self._gates)

    def entropy(self, *, samples: int = 512, seed: int = 0, exact: bool | None = None) -> float:
        """Entropy over traces, in nats.

        Args:
            samples: walks of the estimate: the mean over walks of the sum of their steps'
                entropies, which is unbiased.
            seed: of the estimate.
            exact: sum over all traces; None: where there are few enough.

        Raises:
            ConfigError: `exact` and the space has too many traces.
        """
        draws = self._few(exact)
        if draws is not None:
            log_p = log_probs(draws, self.logits, self._gates)
            return float(-(np.exp(log_p) * log_p).sum())
        traces = self.sample_many(np.random.default_rng(seed), samples)
        return float(step_entropies(join(traces), self.logits, self._gates).mean())

    def kl(
        self,
        other: "Distribution",
        *,
        traces: Sequence[Trace] | None = None,
        samples: int = 512,
        seed: int = 0,
        exact: bool | None = None,
    ) -> float:
        """Kullback-Leibler divergence from `other` (of the same space) to this, in nats.

        Args:
            other: the distribution it is measured from: the mean, under this one, of
                log(this / other).
            traces: draws of this distribution to estimate it from.
            samples: number of draws to make otherwise; the estimate is the mean over draws of the
                sum of their steps' divergences, unbiased and never negative.
            seed: of those draws.
            exact: sum over all traces; None: where there are few enough and no traces are given.

        Raises:
            ConfigError: `exact` and the space has too many traces.
        """
        draws = None if traces is not None else self._few(exact)
        if draws is not None:
            mine, theirs = (
                log_probs(draws, self.logits, self._gates),
                log_probs(draws, other.logits, self._gates),
            )
            return float((np.exp(mine) * (mine - theirs)).sum())
        if traces is None:
            traces = self.sample_many(np.random.default_rng(seed), samples)
        return float(step_divergences(join(traces), self.logits, other.logits, self._gates).mean())

    # -- traces of given decisions -------------------------------------------------------------

    def replay(self, data: Any) -> Trace:
        """The trace of the decisions that `Trace.to_json` wrote.

        Raises:
            ConfigError: the value has another shape, or the space does not allow the decisions.
        """
        space = self.space
        try:
            sink = [s.name for s in space.sinks].index(data["sink"])
            models = [space.models.index(m) for m in data["models"]]
            roles = [-1 if r is None else space.roles.index(r) for r in data["roles"]]
            pairs = [index_of(space, name)[1] for name in data["edges"]]
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"not a trace of this space: {error}", where="trace") from error
        if len(models) != space.slots or len(roles) != space.slots:
            raise ConfigError(f"expected {space.slots} models and roles", where="trace")
        return self._follow(sink, models, roles, [(pair[0], pair[1]) for pair in pairs])

    def trace_of(self, graph: CollaborationGraph) -> Trace | None:
        """A trace that makes `graph` (up to isomorphism), or None where the space has it not.

        Nodes keep their topological order; which slots they take is the likeliest choice by models
        and roles. Slots that stay empty get their likeliest model.
        """
        from graphsearch.space._place import place

        space = self.space
        if space.why_not(graph) is not None:
            return None
        slots = place(graph, space, self.logits)
        models = np.argmax(self.logits.models, axis=1).tolist() if space.slots else []
        roles = [-1] * space.slots
        for node, slot in slots.items():
            if node != graph.sink:
                models[slot] = space.models.index(graph.nodes[node].model or "")
                roles[slot] = space.roles.index(graph.nodes[node].role)
        kinds = [(s.role, s.model) for s in space.sinks]
        last = graph.nodes[graph.sink]
        pairs = [(slots[source], slots[target]) for source, target in graph.edges]
        return self._follow(kinds.index((last.role, last.model)), models, roles, pairs)

    # -- in and out ----------------------------------------------------------------------------

    def probabilities(self) -> dict[str, float]:
        """Probability of each named choice, were it free: what an agent or a report is shown."""
        logits, tables = self.logits, self.space.tables
        every = np.ones(logits.models.shape, dtype=bool)
        arrays = {
            "edges": sigmoid(logits.edges),
            "models": np.exp(log_softmax(logits.models, every)),
            "roles": np.exp(log_softmax(logits.roles, np.ones(logits.roles.shape, dtype=bool))),
            "sinks": np.exp(log_softmax(logits.sinks, tables.sink_mask)),
        }
        return {
            name: float(arrays[family][index])
            for name, (family, index) in named(self.space).items()
        }

    def table(self) -> list[dict[str, Any]]:
        """Readable rows: `name`, `family`, `logit`, `probability`."""
        places = named(self.space)
        return [
            {
                "name": name,
                "family": places[name][0],
                "logit": float(getattr(self.logits, places[name][0])[places[name][1]]),
                "probability": probability,
            }
            for name, probability in self.probabilities().items()
        ]

    def to_json(self) -> dict[str, Any]:
        """The logits, as JSON that keeps every bit."""
        return {"version": _VERSION, "logits": self.logits.to_json()}

    @classmethod
    def from_json(cls, space: Space, data: Mapping[str, Any]) -> "Distribution":
        """Read what `to_json` wrote.

        Raises:
            ConfigError: another version, or logits of another space's shape.
        """
        if data.get("version") != _VERSION:
            raise ConfigError(f"unknown version {data.get('version')!r}", where="distribution")
        return cls(space, Logits.from_json(space, data["logits"]))

    # -- inside --------------------------------------------------------------------------------

    @property
    def _gates(self) -> tuple[int, ...]:
        return self.space.tables.gates

    def _walk(self, chooser: Draw | Greedy | Follow | Expand, rows: int) -> Draws:
        return walk(self.space.tables, rows, chooser, star=self.space.edges == "star")

    def _traces(self, draws: Draws) -> list[Trace]:
        log_p = log_probs(draws, self.logits, self._gates).tolist()
        return [Trace(self.space, value, draws, row) for row, value in enumerate(log_p)]

    def _follow(
        self, sink: int, models: list[int], roles: list[int], pairs: list[tuple[int, int]]
    ) -> Trace:
        n = self.space.slots
        taken = np.zeros((n + 1, n + 1), dtype=bool)
        for source, target in pairs:
            taken[source, target] = True
        follow = Follow(
            sink, np.array(models, dtype=int), taken, np.array(roles, dtype=int), self._gates
        )
        draws = self._walk(follow, 1)
        if not np.array_equal(draws.taken[0], taken):
            raise ConfigError("the trace has an edge into a slot that is not live", where="trace")
        return self._traces(draws)[0]

    def _all(self, limit: int) -> Draws:
        """Every walk of the space; kept, since it does not depend on probabilities."""
        memo = self.space._memo
        if "all" not in memo:
            memo["all"] = self._walk(Expand(limit), 1)
        draws = memo["all"]
        assert isinstance(draws, Draws)
        if len(draws) > limit:
            raise ConfigError(f"the space has {len(draws)} traces, more than {limit}")
        return draws

    def _few(self, exact: bool | None) -> Draws | None:
        """Every walk, where that is asked for or cheap."""
        if exact:
            return self._all(_SMALL * 50)
        if exact is False or self.space._memo.get("many"):
            return None
        try:
            return self._all(_SMALL)
        except ConfigError:
            self.space._memo["many"] = True
            return None
