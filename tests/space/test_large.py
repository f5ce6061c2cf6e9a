"""Distributions over spaces too large to list: budget, extremes, repetition, JSON."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsearch.agents.roles import get_roles
from graphsearch.cost import PROFILES, CostModel, TokenProfile
from graphsearch.graph import CollaborationGraph
from graphsearch.records.errors import ConfigError
from graphsearch.records.models import Fleet, ModelSpec
from graphsearch.space import Distribution, Logits, RoleOption, SinkOption, Space
from tests.space.spaces import COST, FLEET, random_logits

LLAMA = CostModel(Fleet.load("llama"), PROFILES["math"], "units", roles=get_roles("chat"))
TWELVE = Space.build(LLAMA, "80 units", slots=12)

BUDGETS = st.one_of(
    st.sampled_from(["1 units", "2.5 units", "9 units", "40 units", "300 units"]),
    st.sampled_from(["0.00002 usd", "0.0004 usd", "1.1 s", "4 s", "30 s"]),
    st.sampled_from(["2 calls", "9 calls", "700 tokens"]),
)
ROLES = st.sampled_from(
    [
        ("assistant", "fuser"),
        ("assistant",),
        (RoleOption("assistant", 0, 0), RoleOption("fuser", 2, 4)),
        (RoleOption("assistant", 0, 1), RoleOption("fuser", 3)),
    ]
)
SINKS = st.lists(
    st.sampled_from(["assistant", "fuser", "vote", "select", "assistant:x"]),
    min_size=1,
    unique=True,
)


@st.composite
def walks(draw):
    """A space of any kind, extreme logits, and draws; None where nothing fits the budget."""
    sinks = [SinkOption("assistant", "s", 3, 5) if s == "assistant:x" else s for s in draw(SINKS)]
    names = [s if isinstance(s, str) else s.name for s in sinks]
    if "assistant" in names:
        sinks = [s for s in sinks if isinstance(s, str)]
    try:
        space = Space.build(
            COST,
            draw(BUDGETS),
            slots=draw(st.integers(0, 7)),
            roles=draw(ROLES),
            sinks=sinks,
            max_in_degree=draw(st.sampled_from([None, None, 2, 3])),
            edges=draw(st.sampled_from(["dag", "dag", "star"])),
        )
    except Exception as error:
        assert "fits a budget" in str(error) or "no sink can have" in str(error)  # noqa: PT017
        return None
    scale = draw(st.sampled_from([0.0, 1.0, 30.0, 1000.0]))
    logits = random_logits(space, draw(st.integers(0, 1000)), scale=1.0)
    sharp = Logits(*(np.clip(a * scale, -1000, 1000) for a in logits.arrays()))
    return Distribution(space, sharp)


@given(walks(), st.integers(0, 2**32))
def test_no_draw_ever_leaves_the_space(distribution, seed):
    if distribution is None:
        return
    space = distribution.space
    for trace in distribution.sample_many(np.random.default_rng(seed), 25):
        assert space.why_not(trace.graph) is None
        assert trace.cost == space.cost.graph(trace.graph)
        assert math.isfinite(trace.log_prob)
        assert trace.log_prob <= 1e-9
        again = distribution.replay(trace.to_json())
        assert again.log_prob == pytest.approx(trace.log_prob, rel=1e-9, abs=1e-9)
    assert space.why_not(distribution.mode().graph) is None
    gradient = distribution.gradients([trace], [1.0])
    assert np.isfinite(gradient.flat()).all()
    assert distribution.entropy(samples=5, exact=False) >= -1e-9


def test_draws_of_one_generator_do_not_depend_on_batching():
    distribution = Distribution(TWELVE)
    at_once = distribution.sample_many(np.random.default_rng(5), 40)
    generator = np.random.default_rng(5)
    one_by_one = [distribution.sample(generator) for _ in range(40)]
    assert [t.to_json() for t in at_once] == [t.to_json() for t in one_by_one]
    assert [t.log_prob for t in at_once] == pytest.approx([t.log_prob for t in one_by_one])


def test_draws_are_within_the_budget_and_use_it():
    traces = Distribution(TWELVE).sample_many(np.random.default_rng(0), 1500)
    costs = [LLAMA.graph(t.graph) for t in traces]
    assert max(costs) <= 80
    assert max(costs) > 79
    assert len({t.graph.key for t in traces}) > 1000
    assert all(t.cost == c for t, c in zip(traces, costs, strict=True))


def test_the_published_graph_of_twelve_has_a_trace():
    nodes = ["llama-1b"] * 12
    complete = CollaborationGraph.chain([*nodes, "llama-3b"])
    edges = tuple((i, j) for j in range(13) for i in range(j))
    complete = CollaborationGraph(complete.nodes, edges, 12)
    space = Space.published(LLAMA, "80 units", sink_model="llama-3b", slots=12)
    trace = Distribution(space).trace_of(complete)
    assert trace is not None
    assert trace.graph.key == complete.key
    assert round(trace.cost, 2) == 78.98
    tight = Space.published(LLAMA, "78 units", sink_model="llama-3b", slots=12)
    assert Distribution(tight).trace_of(complete) is None


def test_a_trace_takes_the_likeliest_slots():
    chain = CollaborationGraph.chain(["llama-1b", "llama-3b", "llama-8b"])
    liked = Distribution(TWELVE).shifted({"4:llama-1b": 5.0, "9:llama-3b": 5.0})
    trace = liked.trace_of(chain)
    assert trace is not None
    assert trace.edges == ((3, 8), (8, 12))
    plain = Distribution(TWELVE).trace_of(chain)
    assert plain is not None
    assert plain.live == (10, 11)


def test_shifting_by_name_moves_what_it_says():
    distribution = Distribution(TWELVE)
    moved = distribution.shifted({"3->5": 2.0, "12->sink": -2.0, "2:llama-1b": 1.5, "vote": 3.0})
    before, after = distribution.probabilities(), moved.probabilities()
    assert before["3->5"] == 0.5
    assert after["3->5"] == pytest.approx(1 / (1 + math.exp(-2)))
    assert after["12->sink"] == pytest.approx(1 / (1 + math.exp(2)))
    assert after["2:llama-1b"] > before["2:llama-1b"] == 0.25
    assert after["vote"] > before["vote"]
    unmoved = set(before) - {"3->5", "12->sink"}
    assert all(before[n] == after[n] for n in unmoved if "->" in n)
    with pytest.raises(ConfigError, match="no edge, model, role or sink is called '5->3'"):
        distribution.shifted({"5->3": 1.0})
    assert all(distribution.logits.flat() == 0)


def test_the_table_names_every_choice_once():
    rows = Distribution(TWELVE).table()
    names = [row["name"] for row in rows]
    assert len(set(names)) == len(names) == 12 * 13 // 2 + 12 * 4 + 12 * 2 + 9
    assert {row["family"] for row in rows} == {"edges", "models", "roles", "sinks"}
    assert sum(r["probability"] for r in rows if r["family"] == "sinks") == pytest.approx(1)


def test_a_role_and_a_model_of_one_name_stay_apart():
    twin = Fleet("twin", (ModelSpec("assistant", parameters=10, layers=1, width=1),), "assistant")
    space = Space.build(
        CostModel(twin, TokenProfile(5, 5), "units", roles=COST.roles), "9 units", slots=2
    )
    table = Distribution(space).probabilities()
    assert table["1:assistant"] == 1.0
    assert table["1:role=assistant"] == 0.5


def test_json_keeps_every_bit():
    distribution = Distribution(TWELVE, random_logits(TWELVE, seed=1))
    text = json.dumps(distribution.to_json())
    again = Distribution.from_json(TWELVE, json.loads(text))
    assert (again.logits.flat() == distribution.logits.flat()).all()
    assert json.dumps(TWELVE.to_json())
    with pytest.raises(ConfigError, match="unknown version"):
        Distribution.from_json(TWELVE, {"version": 99})
    other = Space.build(LLAMA, "80 units", slots=5)
    with pytest.raises(ConfigError, match="edges: expected numbers of shape"):
        Distribution.from_json(other, json.loads(text))


def test_logits_must_be_finite_and_of_the_right_shape():
    logits = Logits.zeros(TWELVE)
    logits.edges[0, 1] = np.nan
    with pytest.raises(ConfigError, match="edges: all logits must be finite"):
        Distribution(TWELVE, logits)
    with pytest.raises(ConfigError, match="expected shape"):
        Distribution(TWELVE, Logits.zeros(Space.build(LLAMA, "80 units", slots=5)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sink": "nope"}, "not a trace of this space"),
        ({"models": ["s"]}, "expected 3 models"),
        ({"models": ["s", "s", "x"]}, "not a trace of this space"),
        ({"edges": []}, "edge 2->4 may not be left out"),
        ({"edges": ["1->2", "2->sink", "3->sink", "1->sink"]}, "is not allowed"),
        ({"edges": ["1->2", "2->sink"]}, "edge 1->4 may not be left out"),
        ({"edges": ["2->sink", "3->sink", "1->2"], "models": ["l", "s", "s"]}, "is not allowed"),
        ({"roles": ["assistant", "fuser", "assistant"]}, "role of slot 2 is not allowed"),
        ({}, None),
    ],
)
def test_a_trace_that_the_space_does_not_allow_is_refused(change, message):
    space = Space.build(COST, "3.5 units", slots=3, sinks=("vote",))
    trace = {
        "sink": "vote",
        "models": ["s", "s", "s"],
        "edges": ["2->sink", "3->sink"],
        "roles": [None, "assistant", "assistant"],
    }
    if message is None:
        assert Distribution(space).replay(trace).graph.describe() == "2x s -> vote"
    else:
        with pytest.raises(ConfigError, match=message):
            Distribution(space).replay({**trace, **change})


def test_astronomic_costs_stay_exact_enough_and_within_the_budget():
    huge = Fleet(
        "huge",
        tuple(
            ModelSpec(n, parameters=p, layers=200, width=40_000)
            for n, p in [("a", 10**13), ("b", 3 * 10**13)]
        ),
        "a",
    )
    cost = CostModel(huge, TokenProfile(50_000, 60_000), "units", roles=COST.roles)
    space = Space.build(cost, "30 units", slots=10)
    assert space.tables.tick > 1
    for trace in Distribution(space).sample_many(np.random.default_rng(0), 300):
        assert space.why_not(trace.graph) is None
        assert trace.cost == pytest.approx(cost.graph(trace.graph), rel=1e-12)


def test_fleet_order_is_the_order_of_models():
    assert Space.build(COST, "9 units").models == FLEET.names
