"""Slots that may be gates: the least that pending ones cost, and that three tiers are drawn."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsearch.records.errors import ConfigError
from graphsearch.space import Distribution, RoleOption
from graphsearch.space.gates import least_cost
from graphsearch.study.usable import never_used
from tests.space.spaces import build


@st.composite
def pending(draw, count, upto):
    """Which of a few slots are pending, what each costs, and how many more shall be."""
    some = st.lists(st.integers(0, 9), min_size=count, max_size=count)
    plain = draw(some)
    gate = [min(p, g) for p, g in zip(plain, draw(some), strict=True)]
    live = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    return live, plain, gate, draw(st.integers(0, upto))


def by_trying(live, plain, gate, more, upto):
    """Every slot is nothing, a plain call, or a gate that has something below it to hear."""
    costs = []
    for kinds in product((None, "plain", "gate"), repeat=len(live)):
        taken = [kind is not None for kind in kinds]
        heard = all(kind != "gate" or any(taken[:i]) for i, kind in enumerate(kinds))
        kept = all(t or not was for t, was in zip(taken, live, strict=True))
        if heard and kept and sum(taken[:upto]) >= more:
            price = {None: [0] * len(live), "plain": plain, "gate": gate}
            costs.append(sum(price[kind][i] for i, kind in enumerate(kinds)))
    return min(costs)


@settings(max_examples=400)
@given(st.data(), st.integers(1, 5))
def test_the_least_that_pending_slots_cost(data, count):
    upto = data.draw(st.integers(0, count))
    rows = data.draw(st.lists(pending(count, upto), min_size=1, max_size=3))
    live, plain, gate, more = (np.array(column) for column in zip(*rows, strict=True))
    found = least_cost(live, plain, gate, more, upto)
    assert found.tolist() == [by_trying(*row, upto) for row in rows]


TIERS = build(
    "4.4 units",
    slots=6,
    roles=(RoleOption("assistant", 0, 0), "cascade(share, 0.2)"),
    sinks=("cascade(share, 0.1):m",),
)


def test_three_tiers_are_drawn_within_the_budget():
    """Roots, gates that hear them, a gate that hears these; priced as readers none of it fits."""
    traces = Distribution(TIERS).sample_many(np.random.default_rng(1), 400)
    deep = 0
    for trace in traces:
        graph = trace.graph
        graph.validate()
        assert TIERS.why_not(graph) is None
        assert TIERS.too_dear(graph) is None
        assert trace.cost == TIERS.cost.graph(graph)
        gates = [i for i, node in enumerate(graph.nodes) if node.role.startswith("cascade")]
        deep += any(set(graph.parents(i)) & set(gates) for i in gates if i != graph.sink)
    assert deep > 40


def test_gates_of_many_slots_are_drawn_and_followed():
    space = build("30 units", slots=12, models=("s", "m", "l"), roles=(
        "assistant", "fuser", "cascade(share, 0.2)", "cascade(margin, 0.4)"
    ))  # fmt: skip
    distribution = Distribution(space)
    traces = distribution.sample_many(np.random.default_rng(0), 200)
    assert max(trace.cost for trace in traces) <= 30
    for trace in traces[:20]:
        assert distribution.replay(trace.to_json()).log_prob == trace.log_prob


def test_a_gate_cannot_be_told_to_do_without_parents():
    with pytest.raises(ConfigError, match="needs one at least"):
        build("9 units", roles=("assistant", RoleOption("cascade(share, 0.2)", 0)))


def test_a_gate_that_needs_two_parents_is_drawn_where_it_would_fit_as_a_reader():
    gate = RoleOption("cascade(share, 0.2)", 2)
    space = build("4 units", models=("s",), roles=("assistant", gate), sinks=("vote",), slots=4)
    traces = Distribution(space).enumerate()
    assert any(gate.name in trace.roles for trace in traces)
    assert max(trace.cost for trace in traces) <= 4
    assert {trace.graph.key for trace in traces} < {graph.key for graph in space.graphs(5000)}


def test_a_model_that_can_only_be_a_gate_is_not_said_to_be_of_no_use():
    """`m` costs 3 units, and a fifth of that as a gate over one call of `s`."""
    options = {"slots": 2, "sinks": ("vote",)}
    assert never_used(build("2 units", roles=("assistant", "cascade(share, 0.2)"), **options)) == ()
    (said,) = never_used(build("2 units", **options))
    assert "no graph can have model 'm'" in said
