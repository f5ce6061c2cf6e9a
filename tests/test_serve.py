"""The block `serve` of a model: how a vLLM of one's own serves it."""

from pathlib import Path

import pytest
import yaml

from graphsearch.engines.vllm import Serve, serve_of
from graphsearch.records.errors import FleetError
from graphsearch.records.models import Fleet, ModelSpec

FULL = {
    "weights": "./small",
    "max_model_len": 512,
    "max_num_seqs": 64,
    "dtype": "float32",
    "quantization": "awq",
    "gpu_memory": 0.4,
    "kv_width": 128,
    "devices": [0, 1],
    "group": "day",
    "env": {"VLLM_USE_V1": 1, "OMP_NUM_THREADS": "2"},
    "args": ["--seed", 7],
    "python": "../venv/bin/python",
    "command": "apptainer run 'my vllm.sif'",
}
SPEC = {"name": "s", "parameters": 1000, "layers": 2, "width": 8}


def test_a_block_survives_json_and_is_left_out_where_there_is_none():
    spec = ModelSpec.from_json({**SPEC, "serve": FULL})
    assert ModelSpec.from_json(spec.to_json()) == spec
    serve = serve_of(spec)
    assert serve.env == {"OMP_NUM_THREADS": "2", "VLLM_USE_V1": "1"}
    assert serve.args == ("--seed", "7")
    assert serve.command == ("apptainer", "run", "my vllm.sif")
    assert hash(spec) == hash(ModelSpec.from_json(spec.to_json()))
    plain = ModelSpec.from_json(SPEC)
    assert "options" not in plain.to_json()
    assert serve_of(plain) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": None}, "serve: weights is missing"),
        ({"weights": 3}, r"serve\.weights: expected a text"),
        ({"port": 8000}, r"serve\.port: unknown key; known are args"),
        ({"gpu_memory": 1.5}, r"serve\.gpu_memory: expected a share"),
        ({"max_model_len": 0}, r"serve\.max_model_len: expected a whole number above 0"),
        ({"devices": [0, 0]}, r"serve\.devices: names a GPU twice"),
        ({"devices": 1}, r"serve\.devices: expected a list"),
        ({"args": "--seed 7"}, r"serve\.args: expected a list"),
        ({"args": [["--seed"]]}, r"serve\.args\[0\]: expected a text"),
        ({"command": "sh 'x"}, r"serve\.command: is no command line"),
        ({"env": {"A B": "1"}}, "no name of a variable"),
        ({"env": {"HF_TOKEN": "hf_abc"}}, r"serve\.env\.HF_TOKEN: sounds like a secret"),
    ],
)
def test_what_is_wrong_is_named(change, words):
    with pytest.raises(FleetError, match=words) as caught:
        ModelSpec.from_json({**SPEC, "serve": {**FULL, **change}})
    assert "hf_abc" not in str(caught.value)


def test_the_digest_follows_what_may_change_replies_and_nothing_else():
    base = Serve(**FULL)
    for change in (
        {"weights": "./other"},
        {"max_model_len": 256},
        {"dtype": "bfloat16"},
        {"quantization": None},
        {"env": {}},
        {"args": ("--seed", "8")},
    ):
        assert base.model_copy(update=change).digest != base.digest
    shared_out = {"gpu_memory": None, "kv_width": 9, "devices": (), "group": None, "python": None}
    same = base.model_copy(update={**shared_out, "command": (), "max_num_seqs": 2})
    assert same.at(Path("/elsewhere")).digest == base.digest


def test_paths_are_relative_to_the_file_of_the_fleet(tmp_path):
    file = tmp_path / "mine.yaml"
    model = {**SPEC, "serve": {"weights": "./small", "python": "../venv/bin/python"}}
    file.write_text(yaml.safe_dump({"name": "f", "unit_model": "s", "models": [model]}))
    fleet = Fleet.load(file)
    serve = serve_of(fleet.model("s"))
    assert serve.folder == tmp_path / "small"
    assert serve.path(serve.python) == tmp_path.parent / "venv/bin/python"
    # Where the file lies is no part of what the fleet is.
    assert Fleet.from_json(fleet.to_json()) == fleet
    assert str(tmp_path) not in str(fleet.to_json())


def test_weights_are_a_folder_a_name_or_embedded():
    assert Serve(weights="Qwen/Qwen2.5-0.5B").folder is None
    assert Serve(weights="/models/x").folder == Path("/models/x")
    assert Serve(weights="~/x").folder == Path.home() / "x"
    assert Serve(weights="embedded:nano").folder.joinpath("config.json").is_file()
    with pytest.raises(FleetError, match="names no embedded model"):
        _ = Serve(weights="embedded:../nano").folder
