"""Prices: the list that comes along, lists of one's own, and what a fleet takes from them."""

from datetime import date
from decimal import Decimal

import pytest

from graphsearch.prices import Price, PriceList, with_prices
from graphsearch.records.errors import FleetError
from graphsearch.records.models import Fleet, ModelSpec

OWN = {
    "as_of": "2026-11-01",
    "source": "our contract",
    "models": {
        "openai/gpt-4o-mini": {"input_price": "0.10", "output_price": "0.40"},
        "small": {"input_price": "0.02", "output_price": "0.06", "context": 4096},
        "openai/gpt-4o": {},
    },
}


def filled(spec, own=None):
    return with_prices(Fleet("f", (spec,), spec.name), own).models[0]


def test_the_list_that_comes_along_is_dated_and_whole():
    prices = PriceList.load()
    assert prices.as_of >= date(2026, 10, 1)
    assert "LiteLLM" in prices.note
    assert prices.as_of.isoformat() in prices.note
    assert len(prices.models) >= 40
    for name, price in prices.models.items():
        assert "/" in name
        assert price.input_price is not None
        assert price.output_price is not None
        assert 0 < price.input_price <= price.output_price < 1000
        assert price.context is not None
        assert price.context > 1000


def test_a_model_of_a_provider_gets_its_price_with_the_date():
    spec = filled(ModelSpec("mini", engine="litellm", served_name="openai/gpt-4o-mini"))
    assert (spec.input_price, spec.output_price) == (Decimal("0.15"), Decimal("0.60"))
    assert spec.context == 128_000
    assert spec.price_source == PriceList.load().note


@pytest.mark.parametrize(
    "spec",
    [
        ModelSpec("openai/gpt-4o-mini", engine="http", endpoint="http://127.0.0.1:1/v1"),
        ModelSpec("openai/gpt-4o-mini", engine="litellm", endpoint="http://127.0.0.1:1/v1"),
        ModelSpec("openai/no-such-model", engine="litellm"),
    ],
)
def test_the_same_name_elsewhere_stays_unknown(spec):
    assert filled(spec) == spec


def test_what_the_fleet_says_wins():
    spec = ModelSpec("openai/gpt-4o-mini", engine="litellm", input_price=Decimal(9), context=100)
    assert filled(spec) == spec
    assert filled(spec, PriceList.from_json(OWN)) == spec


def test_a_list_of_ones_own_goes_before_the_one_that_comes_along():
    own = PriceList.from_json(OWN)
    spec = filled(ModelSpec("openai/gpt-4o-mini", engine="litellm"), own)
    assert spec.input_price == Decimal("0.10")
    assert spec.price_source == "our contract, as of 2026-11-01"
    assert filled(ModelSpec("openai/gpt-5", engine="litellm"), own).input_price is not None
    # An empty entry says that the price is unknown.
    assert filled(ModelSpec("openai/gpt-4o", engine="litellm"), own).input_price is None


def test_a_list_of_ones_own_holds_for_any_engine():
    own = PriceList.from_json(OWN)
    spec = filled(ModelSpec("small", endpoint="http://127.0.0.1:1/v1", served_name="q"), own)
    assert (spec.output_price, spec.context) == (Decimal("0.06"), 4096)


def test_the_source_of_a_file_is_its_name(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text('as_of: "2026-11-01"\nmodels: {m: {input_price: 0.1, output_price: 1}}\n')
    prices = PriceList.load(path)
    assert prices.note == "mine.yaml, as of 2026-11-01"
    assert prices.models == {"m": Price(Decimal("0.1"), Decimal(1))}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"as_of": None}, "as_of: expected the date of the prices"),
        ({"as_of": "yesterday"}, "as_of: expected the date of the prices"),
        ({"models": None}, "models: expected a mapping"),
        ({"modles": {}}, "^prices: modles: unknown key; known are as_of, models, source"),
        ({"source": 3}, "source: expected a text"),
        (
            {"models": {"m": {"price": 1}}},
            r"models\.m\.price: unknown key; known are context",
        ),
        ({"models": {"m": {"input_price": -1}}}, "models.m.input_price: must be finite"),
        ({"models": {"m": {"context": 0}}}, "models.m.context: must be above 0"),
        ({"models": {"m": 3}}, "models.m: expected a mapping"),
    ],
)
def test_bad_values_are_named(change, message):
    with pytest.raises(FleetError, match=message):
        PriceList.from_json({**OWN, **change})
