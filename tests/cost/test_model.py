"""Costs against the check values of the design, in every currency."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsearch.cost import CURRENCIES, PROFILES, Amount, CostModel, TokenProfile, parse_profile
from graphsearch.execution.pricing import Pricer
from graphsearch.graph import CollaborationGraph, Node
from graphsearch.records.calls import Usage
from graphsearch.records.errors import BudgetRefused, ConfigError, FleetError
from graphsearch.records.models import Fleet, ModelSpec

LLAMA = Fleet.load("llama")
ROOT = Path(__file__).resolve().parents[2]

PRICED = Fleet(
    "priced",
    tuple(
        ModelSpec(
            name,
            parameters=parameters,
            layers=4,
            width=64,
            input_price=Decimal("0.06") * k,
            output_price=Decimal("0.25") * k,
            prefill_rate=1000.0 / k,
            decode_rate=100.0 / k,
            overhead_s=0.5,
        )
        for k, name, parameters in [(1, "s", 10**6), (3, "m", 3 * 10**6)]
    ),
    "s",
)
SHORT = TokenProfile(100, 50)


def complete(n):
    nodes = (Node("assistant", "llama-1b"),) * n + (Node("assistant", "llama-3b"),)
    return CollaborationGraph(nodes, tuple((i, j) for j in range(n + 1) for i in range(j)), n)


def test_check_values_of_math():
    cost = CostModel(LLAMA, PROFILES["math"], "units")
    assert f"{cost.unit_flops:.3e}" == "9.710e+11"
    gammas = [round(cost.gamma(name), 2) for name in LLAMA.names]
    assert gammas == [1.00, 2.99, 7.92, 69.08]
    assert [round(cost.graph(complete(n)), 2) for n in (4, 8, 12)] == [17.75, 42.87, 78.98]


@pytest.mark.parametrize(
    ("task", "unit", "costs"),
    [("mmlu", "8.680e+11", [16.3, 38.5, 70.0]), ("humaneval", "5.957e+11", [14.2, 31.9, 56.4])],
)
def test_check_values_of_other_tasks(task, unit, costs):
    cost = CostModel(LLAMA, PROFILES[task], "units")
    assert f"{cost.unit_flops:.3e}" == unit
    assert [round(cost.graph(complete(n)), 1) for n in (4, 8, 12)] == costs
    assert cost.gamma("llama-1b") == 1.0


def test_the_example_graph():
    graph = CollaborationGraph.load(ROOT / "examples" / "complete12.yaml")
    assert graph == complete(12)
    assert round(CostModel(LLAMA, PROFILES["math"], "units").graph(graph), 2) == 78.98


@given(st.integers(0, 40), st.integers(1, 3000), st.integers(1, 3000))
def test_flops_are_the_polynomial_of_the_design(d, a, b):
    cost = CostModel(LLAMA, TokenProfile(a, b), "flops")
    spec = LLAMA.model("llama-3b")
    m, ld = spec.parameters, spec.layers * spec.width
    alpha = 2 * ld * b * b
    beta = 2 * m * b + 2 * ld * b * (2 * a + 2 * b + 1)
    gamma = 2 * (m + ld) * (a + b) + 2 * ld * (a + b) ** 2
    assert cost.node_ticks("llama-3b", d) == alpha * d * d + beta * d + gamma


@pytest.mark.parametrize("currency", CURRENCIES)
def test_a_call_of_the_expected_lengths_costs_what_was_expected(currency):
    cost = CostModel(PRICED, SHORT, currency)
    for degree in range(4):
        usage = Usage(100 + 50 * degree, 50, 1)
        assert cost.usage_ticks("m", usage) == cost.node_ticks("m", degree)
        assert cost.of_usage("m", usage) == cost.node("m", degree)


@pytest.mark.parametrize("currency", CURRENCIES)
def test_the_cost_of_a_graph_is_that_of_its_nodes(currency):
    cost = CostModel(PRICED, SHORT, currency)
    graph = CollaborationGraph.fan_in(["s", "m", "s"], "fuser", "m")
    if currency == "seconds":
        expected = max(cost.gamma("s"), cost.gamma("m")) + cost.node("m", 3)
    else:
        expected = 2 * cost.gamma("s") + cost.gamma("m") + cost.node("m", 3)
    assert cost.graph(graph) == pytest.approx(expected, rel=1e-12)
    voted = CollaborationGraph.combine("vote", ["s", "s"])
    assert cost.graph(voted) == cost.gamma("s") * (1 if currency == "seconds" else 2)
    assert cost.step("m", 2) == pytest.approx(cost.node("m", 3) - cost.node("m", 2), rel=1e-9)


def test_every_currency_by_hand():
    graph = CollaborationGraph.fan_in(["s", "s"], "fuser", "m")
    value = {c: CostModel(PRICED, SHORT, c).graph(graph) for c in CURRENCIES}
    assert value["calls"] == 3
    assert value["tokens"] == 150 + 150 + 250
    assert value["flops_plain"] == 2 * (10**6 * 300 + 3 * 10**6 * 250)
    # The m model reads 200 tokens at 0.18 and writes 50 at 0.75 a million.
    assert value["usd"] == pytest.approx((2 * (6 + 12.5) + 36 + 37.5) * 1e-6, rel=1e-12)
    assert value["seconds"] == pytest.approx(0.5 + 0.1 + 0.5 + 0.5 + 0.6 + 1.5, rel=1e-9)
    assert value["units"] == value["flops"] / CostModel(PRICED, SHORT, "units").unit_flops


def test_longest_path_goes_through_the_slow_branch():
    slow, quick = Node("assistant", "m"), Node("assistant", "s")
    nodes = (quick, quick, slow, quick)
    graph = CollaborationGraph(nodes, ((0, 1), (1, 3), (2, 3)), 3)
    cost = CostModel(PRICED, SHORT, "seconds")
    through = [cost.gamma("s") + cost.node("s", 1), cost.gamma("m")]
    assert cost.graph(graph) == pytest.approx(max(through) + cost.node("s", 2), rel=1e-9)
    assert through[0] != through[1]


def test_linear_attention_drops_what_is_quadratic():
    linear = replace(LLAMA.models[0], attention="linear")
    fleet = Fleet("linear", (linear,), "llama-1b")
    for degree in (0, 3):
        cost = CostModel(fleet, SHORT, "flops")
        plain = CostModel(fleet, SHORT, "flops_plain")
        assert cost.node("llama-1b", degree) == plain.node("llama-1b", degree)
    full = CostModel(LLAMA, SHORT, "flops")
    assert full.node("llama-1b", 3) > cost.node("llama-1b", 3)


def test_bits_scale_flops_only_where_told():
    quantised = Fleet("q4", (replace(LLAMA.models[0], bits=4),), "llama-1b")
    full = CostModel(LLAMA, SHORT, "flops").gamma("llama-1b")
    assert CostModel(quantised, SHORT, "flops").gamma("llama-1b") == full
    assert CostModel(quantised, SHORT, "flops", scale_bits=True).gamma("llama-1b") == full / 4


def test_active_parameters_are_what_a_token_costs():
    sparse = replace(LLAMA.models[0], parameters=10**10, active_parameters=10**9)
    fleet = Fleet("sparse", (sparse,), "llama-1b")
    assert CostModel(fleet, SHORT, "flops").gamma("llama-1b") == CostModel(
        LLAMA, SHORT, "flops"
    ).gamma("llama-1b")


def test_a_fuser_that_keeps_its_best_parents_pays_for_those():
    cost = CostModel(LLAMA, SHORT, "units")
    assert cost.node("llama-3b", 7, keep=2) == cost.node("llama-3b", 2)
    assert cost.node("llama-3b", 1, keep=2) == cost.node("llama-3b", 1)


def test_unknown_is_not_free():
    for currency, missing in (("usd", "input_price"), ("seconds", "prefill_rate")):
        cost = CostModel(LLAMA, SHORT, currency)
        reason = cost.can_price("llama-1b")
        assert reason is not None
        assert missing in reason
        for price in (
            lambda cost=cost: cost.gamma("llama-1b"),
            lambda cost=cost: cost.graph(complete(2)),
            lambda cost=cost: cost.of_usage("llama-1b", Usage(1, 1, 1)),
        ):
            with pytest.raises(BudgetRefused, match=missing):
                price()
    assert CostModel(LLAMA, SHORT, "units").can_price("llama-1b") is None
    assert CostModel(PRICED, SHORT, "usd").can_price("m") is None
    with pytest.raises(FleetError, match="no model 'x'"):
        CostModel(LLAMA, SHORT, "units").gamma("x")


def test_a_price_of_zero_is_a_price():
    free = replace(PRICED.models[0], input_price=Decimal(0), output_price=Decimal(0))
    assert CostModel(Fleet("free", (free,), "s"), SHORT, "usd").gamma("s") == 0.0


def test_measured_seconds_are_the_cost_in_seconds():
    cost = CostModel(PRICED, SHORT, "seconds")
    assert cost.of_usage("s", Usage(100, 50, 1), seconds=9.25) == 9.25
    unmeasured = CostModel(LLAMA, SHORT, "seconds")
    assert unmeasured.of_usage("llama-1b", Usage(1, 1, 1), seconds=2.0) == 2.0


def test_usage_of_several_calls_is_priced_as_that_many_equal_calls():
    cost = CostModel(PRICED, SHORT, "flops")
    one = cost.of_usage("s", Usage(100, 50, 1))
    assert cost.of_usage("s", Usage(300, 150, 3)) == 3 * one
    assert cost.of_usage("s", Usage(300, 150, 3)) < cost.of_usage("s", Usage(300, 150, 1))


def test_amounts_and_budgets():
    usd = CostModel(PRICED, SHORT, "usd")
    assert usd.amount(usd.node_ticks("s", 0)) == Amount(Decimal("0.0000185"), "usd")
    assert usd.budget_ticks(Amount.parse("0.0000185 usd")) == usd.node_ticks("s", 0)
    flops = CostModel(PRICED, SHORT, "flops")
    assert flops.amount(12) == Amount(12, "flops")
    with pytest.raises(BudgetRefused, match="budget of 3 usd cannot be kept in flops"):
        flops.budget_ticks(Amount(Decimal(3), "usd"))


@given(st.integers(1, 10**15), st.sampled_from(["units", "seconds", "usd", "tokens"]))
def test_a_cost_that_was_printed_still_pays_for_itself_and_for_nothing_dearer(ticks, currency):
    cost = CostModel(LLAMA, PROFILES["math"], currency)
    printed = Amount(cost.from_ticks(ticks) if currency != "tokens" else ticks, currency)
    allowed = cost.budget_ticks(Amount.parse(str(printed)))
    assert ticks <= allowed <= ticks + Fraction(ticks, 2**50)


def test_profiles():
    assert parse_profile("MATH") == TokenProfile(202, 275)
    assert parse_profile("12, 34") == TokenProfile(12, 34)
    for text in ("maths", "12", "12,-3", "0,5", "1,2,3"):
        with pytest.raises(ConfigError, match="no known task"):
            parse_profile(text)
    with pytest.raises(ConfigError, match="token lengths"):
        CostModel(LLAMA, TokenProfile(5, 0), "units")
    with pytest.raises(ConfigError, match="unknown currency"):
        CostModel(LLAMA, SHORT, "euro")


class TestModelsOfUnknownSize:
    FLEET = Fleet("mine", (LLAMA.models[0], ModelSpec("api", input_price=Decimal(1))), "api")

    @pytest.mark.parametrize(
        ("currency", "missing"),
        [
            ("flops", "parameters and layers and width unknown; give them in the fleet"),
            ("flops_plain", "parameters unknown; give it in the fleet"),
            ("usd", "output_price unknown; give it in the fleet or in a file of prices"),
            ("seconds", "prefill_rate and decode_rate and overhead_s unknown"),
        ],
    )
    def test_what_is_missing_is_named(self, currency, missing):
        cost = CostModel(self.FLEET, SHORT, currency)
        assert missing in str(cost.can_price("api"))
        with pytest.raises(BudgetRefused, match="model 'api' of fleet mine cannot be priced"):
            cost.node("api", 0)

    def test_nothing_has_units_where_the_unit_model_has_no_size(self):
        cost = CostModel(self.FLEET, SHORT, "units")
        assert "model 'api'" in str(cost.can_price(LLAMA.models[0].name))
        with pytest.raises(BudgetRefused, match=r"'api'.*parameters"):
            _ = cost.unit_flops
        other = Fleet("mine", self.FLEET.models, LLAMA.models[0].name)
        assert CostModel(other, SHORT, "units").can_price(LLAMA.models[0].name) is None

    def test_active_parameters_are_enough_for_plain_flops(self):
        fleet = Fleet("mine", (ModelSpec("moe", active_parameters=10),), "moe")
        assert CostModel(fleet, SHORT, "flops_plain").can_price("moe") is None

    def test_linear_models_need_no_layers(self):
        fleet = Fleet("mine", (ModelSpec("rnn", 10, attention="linear"),), "rnn")
        assert CostModel(fleet, SHORT, "units").node("rnn", 0) == pytest.approx(1)

    def test_tokens_and_calls_can_always_be_counted(self):
        for currency in ("tokens", "calls"):
            assert CostModel(self.FLEET, SHORT, currency).can_price("api") is None

    def test_spends_leave_open_what_is_unknown(self):
        spend = Pricer(self.FLEET, SHORT).spend("api", Usage(5, 5, 1))
        assert (spend.get("units"), spend.get("usd")) == (None, None)
        assert (spend.get("tokens"), spend.get("calls")) == (10, 1)
