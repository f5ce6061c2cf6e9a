"""The list of prices that comes along holds what it says it holds.

Run by `make test-litellm`, where the release it names is the one installed.
"""

import json
from decimal import Decimal
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

from graphsearch.prices import PriceList
from tests import support

PRICES = PriceList.load()


@pytest.fixture(scope="module")
def packaged():
    """LiteLLM's own map."""
    support.litellm()
    if version("litellm") not in PRICES.source:
        pytest.skip(f"LiteLLM {version('litellm')} is installed, prices: {PRICES.source}")
    home = Path(find_spec("litellm").origin).parent
    return json.loads((home / "model_prices_and_context_window_backup.json").read_text())


@pytest.mark.parametrize("name", PRICES.models)
def test_each_price_is_the_one_of_its_source(packaged, name):
    provider, _, bare = name.partition("/")
    told = packaged.get(name) or packaged[bare]
    assert told["litellm_provider"] == provider
    price = PRICES.models[name]
    for part in ("input", "output"):
        per_token = Decimal(str(told[f"{part}_cost_per_token"]))
        assert getattr(price, f"{part}_price") == per_token * 10**6
    dearer = [
        int(key.removeprefix("input_cost_per_token_above_").removesuffix("k_tokens")) * 1000
        for key in told
        if key.startswith("input_cost_per_token_above_") and key.endswith("k_tokens")
    ]
    assert price.context == min([told["max_input_tokens"], *dearer])
    assert told.get("deprecation_date", "9999") > PRICES.as_of.isoformat()
