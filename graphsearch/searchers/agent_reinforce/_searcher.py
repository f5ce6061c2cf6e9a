"""The agent-reinforce searcher."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphsearch.graph import CollaborationGraph
from graphsearch.records.trials import Proposal, TrialRecord
from graphsearch.searchers._observation import Observation, scores_of
from graphsearch.searchers._random import rng_for
from graphsearch.searchers._traces import TraceCache
from graphsearch.searchers.agent_reinforce._options import PRESETS, Options
from graphsearch.searchers.agent_reinforce._proposer import Candidate, Proposer
from graphsearch.searchers.agent_reinforce._words import Words
from graphsearch.searchers.agent_reinforce.credit import Credit
from graphsearch.searchers.agent_reinforce.leaderboard import Leaderboard
from graphsearch.searchers.base import Advice, AgentView
from graphsearch.searchers.features import FeatureMap
from graphsearch.searchers.feedback import Advantages, leave_one_out
from graphsearch.searchers.moves import plain_graphs
from graphsearch.searchers.policy import Policy, Vector
from graphsearch.searchers.surrogate import Surrogate
from graphsearch.space import Distribution, Space, Trace

__all__ = ["AgentReinforceSearcher"]

LEAST_SPREAD = 0.01


class AgentReinforceSearcher:
    """REINFORCE over graphs, helped by paired credits, a surrogate and words (design/searchers).

    A study that asks for several graphs at a time has the searcher learn after each `tell`; one
    that asks for single graphs has it learn from `options.batch` of them at a time.
    """

    name = "agent-reinforce"

    def __init__(
        self, space: Space, *, seed: int = 0, options: Options | None = None, preset: str = ""
    ) -> None:
        self._options = options or Options()
        self._preset = preset or "default"
        self._policy = Policy(space)
        self._features = FeatureMap.of(space)
        self._proposer = Proposer(space, self._features, self._options)
        self._seed = seed
        self._plain = plain_graphs(space)[: self._options.starts]
        self._theta = self._policy.initial.logits.flat()
        self._asks = self._rounds = self._started = 0
        self._known: set[str] = set()
        self._leaderboard = Leaderboard()
        self._credit = Credit(len(self._policy))
        self._surrogate = Surrogate(len(self._features))
        self._words = Words()
        self._wanted: list[CollaborationGraph] = []
        self._queue: deque[Candidate] = deque()
        self._buffer: list[Observation] = []
        self._traces = TraceCache(space)

    @property
    def space(self) -> Space:
        """The space searched."""
        return self._policy.space

    @property
    def recommended(self) -> dict[str, Any]:
        """Settings of the study that belong to the preset, `{}` for none."""
        return dict(PRESETS[self._preset].study)

    @property
    def opening(self) -> Sequence[CollaborationGraph]:
        """The plain graphs that are tried first."""
        return tuple(self._plain)

    # -- proposing -----------------------------------------------------------------------------

    def ask(self, k: int) -> Sequence[Proposal]:
        """Up to `k` graphs, none of which was proposed before (unless `repeats`)."""
        self._asks += 1
        found = self._wanted_ones(k)
        while len(found) < k:
            if not self._queue:
                self._refill(k - len(found))
            if not self._queue:
                break
            found.append(self._queue.popleft())
        return [self._propose(candidate) for candidate in found]

    def _refill(self, missing: int) -> None:
        rng = rng_for(self._seed, self._asks)
        count = max(missing, self._options.batch) if missing == 1 else missing
        found = self._starts(count)
        if len(found) < count:
            distribution = self._policy.distribution(self._theta)
            found += self._mode(distribution)[: count - len(found)]
            found += self._proposer.candidates(
                count - len(found),
                rng,
                distribution=distribution,
                surrogate=self._surrogate,
                elites=[entry.graph for entry in self._leaderboard.best()],
                known=self._known,
            )
        self._queue.extend(found)

    def _wanted_ones(self, most: int) -> list[Candidate]:
        """Graphs the agent asked for, as far as they are new and trusted."""
        wanted, self._wanted = self._wanted, []
        trusted = self._options.words == "full" or self._words.graphs.value > 0
        most = min(most, self._options.agent_graphs) if trusted else 0
        new = [g for g in wanted if self._options.repeats or g.key not in self._known]
        for graph in new[:most]:
            self._known.add(graph.key)
        return [Candidate(graph, "agent") for graph in new[:most]]

    def _starts(self, count: int) -> list[Candidate]:
        found: list[Candidate] = []
        while len(found) < count and self._started < len(self._plain):
            graph = self._plain[self._started]
            self._started += 1
            if graph.key not in self._known:
                self._known.add(graph.key)
                found.append(Candidate(graph, "start"))
        return found

    def _mode(self, distribution: Distribution) -> list[Candidate]:
        every = self._options.mode_every
        if every == 0 or self._rounds == 0 or self._rounds % every:
            return []
        trace = distribution.mode()
        if trace.graph.key in self._known:
            return []
        self._known.add(trace.graph.key)
        return [Candidate(trace.graph, "mode", trace)]

    def _propose(self, candidate: Candidate) -> Proposal:
        if candidate.trace is None:
            return Proposal(candidate.graph, candidate.origin)
        info = self._traces.info(candidate.trace)
        return Proposal(candidate.graph, candidate.origin, info)

    # -- numbers -------------------------------------------------------------------------------

    def tell(self, trials: Sequence[TrialRecord]) -> None:
        """Learn from finished trials; what has no score teaches nothing."""
        self._leaderboard.add(trials)
        for trial in trials:
            self._known.add(trial.proposal.graph.key)
            if trial.graded:
                self._buffer.append(Observation.of(trial))
        if len(trials) > 1 or len(self._buffer) >= self._options.batch:
            if self._buffer:
                self._learn(self._buffer)
            self._buffer = []
            self._queue.clear()
            self._traces.clear()

    def _learn(self, told: list[Observation]) -> None:
        self._rounds += 1
        advantages = leave_one_out(scores_of(told))
        values = np.nan_to_num(advantages.values)
        drawn = [i for i, entry in enumerate(told) if entry.trace is not None]
        traces = [self._traces.trace(e.trace) for e in told if e.trace is not None]
        self._check_graphs(told, advantages)
        self._check_edits(values[drawn], traces)
        self._surrogate.add(
            self._features.matrix([e.graph for e in told], [e.cost for e in told]),
            np.array([entry.mean for entry in told]),
            np.array([len(entry.scores) for entry in told]),
        )
        if self._options.numbers and len(drawn) > 1:
            self._step(values[drawn], traces, advantages.reliability)

    def _step(self, values: Vector, traces: Sequence[Trace], reliability: float) -> None:
        """Move along the gradient and the credits. Only graphs that were drawn count."""
        self._credit.add(np.stack([self._policy.choices(t) for t in traces]), values)
        spread = max(float(values.std()), LEAST_SPREAD)
        weights = reliability * values / spread / len(traces)
        step = self._policy.distribution(self._theta).gradients(traces, weights).flat()
        step += self._options.credit * self._credit.values / spread
        self._move(self._options.learning_rate * step, self._options.max_kl)

    def _move(self, step: Vector, limit: float) -> None:
        moved = self._policy.within(self._theta, step, limit)
        floor = self._options.floor
        self._theta = self._policy.floored(moved, floor) if floor else moved

    # -- words ---------------------------------------------------------------------------------

    def view(self, extra: Mapping[str, Any]) -> AgentView:
        """What the agent is shown. `extra` may bring `budgets` and `failures`."""
        words = self._words
        return AgentView(
            space=self._shown_space(),
            budgets=dict(extra.get("budgets", {})),
            table=self.table(),
            best=tuple(entry.shown() for entry in self._leaderboard.best()),
            worst=tuple(entry.shown() for entry in self._leaderboard.worst()),
            failures=tuple(extra.get("failures", ())),
            last_advice=words.last,
            round=self._rounds,
            extra={
                "trust": round(words.edits.value, 4),
                "trust_history": list(words.edits.history),
                "trust_graphs": round(words.graphs.value, 4),
                "trust_graphs_history": list(words.graphs.history),
                "ignored": words.ignored,
                "unknown_targets": words.unknown,
            },
        )

    def take_advice(self, advice: Advice | None) -> None:
        """Take advice in: edits times trust, within `max_kl_words`; graphs wait for `ask`."""
        if self._options.words == "off":
            return
        if advice is None:
            self._words.ignored += 1
            return
        full = self._options.words == "full"
        most = np.inf if full else self._options.max_edit
        trust = 1.0 if full else self._words.edits.value
        edits = self._words.take(advice, self._policy, most=most)
        if np.any(edits):
            self._move(trust * edits, np.inf if full else self._options.max_kl_words)
        self._wanted = [g for g in advice.graphs if self.space.why_not(g) is None]
        self._words.unknown += len(advice.graphs) - len(self._wanted)

    def table(self) -> dict[str, float]:
        """Probabilities by name."""
        return self._policy.table(self._theta)

    def _shown_space(self) -> dict[str, Any]:
        space = self.space
        prices = [
            {"name": m, "gamma": space.cost.gamma(m), "step": space.cost.step(m, 0)}
            for m in space.models
        ]
        return {
            "slots": space.slots,
            "models": prices,
            "roles": list(space.roles),
            "sinks": [sink.name for sink in space.sinks],
            "budget": str(space.budget),
            "budget_value": float(space.budget),
            "edges": space.edges,
            "max_in_degree": space.max_in_degree,
        }

    def _check_graphs(self, told: Sequence[Observation], advantages: Advantages) -> None:
        values = np.nan_to_num(advantages.values)
        spread = float(values.std())
        for i, entry in enumerate(told):
            if entry.origin == "agent" and len(told) > 1:
                error = float(np.hypot(advantages.errors[i], spread))
                self._words.check_graph(entry.graph, float(values[i]), error)

    def _check_edits(self, values: Vector, traces: Sequence[Trace]) -> None:
        waiting = self._words.waiting(self._policy)
        if waiting and traces:
            self._words.check(values, [self._pull(traces, direction) for direction in waiting])

    def _pull(self, traces: Sequence[Trace], direction: Vector) -> Vector:
        """How much each graph's log-probability rises along `direction`."""
        nudge = 1e-4 * direction
        up = self._policy.distribution(self._theta + nudge).log_probs(traces)
        down = self._policy.distribution(self._theta - nudge).log_probs(traces)
        pull: Vector = (up - down) / 2e-4
        return pull
