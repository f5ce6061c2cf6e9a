"""`graphsearch fleet save`, `up`, `status` and `down`."""

import json

import pytest
import yaml
from typer.testing import CliRunner

from graphsearch.cli import app
from graphsearch.engines.vllm import stop_servers
from tests.engines.vllm.conftest import fleet, free_ports, model


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    yield
    stop_servers()


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(fleet(*(model(f"m{p}", p) for p in free_ports(2))).to_json()))
    return path


def call(*words, code=0):
    done = CliRunner().invoke(app, ["fleet", *map(str, words)])
    assert done.exit_code == code, done.output
    return done


def as_json(*words, code=0):
    return json.loads(call(*words, "--json", code=code).stdout.splitlines()[-1])


def test_up_status_down(mine):
    done = call("up", mine, "--device", "cpu")
    assert "is up after" in done.stderr
    assert done.stdout.splitlines()[0].split() == ["model", "state", "endpoint", "pid", "log"]
    found = as_json("status", mine)["servers"]
    assert [one["phase"] for one in found] == ["up", "up"]
    again = as_json("up", mine, "--device", "cpu")
    assert again["fleet"] == "mine"
    assert [one["pid"] for one in again["servers"]] == [one["pid"] for one in found]
    assert [one["phase"] for one in as_json("down", mine)["stopped"]] == ["up", "up"]
    assert as_json("status") == {"servers": []}
    assert call("down").stdout == call("status").stdout == "no server was started here\n"


def test_a_plan_starts_nothing(mine):
    plans = as_json("up", mine, "--plan", "--device", "cpu")["plans"]
    assert [one["env"]["VLLM_CPU_KVCACHE_SPACE"] for one in plans] == ["1", "1"]
    assert "fake_vllm.py" in call("up", mine, "--plan", "--device", "cpu").stdout
    one = as_json("up", mine, "--plan", "--device", "cpu", "--models", plans[0]["model"])
    assert len(one["plans"]) == 1
    assert as_json("status") == {"servers": []}


def test_a_plan_needs_no_vllm(tmp_path, monkeypatch):
    monkeypatch.delenv("GRAPHSEARCH_VLLM_PYTHON", raising=False)
    monkeypatch.setattr("graphsearch.engines.vllm.plan.find_spec", lambda name: None)
    monkeypatch.setattr("graphsearch.engines.vllm.plan.shutil.which", lambda name: None)
    (port,) = free_ports(1)
    row = {**model("m", port), "serve": {"weights": "org/model", "max_model_len": 512}}
    path = tmp_path / "fleet.yaml"
    path.write_text(yaml.safe_dump(fleet({**row, "parameters": 10**6}).to_json()))
    done = call("up", path, "--plan", "--device", "cpu")
    assert "vllm serve org/model" in done.stdout
    assert done.stderr.startswith("note: vLLM is not here; install it")
    assert as_json("up", path, "--plan", "--device", "cpu")["plans"][0]["missing"]


@pytest.mark.parametrize("names", ["", " , "])
def test_no_model_named_is_bad_input(mine, names):
    found = as_json("up", mine, "--models", names, code=2)["error"]
    assert found["message"].startswith(f"--models: names no model, got {names!r}")


def test_save(tmp_path):
    found = as_json("save", tmp_path / "f", "--models", "xs,s", "--port", 9000)
    assert found["fleet"] == str(tmp_path / "f" / "fleet.yaml")
    assert set(found["folders"]) == {"xs", "s"}
    assert "graphsearch fleet up" in call("save", tmp_path / "f").stdout
    assert call("save", tmp_path / "g", "--models", "huge", code=2).exit_code == 2


def test_a_fleet_without_servers_is_bad_input():
    found = as_json("up", "llama", code=2)
    assert "no model of it has a block 'serve'" in found["error"]["message"]
