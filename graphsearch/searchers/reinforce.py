"""Plain REINFORCE on the logits, as GPTSwarm does it (Zhuge et al. 2024, arXiv 2402.16823)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphsearch.errors import ConfigError
from graphsearch.searchers._arrays import pack, unpack
from graphsearch.searchers._feedback import leave_one_out, score_matrix
from graphsearch.searchers._pending import Pending
from graphsearch.searchers._policy import Policy, Vector
from graphsearch.searchers._state import check_state, rng_for
from graphsearch.searchers.options import read_options
from graphsearch.space import Space
from graphsearch.trials import Proposal, TrialRecord

__all__ = ["ReinforceSearcher", "make"]

VERSION = 1
BASELINES = ("none", "leave_one_out")
FIRST_MOMENT, SECOND_MOMENT, TINY = 0.9, 0.999, 1e-8


class ReinforceSearcher:
    """Samples graphs and climbs the gradient of the expected score with Adam.

    The loss of a round is the mean of `-log p(graph) * reward`. As published the reward is the
    score itself, without a baseline, and the learning rate 0.1; `baseline="leave_one_out"`
    subtracts the mean of the round's other graphs. Samples are on-policy, so a graph may come
    again; the study reuses its results.
    """

    name = "reinforce"

    def __init__(
        self, space: Space, *, seed: int = 0, learning_rate: float = 0.1, baseline: str = "none"
    ) -> None:
        if baseline not in BASELINES:
            raise ConfigError(
                f"unknown baseline {baseline!r}; known: {', '.join(BASELINES)}",
                where="searcher.options.baseline",
            )
        self._policy = Policy(space)
        self._seed = seed
        self._rate = learning_rate
        self._baseline = baseline
        self._pending = Pending(space)
        self._asks = self._steps = 0
        self._theta = self._policy.initial.logits.flat()
        self._mean = np.zeros(len(self._policy))
        self._square = np.zeros(len(self._policy))

    def ask(self, k: int) -> Sequence[Proposal]:
        """`k` samples of the current distribution."""
        rng = rng_for(self._seed, self._asks)
        self._asks += 1
        traces = self._policy.distribution(self._theta).sample_many(rng, k)
        return [Proposal(t.graph, "sample", self._pending.info(t)) for t in traces]

    def tell(self, trials: Sequence[TrialRecord]) -> None:
        """One Adam step on the trials that have a score."""
        known = [
            (self._pending.trace(trial.proposal.info["trace"]), reward)
            for trial, reward in zip(trials, self._rewards(trials), strict=True)
            if reward is not None and "trace" in trial.proposal.info
        ]
        self._pending.clear()
        if known:
            traces = [trace for trace, _ in known]
            weights = [reward / len(known) for _, reward in known]
            distribution = self._policy.distribution(self._theta)
            self._climb(distribution.gradients(traces, weights).flat())

    def table(self) -> dict[str, float]:
        """Probabilities by name."""
        return self._policy.table(self._theta)

    def state(self) -> dict[str, Any]:
        """Logits, Adam's moments and counters."""
        return {
            "searcher": self.name,
            "version": VERSION,
            "asks": self._asks,
            "steps": self._steps,
            "theta": pack(self._theta),
            "mean": pack(self._mean),
            "square": pack(self._square),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a state."""
        check_state(state, self.name, VERSION)
        shape = (len(self._policy),)
        self._asks, self._steps = int(state["asks"]), int(state["steps"])
        self._theta = unpack(state["theta"], shape)
        self._mean = unpack(state["mean"], shape)
        self._square = unpack(state["square"], shape)

    def _rewards(self, trials: Sequence[TrialRecord]) -> list[float | None]:
        if self._baseline == "none":
            return [trial.mean for trial in trials]
        values = leave_one_out(score_matrix(trials)).values
        return [None if np.isnan(value) else float(value) for value in values]

    def _climb(self, gradient: Vector) -> None:
        """Adam (Kingma, Ba 2015), upwards."""
        self._steps += 1
        self._mean += (1 - FIRST_MOMENT) * (gradient - self._mean)
        self._square += (1 - SECOND_MOMENT) * (gradient**2 - self._square)
        mean = self._mean / (1 - FIRST_MOMENT**self._steps)
        square = self._square / (1 - SECOND_MOMENT**self._steps)
        self._theta = self._theta + self._rate * mean / (np.sqrt(square) + TINY)


def make(
    space: Space, *, seed: int, options: Mapping[str, Any], folder: Path | None = None
) -> ReinforceSearcher:
    """From options: `learning_rate` (0.1), `baseline` (`none` or `leave_one_out`)."""
    del folder
    chosen = read_options("searcher reinforce", options, learning_rate=0.1, baseline="none")
    return ReinforceSearcher(
        space,
        seed=seed,
        learning_rate=float(chosen["learning_rate"]),
        baseline=chosen["baseline"],
    )
