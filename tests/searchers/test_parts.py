"""The parts that searchers are made of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsearch.agents.roles import get_roles
from graphsearch.cost import PROFILES, CostModel
from graphsearch.graph import CollaborationGraph
from graphsearch.records.errors import ConfigError
from graphsearch.records.models import Fleet
from graphsearch.searchers import make_searcher, searcher_names
from graphsearch.searchers.agent_reinforce.credit import Credit
from graphsearch.searchers.features import FeatureMap
from graphsearch.searchers.feedback import leave_one_out
from graphsearch.searchers.moves import mutate, plain_graphs
from graphsearch.searchers.options import read_options
from graphsearch.searchers.policy import Policy
from graphsearch.searchers.surrogate import Surrogate
from graphsearch.searchers.trust import Trust
from graphsearch.space import Distribution, Space
from graphsearch.testing.landscape import Landscape

NAN = float("nan")


def make_space(budget="18 units", slots=4, **options):
    cost = CostModel(Fleet.load("llama"), PROFILES["math"], "units", roles=get_roles("chat"))
    return Space.build(
        cost, budget, slots=slots, models=("llama-1b", "llama-3b", "llama-8b"), **options
    )


@pytest.fixture(scope="module")
def space():
    return make_space()


@pytest.fixture(scope="module")
def policy(space):
    return Policy(space)


# -- policy ----------------------------------------------------------------------------------------


def test_names_are_those_of_the_distribution(policy, space):
    theta = policy.initial.logits.flat()
    assert set(policy.table(theta)) == set(Distribution(space).probabilities())
    for name in ("1->2", "4->sink", "2:llama-3b", "3:fuser", "vote"):
        moved = policy.distribution(theta + policy.vector({name: 1.5}))
        expected = Distribution(space).shifted({name: 1.5})
        assert np.array_equal(moved.logits.flat(), expected.logits.flat())


def test_table_agrees_with_the_distribution(policy, space):
    rng = np.random.default_rng(0)
    theta = np.zeros(len(policy))
    for position in policy.index.values():
        theta[position] = rng.normal()
    shown = policy.distribution(theta).probabilities()
    sinks = {s.name for s in space.sinks}
    for name, p in policy.table(theta).items():
        if name not in sinks:  # the distribution leaves sinks out that cannot be afforded
            assert p == pytest.approx(shown[name], abs=1e-6)


def test_divergence_bounds_what_the_distribution_moves(policy):
    rng = np.random.default_rng(1)
    old = policy.initial.logits.flat()
    new = old.copy()
    for position in policy.index.values():
        new[position] += rng.normal(scale=0.3)
    moved = policy.distribution(old).kl(policy.distribution(new), samples=400)
    assert 0 < moved <= policy.divergence(old, new)


@given(scale=st.floats(0.1, 100), limit=st.floats(0.01, 5), seed=st.integers(0, 99))
def test_a_step_keeps_within_its_limit(policy, scale, limit, seed):
    rng = np.random.default_rng(seed)
    theta = policy.vector({name: rng.normal() for name in policy.index})
    step = policy.vector({name: rng.normal(scale=scale) for name in policy.index})
    moved = policy.within(theta, step, limit)
    assert policy.divergence(theta, moved) <= limit * (1 + 1e-9)
    assert not np.array_equal(moved, theta)


@given(floor=st.floats(0.001, 0.1), seed=st.integers(0, 99))
def test_nothing_falls_below_the_floor(policy, floor, seed):
    rng = np.random.default_rng(seed)
    theta = policy.vector({name: rng.normal(scale=20) for name in policy.index})
    raised = policy.table(policy.floored(theta, floor))
    assert min(raised.values()) >= floor - 2e-6
    assert max(v for name, v in raised.items() if "->" in name) <= 1 - floor + 2e-6


def test_choices_are_what_the_graph_is_made_of(policy, space):
    for trace in Distribution(space).sample_many(np.random.default_rng(0), 20):
        names = {name for name, at in policy.index.items() if policy.choices(trace)[at] == 1.0}
        live = [slot + 1 for slot in trace.live]
        expected = {f"{s}:{trace.models[s - 1]}" for s in live}
        expected |= {f"{s}:{trace.roles[s - 1]}" for s in live}
        expected |= set(trace.to_json()["edges"]) | {trace.sink.name}
        assert names == expected


# -- feedback --------------------------------------------------------------------------------------


def test_leave_one_out_by_hand():
    scores = np.array([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
    assert leave_one_out(scores).values == pytest.approx([0.75, 0.0, -0.75])


def test_an_early_stop_is_compared_on_its_own_items():
    scores = np.array([[1.0, 0.0, 0.0], [0.0, NAN, NAN], [1.0, 0.0, 0.0]])
    assert leave_one_out(scores).values == pytest.approx([1 / 6, -1.0, 1 / 6])


def test_who_shares_no_item_has_no_advantage():
    scores = np.array([[1.0, NAN], [NAN, 0.0]])
    assert np.isnan(leave_one_out(scores).values).all()
    assert leave_one_out(scores).reliability == 0.0


def test_reliability_tells_noise_from_differences():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 2, (8, 64)).astype(float)
    clear = (rng.random((8, 64)) < np.linspace(0.1, 0.9, 8)[:, None]).astype(float)
    assert leave_one_out(noise).reliability < 0.5
    assert leave_one_out(clear).reliability > 0.9


# -- trust -----------------------------------------------------------------------------------------


def played(zs):
    trust = Trust()
    for z in zs:
        trust.check(z)
    return trust.value


def test_trust_follows_what_was_measured():
    rng = np.random.default_rng(0)
    assert Trust().value == pytest.approx(0.5)
    assert played([1.5] * 20) > 0.75
    assert played([-1.5] * 20) == 0.0
    assert played(rng.normal(size=200)) < 0.3
    assert played([0.0] * 20) == pytest.approx(0.5)


def test_trust_can_be_won_back_and_lost():
    assert played([-2.0] * 10 + [2.0] * 30) > 0.4
    assert played([2.0] * 10 + [-2.0] * 30) == 0.0


# -- credit ----------------------------------------------------------------------------------------


def test_credit_finds_what_helps():
    rng = np.random.default_rng(0)
    worth = np.array([0.2, -0.2, 0.0, 0.0, 0.0])
    credit = Credit(5)
    for _ in range(40):
        choices = rng.integers(0, 2, (8, 5)).astype(float)
        credit.add(choices, choices @ worth + rng.normal(scale=0.05, size=8))
    assert credit.values[0] > 0.05
    assert credit.values[1] < -0.05
    assert np.abs(credit.values[2:]).max() < 0.03


def test_equal_graphs_say_nothing():
    credit = Credit(3)
    credit.add(np.ones((4, 3)), np.array([0.1, 0.9, 0.5, 0.2]))
    assert not credit.values.any()


# -- surrogate -------------------------------------------------------------------------------------


def test_the_surrogate_learns_and_says_how_sure_it_is():
    rng = np.random.default_rng(0)
    worth = np.array([0.0, 0.3, -0.2])
    surrogate = Surrogate(3)
    unseen = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    before = surrogate.predict(unseen)[1]
    for _ in range(12):
        features = np.column_stack([np.ones(8), rng.random((8, 2))])
        truth = 0.5 + features @ worth
        surrogate.add(features, rng.binomial(64, truth) / 64, np.full(8, 64))
    mean, error = surrogate.predict(unseen)
    assert mean == pytest.approx([0.8, 0.3], abs=0.08)
    assert (error < before / 2).all()


def test_a_rounds_easy_items_do_not_mislead():
    """All graphs of a round gain alike from easy items; only their differences count."""
    rng = np.random.default_rng(0)
    surrogate = Surrogate(2)
    for round_ in range(40):
        features = np.column_stack([np.ones(6), np.full(6, round_ % 2) + rng.random(6)])
        lift = 0.15 if round_ % 2 else -0.15
        surrogate.add(features, np.full(6, 0.5 + lift), np.full(6, 8))
    mean, _ = surrogate.predict(np.array([[1.0, 0.0], [1.0, 2.0]]))
    assert mean[1] - mean[0] < 0.6 * 0.6  # an ordinary regression finds 0.6 x 0.9


# -- features and moves ----------------------------------------------------------------------------


def test_isomorphic_graphs_have_equal_features(space):
    features = FeatureMap.of(space)
    assert len(features.names) == len(features)
    rng = np.random.default_rng(3)
    for trace in Distribution(space).sample_many(rng, 20):
        graph = trace.graph
        again = graph.canonical()
        assert features(graph, 1.0) == pytest.approx(features(again, 1.0))


@pytest.mark.parametrize("options", [{}, {"edges": "star"}, {"max_in_degree": 2}])
def test_changed_graphs_are_allowed(options):
    space = make_space(**options)
    rng = np.random.default_rng(0)
    graph = Distribution(space).sample(rng).graph
    changed = 0
    for _ in range(150):
        after = mutate(graph, space, rng)
        if after is not None:
            assert space.why_not(after) is None
            changed += after.key != graph.key
            graph = after
    assert changed > 100


def test_plain_graphs_are_singles_votes_and_fusers(space):
    graphs = plain_graphs(space)
    assert all(space.why_not(graph) is None for graph in graphs)
    for model in space.models:
        assert CollaborationGraph.single(model) in graphs
    assert CollaborationGraph.combine("vote", ["llama-1b"] * 4) in graphs
    assert any(g.nodes[g.sink].role == "fuser" for g in graphs)


# -- options, registry ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"rate": 1}, "unknown option 'rate' of searcher x; known: deep, name, speed"),
        ({"speed": "fast"}, "searcher.options.speed: must be of type float, not 'fast'"),
        ({"deep": 1}, "type bool"),
        ({"speed": True}, "type float"),
        ({"name": None}, "type str"),
    ],
)
def test_wrong_options_are_refused(options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        read_options("searcher x", options, speed=1.0, deep=False, name="")


def test_a_whole_number_is_a_number():
    assert read_options("searcher x", {"speed": 2}, speed=1.0) == {"speed": 2}


def test_registry(space):
    known = {"random", "exhaustive", "reinforce", "optuna", "agent-reinforce"}
    assert known <= set(searcher_names())
    with pytest.raises(ConfigError, match="unknown searcher 'magic'; known: agent-reinforce"):
        make_searcher("magic", space)


@pytest.mark.parametrize("name", ["random", "exhaustive", "reinforce", "optuna", "agent-reinforce"])
def test_every_searcher_refuses_unknown_options(space, name):
    with pytest.raises(ConfigError, match="unknown option 'colour'"):
        make_searcher(name, space, options={"colour": "red"})


# -- landscapes ------------------------------------------------------------------------------------


def test_a_drawn_landscape_is_its_seed(space):
    one, again, other = (Landscape.drawn(space.models, seed) for seed in (1, 1, 2))
    graph = CollaborationGraph.combine("vote", ["llama-1b", "llama-3b", "llama-8b"])
    assert one == again
    assert one.accuracy(graph) != other.accuracy(graph)
    skills = [one.traits[model].skill for model in space.models]
    assert skills == sorted(skills)
