"""Fleets: built-in ones, files, and everything that may be wrong in one."""

from decimal import Decimal

import pytest
import yaml

from graphsearch.records.errors import FleetError
from graphsearch.records.models import BUILTIN_FLEETS, Fleet, ModelSpec

GOOD = {
    "name": "mine",
    "unit_model": "s",
    "models": [
        {"name": "s", "parameters": 1000, "layers": 2, "width": 8},
        {
            "name": "m",
            "parameters": 3.0e9,
            "active_parameters": 1000,
            "layers": 4,
            "width": 16,
            "bits": 4,
            "attention": "linear",
            "input_price": 0.06,
            "output_price": "0.18",
            "prefill_rate": 5000,
            "decode_rate": 80.5,
            "overhead_s": 0,
            "engine": "http",
            "endpoint": "http://localhost:8000/v1",
        },
    ],
}


@pytest.mark.parametrize("name", BUILTIN_FLEETS)
def test_built_in_fleets_load_and_say_where_their_constants_come_from(name):
    fleet = Fleet.load(name)
    assert fleet.name == name
    assert fleet.model(fleet.unit_model).name == fleet.unit_model
    assert all(spec.source for spec in fleet.models)
    assert Fleet.from_json(fleet.to_json()) == fleet


def test_the_llama_fleet_has_the_constants_of_the_published_budgets():
    constants = [(m.parameters, m.layers, m.width) for m in Fleet.load("llama").models]
    assert constants == [
        (10**9, 16, 2048),
        (3 * 10**9, 28, 3072),
        (8 * 10**9, 32, 4096),
        (7 * 10**10, 80, 8192),
    ]


def test_general_covers_three_families_and_agrees_with_the_others():
    general = {spec.name: spec for spec in Fleet.load("general").models}
    for name in ("gemma", "qwen"):
        assert all(general[spec.name] == spec for spec in Fleet.load(name).models)
    assert general["llama-1b"].parameters == 1_235_814_400
    assert general["qwen-72b"].parameters == 72_706_203_648


def test_a_file_keeps_what_it_says_and_unknown_stays_unknown(tmp_path):
    path = tmp_path / "fleet.yaml"
    path.write_text(yaml.safe_dump(GOOD))
    fleet = Fleet.load(path)
    small, middle = fleet.models
    assert fleet.names == ("s", "m")
    assert (small.input_price, small.decode_rate, small.context) == (None, None, None)
    assert small.compute_parameters == 1000
    assert (middle.input_price, middle.output_price) == (Decimal("0.06"), Decimal("0.18"))
    assert middle.parameters == 3_000_000_000
    assert middle.compute_parameters == 1000
    assert middle.weight_bytes == 1_500_000_000
    assert middle.overhead_s == 0.0
    assert Fleet.from_json(fleet.to_json()) == fleet


def changed(path, value):
    """GOOD with one value changed; a path ending in a missing key adds it."""
    data = yaml.safe_load(yaml.safe_dump(GOOD))
    *way, last = path
    place = data
    for step in way:
        place = place[step]
    place[last] = value
    return data


def test_only_the_name_of_a_model_must_be_known():
    spec = ModelSpec.from_json({"name": "somewhere", "served_name": "vendor/model"})
    assert (spec.parameters, spec.layers, spec.width) == (None, None, None)
    assert (spec.compute_parameters, spec.weight_bytes) == (None, None)
    assert ModelSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("models", 1, "layers"), "four", r"fleet.models\[1\].layers: expected a whole number"),
        (("models", 1, "layers"), 0, r"fleet.models\[1\].layers: must be above 0"),
        (("models", 1, "layers"), True, r"fleet.models\[1\].layers: expected a whole number"),
        (("models", 1, "parameters"), "3e9", r"fleet.models\[1\].parameters: expected a whole"),
        (("models", 1, "parameters"), 1.5, r"fleet.models\[1\].parameters: expected a whole"),
        (("models", 1, "active_parameters"), 4e9, r"fleet.models\[1\].active_parameters: is 4"),
        (("models", 1, "layer"), 4, r"fleet.models\[1\].layer: unknown key"),
        (("models", 1, "input_price"), -1, r"fleet.models\[1\].input_price: must be finite and 0"),
        (("models", 1, "input_price"), "free", r"fleet.models\[1\].input_price: expected a number"),
        (("models", 1, "decode_rate"), 0, r"fleet.models\[1\].decode_rate: must be finite and ab"),
        (("models", 1, "decode_rate"), float("inf"), r"fleet.models\[1\].decode_rate: must be fin"),
        (("models", 1, "attention"), "sparse", r"fleet.models\[1\].attention: expected full or"),
        (("models", 1, "name"), None, r"fleet.models\[1\]: name is missing"),
        (("models", 1, "name"), "s", r"models\[1\].name: 's' is there twice"),
        (("models", 1, "engine"), 3, r"fleet.models\[1\].engine: expected a text"),
        (("models", 1), "m", r"fleet.models\[1\]: expected a mapping"),
        (("models",), {}, "fleet.models: expected a list"),
        (("models",), [], "needs at least one model"),
        (("unit_model",), "x", "unit_model: 'x' is not one of the models m, s"),
        (("unit_model",), None, "fleet: unit_model is missing"),
        (("units",), "s", "fleet.units: unknown key"),
    ],
)
def test_bad_values_are_named_by_their_path(path, value, message):
    with pytest.raises(FleetError, match=message):
        Fleet.from_json(changed(path, value))


def test_files_that_are_no_fleet(tmp_path):
    with pytest.raises(FleetError, match="no such file, nor a fleet of that name; built in are"):
        Fleet.load("lama")
    with pytest.raises(FleetError, match="is a folder"):
        Fleet.load(tmp_path)
    bad = tmp_path / "bad.yaml"
    for content, message in [
        ("a: [", "bad.yaml:1: expected the node content"),
        ("", "expected a mapping"),
        ("[1]", "expected a map"),
    ]:
        bad.write_text(content)
        with pytest.raises(FleetError, match=message):
            Fleet.load(bad)


def test_an_unknown_model_is_answered_with_the_known_ones():
    with pytest.raises(FleetError, match="fleet llama has no model 'x'; it has llama-1b, llama-3b"):
        Fleet.load("llama").model("x")


def test_a_model_alone_round_trips():
    spec = Fleet.load("general").models[0]
    assert ModelSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize("value", ["sk-planted-4711", "sk_planted_4711", 4711, "TWO WORDS"])
def test_a_key_in_place_of_its_variables_name_is_not_repeated(value):
    model = {**GOOD["models"][1], "api_key_env": value}
    with pytest.raises(
        FleetError, match=r"^fleet\.models\[0\]\.api_key_env: expected the"
    ) as caught:
        Fleet.from_json({"name": "x", "unit_model": "m", "models": [model]})
    assert "4711" not in str(caught.value)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://me:sk-1234@h/v1",
        "HTTP://me:a/sk-1234@h/v1",
        "http://h/v1?key=sk-1234",
        "http://h/v1#sk-1234",
    ],
)
def test_an_endpoint_with_a_secret_is_refused_and_not_repeated(endpoint):
    with pytest.raises(FleetError, match="api_key_env") as caught:
        ModelSpec.from_json({"name": "a", "endpoint": endpoint})
    assert "sk-1234" not in str(caught.value)
    folder = ModelSpec.from_json({"name": "a", "endpoint": "records/me@home?"})
    assert folder.endpoint == "records/me@home?"
