"""Building spaces: defaults, presets, and everything that is refused."""

import pytest

from graphsearch.agents.roles import get_roles
from graphsearch.cost import PROFILES, Amount, CostModel
from graphsearch.graph import CollaborationGraph, Node
from graphsearch.records.errors import BudgetRefused, ConfigError, FleetError
from graphsearch.records.models import Fleet
from graphsearch.space import Distribution, RoleOption, SinkOption, Space
from tests.space.spaces import COST, build

LLAMA = CostModel(Fleet.load("llama"), PROFILES["math"], "units", roles=get_roles("chat"))


def test_defaults():
    space = Space.build(LLAMA, "18 units")
    assert space.slots == 12
    assert Space.build(LLAMA, "4.5 units").slots == 4
    assert space.models == Fleet.load("llama").names
    assert space.role_options == (RoleOption("assistant"), RoleOption("fuser", 1))
    assert [s.name for s in space.sinks][:2] == ["assistant:llama-1b", "assistant:llama-3b"]
    assert space.sinks[-1] == SinkOption("vote", None, 2)
    assert [s.min_parents for s in space.sinks if s.role == "fuser"] == [1] * 4


def test_sinks_by_name():
    space = build("50 units", sinks=("fuser:m", "select", "assistant"))
    assert [s.name for s in space.sinks] == ["fuser:m", "select", "assistant:s", "assistant:m"]
    limited = build("50 units", roles=("assistant", RoleOption("fuser", 2, 3)), sinks=("fuser:s",))
    assert limited.sinks == (SinkOption("fuser", "s", 2, 3),)


def test_the_cost_model_follows_the_budget_into_its_currency():
    space = Space.build(COST, "0.01 usd")
    assert space.cost.currency == "usd"
    assert space.cost.fleet is COST.fleet


def test_the_published_preset():
    space = Space.published(LLAMA, "18 units", sink_model="llama-3b", slots=8)
    assert space.sinks == (SinkOption("assistant", "llama-3b", 1),)
    assert all(len(t.graph) > 1 for t in _drawn(space))
    with pytest.raises(FleetError, match="no model 'x'"):
        Space.published(LLAMA, "18 units", sink_model="x")


def _drawn(space):
    import numpy as np

    return Distribution(space).sample_many(np.random.default_rng(0), 50)


def test_a_budget_below_the_cheapest_graph_names_it_and_its_cost():
    with pytest.raises(
        BudgetRefused, match=r"no graph fits a budget of 0.5 units .* llama-1b, .* 0.997876 units"
    ):
        Space.build(LLAMA, "0.5 units")
    with pytest.raises(BudgetRefused, match=r"2x llama-1b -> vote, is expected to cost 1.99575"):
        Space.build(LLAMA, "1.9 units", sinks=("vote",))
    with pytest.raises(BudgetRefused, match=r"llama-1b -> fuser llama-1b"):
        Space.build(LLAMA, "2 units", sinks=("fuser",))


def test_the_exact_cost_of_the_cheapest_graph_is_enough():
    exact = LLAMA.amount(LLAMA.graph_ticks(CollaborationGraph.single("llama-1b")))
    space = Space.build(LLAMA, exact)
    assert [g.describe() for g in space.graphs(10)] == ["llama-1b"]


def test_unknown_prices_are_refused_before_anything_else():
    with pytest.raises(BudgetRefused, match="cannot be priced in usd: input_price and output_pri"):
        Space.build(LLAMA, "1 usd")
    with pytest.raises(BudgetRefused, match="cannot be priced in seconds"):
        Space.build(LLAMA, "100 s")
    only = Space.build(COST, "1 usd", models=("s",))
    assert only.models == ("s",)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"models": ()}, ConfigError, "at least one model"),
        ({"models": ("s", "s")}, ConfigError, "a model is named twice"),
        ({"models": ("x",)}, FleetError, "no model 'x'"),
        ({"roles": ("assistant", "assistant")}, ConfigError, "a role is named twice"),
        ({"roles": ("fuser",)}, ConfigError, "no role works without parents"),
        ({"roles": ()}, ConfigError, "no role works without parents"),
        ({"roles": ("assistant", "vote")}, ConfigError, "vote calls no model"),
        ({"sinks": ()}, ConfigError, "at least one sink"),
        ({"sinks": ("vote", "vote")}, ConfigError, "a sink is named twice"),
        ({"sinks": ("vote:s",)}, ConfigError, "vote calls no model"),
        ({"sinks": ("fuser:x",)}, ConfigError, "sink 'fuser:x': model 'x' is none of s, m"),
        ({"slots": -1}, ConfigError, "slots must be a whole number"),
        ({"slots": 1.5}, ConfigError, "slots must be a whole number"),
        ({"slots": 65}, ConfigError, "slots must be a whole number"),
        ({"max_in_degree": -1}, ConfigError, "max_in_degree must be 0 or more"),
        ({"edges": "ring"}, ConfigError, "edges must be one of dag, star"),
        ({"slots": 1, "sinks": ("vote",)}, ConfigError, r"no sink can have the parents it needs"),
        ({"max_in_degree": 1, "sinks": ("vote",)}, ConfigError, "no sink can have the parents"),
    ],
)
def test_options_that_are_wrong(options, error, message):
    with pytest.raises(error, match=message):
        build("50 units", **options)


A, F = Node("assistant", "s"), Node("fuser", "s")


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (CollaborationGraph.single("s"), None),
        (CollaborationGraph.combine("vote", ["s"] * 3), None),
        (CollaborationGraph.combine("vote", ["s"] * 4), "4 nodes besides the sink"),
        (CollaborationGraph.combine("select", ["s"] * 2), "the sink select is none of"),
        (CollaborationGraph.single("l"), "the sink assistant:l is none of"),
        (CollaborationGraph.fan_in(["l"], "fuser", "s"), "model 'l' is none of s, m"),
        (CollaborationGraph((Node("x", "s"), A), ((0, 1),), 1), "role 'x' is none of"),
        (CollaborationGraph((F, A), ((0, 1),), 1), "node 0: a fuser cannot have 0 parents"),
        (CollaborationGraph((F,), (), 0), "the sink fuser:s cannot have 0 parents"),
        (CollaborationGraph((A, A), (), 1), "does not reach the sink"),
        (CollaborationGraph.fan_in(["m"] * 3, "fuser", "m"), "is expected to cost"),
    ],
)
def test_why_a_graph_is_not_in_the_space(graph, reason):
    space = build("12 units")
    found = space.why_not(graph)
    assert found is None if reason is None else reason in (found or "")


def test_why_not_by_edges():
    assert "feeds a node other" in str(
        build("50 units", edges="star").why_not(CollaborationGraph.chain(["s", "s", "s"]))
    )
    assert "at most 2 are allowed" in str(
        build("50 units", max_in_degree=2).why_not(CollaborationGraph.combine("vote", ["s"] * 3))
    )


def test_listing_refuses_above_its_limit():
    space = build("50 units")
    with pytest.raises(BudgetRefused, match=r"more than 20 graphs.*another searcher"):
        space.graphs(20)
    with pytest.raises(ConfigError, match="more than 100 traces"):
        Distribution(space).enumerate(limit=100)


def test_amounts_are_taken_as_they_are():
    assert build(Amount.parse("9 units")).budget == Amount.parse("9 units")
