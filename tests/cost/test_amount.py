"""Amounts: reading, writing, and what is refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsearch.cost import CURRENCIES, Amount
from graphsearch.records.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value", "currency"),
    [
        ("18 units", Decimal(18), "units"),
        ("0.002usd", Decimal("0.002"), "usd"),
        ("5 USD", Decimal(5), "usd"),
        ("$5", Decimal(5), "usd"),
        ("20000 units", Decimal(20000), "units"),
        ("20_000 units", Decimal(20000), "units"),
        ("3e15 flops", 3 * 10**15, "flops"),
        ("90 s", 90.0, "seconds"),
        ("1.5 h", 5400.0, "seconds"),
        ("40 calls", 40, "calls"),
        (" 1,000 tokens ", 1000, "tokens"),
        ("7 flops_plain", 7, "flops_plain"),
    ],
)
def test_parse(text, value, currency):
    amount = Amount.parse(text)
    assert (amount.value, amount.currency) == (value, currency)
    assert type(amount.value) is type(value)
    assert Amount.parse(str(amount)) == amount
    assert Amount.parse(amount) is amount


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("18", "expected a number with its currency"),
        ("units", "expected a number with its currency"),
        ("", "expected a number with its currency"),
        ("18 unitss", "unknown currency 'unitss'"),
        ("-3 units", "must be above 0"),
        ("0 usd", "must be above 0"),
        ("nan usd", "expected a number"),
        ("1.5 calls", "calls come whole"),
        ("$5 usd", "expected a number"),
        (18, "expected a number with its currency"),
    ],
)
def test_what_is_no_amount(text, message):
    with pytest.raises(ConfigError, match=f"^budget: .*{message}"):
        Amount.parse(text, where="budget")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "3", None])
def test_values_are_finite_numbers(value):
    with pytest.raises(ConfigError):
        Amount(value, "units")


def test_unknown_currency():
    with pytest.raises(ConfigError, match="unknown currency 'euro'"):
        Amount(3, "euro")


@given(st.integers(1, 10**18), st.sampled_from(CURRENCIES))
def test_text_round_trip(number, currency):
    value = Decimal(number) / 1000 if currency in {"usd", "units"} else number
    amount = Amount(value, currency)
    assert Amount.parse(str(amount)) == amount
