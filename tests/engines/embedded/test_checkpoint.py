import json
from dataclasses import replace

import pytest

from graphsearch.engines.embedded.checkpoint import Checkpoint, model_digest
from graphsearch.records.errors import FleetError
from graphsearch.testing import write_random_model
from graphsearch.testing.models import SMALL_SHAPE


@pytest.fixture
def folder(tmp_path):
    return write_random_model(tmp_path / "model")


def edit(path, **changes):
    value = json.loads(path.read_text())
    path.write_text(json.dumps(value | changes))


def test_a_folder_is_read_as_it_was_written(folder):
    loaded = Checkpoint.load(folder)
    assert loaded.shape == SMALL_SHAPE
    assert loaded.digest == model_digest(folder)
    assert loaded.tokenizer.encode(" w3\tw4  w39 ") == (3, 4, 39)
    assert loaded.tokenizer.decode([0, 3, 1, 4, 2]) == "w3 w4"


def test_other_weights_and_other_settings_have_another_digest(folder, tmp_path):
    before = model_digest(folder)
    assert before != model_digest(write_random_model(tmp_path / "b", seed=1))
    edit(folder / "config.json", eos_token_id=[7])
    assert before != model_digest(folder)


def test_both_forms_of_the_rotary_constant_are_read(folder):
    wanted = Checkpoint.load(folder).shape
    edit(folder / "config.json", rope_theta=None, rope_parameters={"rope_theta": 10_000.0})
    assert Checkpoint.load(folder).shape == wanted


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_or_broken_file_is_named(folder, name):
    (folder / name).write_text("{")
    with pytest.raises(FleetError, match=name):
        Checkpoint.load(folder)
    (folder / name).unlink()
    with pytest.raises(FleetError, match=name):
        Checkpoint.load(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "qwen3"}, "model_type is 'qwen3'"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ({"attention_bias": True}, "attention_bias"),
        ({"rope_scaling": {"rope_type": "yarn"}}, "yarn"),
        ({"hidden_size": 17}, r"input_layernorm.weight is \(16,\)"),
        ({"num_hidden_layers": 3}, "layers.2"),
        ({"vocab_size": "many"}, "not a number"),
    ],
)
def test_what_is_not_this_plain_llama_is_refused(folder, changes, message):
    edit(folder / "config.json", **changes)
    with pytest.raises(FleetError, match=message):
        Checkpoint.load(folder)


def test_a_missing_constant_is_named(folder):
    value = json.loads((folder / "config.json").read_text())
    del value["rms_norm_eps"]
    (folder / "config.json").write_text(json.dumps(value))
    with pytest.raises(FleetError, match=r"config\.json: 'rms_norm_eps' is missing"):
        Checkpoint.load(folder)


def test_only_whole_word_vocabularies_are_read(folder, tmp_path):
    edit(folder / "tokenizer.json", model={"type": "BPE", "vocab": {}})
    with pytest.raises(FleetError, match="'BPE'"):
        Checkpoint.load(folder)
    many = [f"w{index}" for index in range(SMALL_SHAPE.words + 1)]
    wide = write_random_model(tmp_path / "wide", replace(SMALL_SHAPE), words=many)
    with pytest.raises(FleetError, match="41 words"):
        Checkpoint.load(wide)
