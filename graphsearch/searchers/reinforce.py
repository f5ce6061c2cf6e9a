"""Plain REINFORCE on the logits, as GPTSwarm does it (Zhuge et al. 2024, arXiv 2402.16823)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphsearch.records.errors import ConfigError
from graphsearch.records.trials import Proposal, TrialRecord
from graphsearch.searchers._observation import Observation, scores_of
from graphsearch.searchers._random import rng_for
from graphsearch.searchers._traces import TraceCache
from graphsearch.searchers.feedback import leave_one_out
from graphsearch.searchers.options import read_options
from graphsearch.searchers.policy import Policy, Vector
from graphsearch.space import Space, Trace

__all__ = ["ReinforceSearcher", "make"]

PAGE = 8
BASELINES = ("none", "leave_one_out")
FIRST_MOMENT, SECOND_MOMENT, TINY = 0.9, 0.999, 1e-8


class ReinforceSearcher:
    """Samples graphs and climbs the gradient of the expected score with Adam.

    The loss of a round is the mean of `-log p(graph) * reward`. As published the reward is the
    score itself, without a baseline, and the learning rate 0.1; `baseline="leave_one_out"`
    subtracts the mean of the round's other graphs. Samples are on-policy, so a graph may come
    again; the study reuses its results. Where a study asks for single graphs, a step is made after
    `batch` of them.
    """

    name = "reinforce"

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 0,
        learning_rate: float = 0.1,
        baseline: str = "none",
        batch: int = 8,
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
        self._traces = TraceCache(space)
        self._batch = batch
        self._buffer: list[Observation] = []
        self._draws = self._steps = 0
        self._page: list[Trace] = []
        self._theta = self._policy.initial.logits.flat()
        self._mean = np.zeros(len(self._policy))
        self._square = np.zeros(len(self._policy))

    def ask(self, k: int) -> Sequence[Proposal]:
        """`k` samples of the current distribution."""
        traces = [self._next() for _ in range(k)]
        return [Proposal(t.graph, "sample", self._traces.info(t)) for t in traces]

    def _next(self) -> Trace:
        """The next draw of this step; a page of draws takes little longer than one."""
        number, row = divmod(self._draws, PAGE)
        if row == 0 or not self._page:
            rng = rng_for(self._seed, self._steps, number)
            self._page = self._policy.distribution(self._theta).sample_many(rng, PAGE)
        self._draws += 1
        return self._page[row]

    def tell(self, trials: Sequence[TrialRecord]) -> None:
        """One Adam step on the trials that have a score."""
        told = [Observation.of(trial) for trial in trials if trial.graded]
        self._buffer += [entry for entry in told if entry.trace is not None]
        if self._buffer and (len(trials) > 1 or len(self._buffer) >= self._batch):
            self._learn(self._buffer)
            self._buffer = []

    def _learn(self, told: list[Observation]) -> None:
        rewards = self._rewards(told)
        traces = [self._traces.trace(entry.trace) for entry in told if entry.trace is not None]
        distribution = self._policy.distribution(self._theta)
        self._climb(distribution.gradients(traces, rewards / len(told)).flat())
        self._traces.clear()
        self._page = []
        self._draws = 0

    def table(self) -> dict[str, float]:
        """Probabilities by name."""
        return self._policy.table(self._theta)

    def _rewards(self, told: Sequence[Observation]) -> Vector:
        if self._baseline == "none":
            return np.array([entry.mean for entry in told])
        return np.nan_to_num(leave_one_out(scores_of(told)).values)

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
    """From options: `learning_rate` (0.1), `baseline` (`none`, `leave_one_out`), `batch` (8)."""
    del folder
    chosen = read_options(
        "searcher reinforce", options, learning_rate=0.1, baseline="none", batch=8
    )
    return ReinforceSearcher(
        space,
        seed=seed,
        learning_rate=float(chosen["learning_rate"]),
        baseline=chosen["baseline"],
        batch=chosen["batch"],
    )
