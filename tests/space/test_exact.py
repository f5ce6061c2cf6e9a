"""Distributions against their definition, on small spaces of every kind (design 6.2)."""

import math
from collections import Counter

import numpy as np
import pytest

from graphsearch.space import Distribution, Logits
from tests.space.spaces import SPACES, by_definition, decisions_of, random_logits

BUILT = {name: build() for name, build in SPACES.items()}


@pytest.fixture(params=SPACES)
def space(request):
    return BUILT[request.param]


def test_every_trace_has_the_probability_of_the_definition(space):
    logits = random_logits(space, seed=1)
    expected = by_definition(space, logits)
    traces = Distribution(space, logits).enumerate()
    assert {decisions_of(t) for t in traces} == set(expected)
    assert len(traces) == len(expected)
    for trace in traces:
        log_prob, graph = expected[decisions_of(trace)]
        assert trace.log_prob == pytest.approx(log_prob, abs=1e-10)
        assert trace.graph == graph


@pytest.mark.parametrize("scale", [0.0, 2.0])
def test_probabilities_sum_to_one_and_every_graph_is_within_the_budget(space, scale):
    traces = Distribution(space, random_logits(space, seed=2, scale=scale)).enumerate()
    assert abs(math.fsum(math.exp(t.log_prob) for t in traces) - 1) < 1e-12
    allowed = space.cost.budget_ticks(space.budget)
    for trace in traces:
        trace.graph.validate()
        assert space.cost.graph_ticks(trace.graph) <= allowed
        assert trace.cost == space.cost.graph(trace.graph)


def test_exactly_the_allowed_graphs_are_reachable(space):
    reached = {t.graph.key for t in Distribution(space).enumerate()}
    listed = space.graphs(limit=5000)
    assert reached == {g.key for g in listed}
    assert len(reached) == len(listed)
    costs = [space.cost.graph_ticks(g) for g in listed]
    assert costs == sorted(costs)
    assert costs[0] == space.cost.graph_ticks(space.cheapest())


def test_every_allowed_graph_has_a_trace(space):
    distribution = Distribution(space, random_logits(space, seed=3))
    graphs = space.graphs(limit=5000)
    for graph in graphs[:: len(graphs) // 40 + 1]:
        trace = distribution.trace_of(graph)
        assert trace is not None
        assert trace.graph.key == graph.key
        assert trace.log_prob == pytest.approx(distribution.log_prob(trace), abs=1e-12)


def test_traces_round_trip_through_json(space):
    distribution = Distribution(space, random_logits(space, seed=4))
    for trace in distribution.sample_many(np.random.default_rng(0), 20):
        again = distribution.replay(trace.to_json())
        assert again.graph == trace.graph
        assert again.cost == trace.cost
        assert again.log_prob == pytest.approx(trace.log_prob, abs=1e-12)
        plain = Distribution(space).replay(trace.to_json())
        assert plain.log_prob == pytest.approx(Distribution(space).log_prob(trace), abs=1e-12)


def identity(trace):
    """All decisions of a trace as something to count by."""
    d, row = trace.draws, trace.row
    return tuple(a[row].tobytes() for a in (d.sink, d.models, d.taken, d.roles))


def test_sampled_frequencies_agree(space):
    distribution = Distribution(space, random_logits(space, seed=5, scale=0.7))
    k = 2000
    traces = distribution.sample_many(np.random.default_rng(11), k)
    counts = Counter(map(identity, traces))
    expected = {identity(t): k * math.exp(t.log_prob) for t in distribution.enumerate()}
    assert set(counts) <= set(expected)
    # Chi-square over traces expected at least five times, the others as one.
    cells = [(counts[d], e) for d, e in expected.items() if e >= 5]
    seen, rest = k - sum(c for c, _ in cells), k - sum(e for _, e in cells)
    if rest > 1:
        cells.append((seen, rest))
    statistic = sum((c - e) ** 2 / e for c, e in cells)
    freedom = max(len(cells) - 1, 1)
    # Wilson and Hilferty: the cube root is nearly normal. Four standard deviations.
    spread = 2 / (9 * freedom)
    assert (statistic / freedom) ** (1 / 3) < 1 - spread + 4 * math.sqrt(spread)


def test_the_gradient_is_that_of_finite_differences(space):
    logits = random_logits(space, seed=6)
    distribution = Distribution(space, logits)
    traces = distribution.sample_many(np.random.default_rng(1), 5)
    weights = np.random.default_rng(2).normal(size=5)
    gradient = distribution.gradients(traces, weights).flat()
    base, step = logits.flat(), 1e-5
    for i in range(len(base)):
        ends = []
        for sign in (1, -1):
            moved = base.copy()
            moved[i] += sign * step
            other = distribution.with_logits(Logits.from_flat(space, moved))
            ends.append(float(weights @ other.log_probs(traces)))
        assert gradient[i] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-6)
    one = sum(
        (distribution.gradient(t) * w for t, w in zip(traces, weights, strict=True)),
        Logits.zeros(space),
    )
    assert one.flat() == pytest.approx(gradient, abs=1e-12)


def test_scores_have_mean_zero(space):
    distribution = Distribution(space, random_logits(space, seed=7))
    traces = distribution.enumerate()
    mean = distribution.gradients(traces, [math.exp(t.log_prob) for t in traces])
    assert np.abs(mean.flat()).max() < 1e-10


def test_entropy_and_divergence(space):
    distribution = Distribution(space, random_logits(space, seed=8))
    other = distribution.with_logits(random_logits(space, seed=9))
    traces = distribution.enumerate()
    p = np.exp([t.log_prob for t in traces])
    q = np.exp(other.log_probs(traces))
    entropy = float(-(p * np.log(p)).sum())
    divergence = float((p * np.log(p / q)).sum())
    assert distribution.entropy(exact=True) == pytest.approx(entropy, abs=1e-10)
    assert distribution.kl(other, exact=True) == pytest.approx(divergence, abs=1e-10)
    assert distribution.kl(distribution, exact=True) == 0
    assert distribution.kl(distribution, exact=False, samples=10) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", ["12 units", "seconds", "gap, seconds"])
def test_estimates_of_entropy_and_divergence(name):
    distribution = Distribution(BUILT[name], random_logits(BUILT[name], seed=8, scale=0.7))
    exact = distribution.entropy(exact=True)
    assert distribution.entropy(exact=False, samples=1500) == pytest.approx(exact, abs=0.15)
    near = distribution.with_logits(distribution.logits * 0.5)
    exact = distribution.kl(near, exact=True)
    assert exact > 0.02
    sampled = distribution.sample_many(np.random.default_rng(3), 1500)
    assert distribution.kl(near, traces=sampled) == pytest.approx(exact, rel=0.2)
    assert distribution.kl(near, exact=False, samples=1500) == pytest.approx(exact, rel=0.2)


def test_the_mode_takes_the_likeliest_choice_at_each_step(space):
    distribution = Distribution(space, random_logits(space, seed=10, scale=50))
    mode = distribution.mode()
    assert space.why_not(mode.graph) is None
    # With odds this sharp, draws agree with it (no tie of a random space is this close).
    assert distribution.sample(np.random.default_rng(0)).graph == mode.graph
