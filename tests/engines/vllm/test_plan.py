"""What is planned: memory, commands, environments; no process is started."""

import json
import sys
from dataclasses import replace

import pytest

from graphsearch.engines.vllm import State, plan_servers, start_servers
from graphsearch.engines.vllm.machine import GiB, find_machine
from graphsearch.engines.vllm.memory import CPU_OVERHEAD, GPU_OVERHEAD, Need, share_out
from graphsearch.records.errors import FleetError
from tests.engines.vllm.conftest import CPU, fleet, gpus, model

SMALL = Need("small", 2 * GiB, 2**17, 8192, 32, GPU_OVERHEAD)  # 1 GiB a reply
LARGE = Need("large", 14 * GiB, 2**18, 8192, 16, GPU_OVERHEAD)  # 2 GiB a reply


def hub(name="large", port=8001, **serve):
    """A model on the hub, run by the Python of these tests."""
    told = {"weights": "org/model", "command": None, "python": sys.executable, **serve}
    return model(name, port, serve=told)


def flags(plan):
    """The value after each flag."""
    words = plan.command
    return {word: words[i + 1] for i, word in enumerate(words[:-1]) if word.startswith("--")}


def test_everybody_gets_the_least_and_the_same_share_of_more():
    shares = share_out([SMALL, LARGE], gpus(48))
    room = 0.92 * 48 * GiB - SMALL.least - LARGE.least
    fill = room / (SMALL.more + LARGE.more)
    for need in (SMALL, LARGE):
        assert shares[need.model].memory == pytest.approx(need.least + fill * need.more, rel=1e-6)
    assert sum(share.fraction for share in shares.values()) <= 0.92 + 0.002
    assert share_out([SMALL], gpus(80))["small"].memory == SMALL.least + SMALL.more


def test_what_does_not_fit_is_refused_with_the_numbers():
    with pytest.raises(FleetError) as caught:
        share_out([SMALL, LARGE], gpus(24))
    said = str(caught.value)
    assert "GPU 0 (H) has 22.1 GiB for servers, and these need at least 23.0" in said
    assert "small 5.0, large 18.0" in said
    assert "engine: vllm-sleep" in said
    with pytest.raises(FleetError, match="quantise"):
        share_out([LARGE], gpus(16))


def test_those_that_sleep_need_room_beside_their_group_alone():
    sleepy = [replace(SMALL, group="a"), replace(LARGE, group="b")]
    shares = share_out(sleepy, gpus(24))
    assert shares["large"].memory >= LARGE.least
    with pytest.raises(FleetError, match=r"at least 19\.0: large 18\.0, small \(asleep\) 1\.0"):
        share_out(sleepy, gpus(20))
    # One that never sleeps needs room beside each of them.
    with pytest.raises(FleetError, match=r"small 5\.0, large 18\.0"):
        share_out([SMALL, sleepy[1]], gpus(24))
    together = [replace(SMALL, group="a"), replace(LARGE, group="a")]
    with pytest.raises(FleetError):
        share_out(together, gpus(24))


def test_gpus_are_filled_evenly_and_as_told():
    twin = replace(SMALL, model="twin")
    shares = share_out([SMALL, LARGE, twin], gpus(24, 24))
    assert shares["large"].devices == (0,)
    assert shares["small"].devices == shares["twin"].devices == (1,)
    spread = share_out([replace(LARGE, devices=(0, 1)), replace(SMALL, devices=(1,))], gpus(16, 16))
    assert spread["large"].devices == (0, 1)
    assert spread["large"].fraction * 16 * GiB >= LARGE.least / 2
    with pytest.raises(FleetError, match=r"model small: serve\.devices: there is no GPU 3"):
        share_out([replace(SMALL, devices=(3,))], gpus(24))


def test_a_fixed_share_is_kept():
    shares = share_out([replace(SMALL, fixed=0.5), LARGE], gpus(48))
    assert shares["small"].fraction == 0.5
    with pytest.raises(FleetError, match=r"small 24\.0"):
        share_out([replace(SMALL, fixed=0.5), replace(LARGE, weights=30 * GiB)], gpus(48))


def test_on_cores_keys_and_values_come_in_whole_gib():
    a = Need("a", GiB, 2**17, 8192, 4, CPU_OVERHEAD)
    shares = share_out([a, replace(a, model="b")], CPU)
    assert [share.kv_gib for share in shares.values()] == [4, 4]
    tight = replace(CPU, devices=(replace(CPU.devices[0], total=13 * GiB),))
    assert [s.kv_gib for s in share_out([a, replace(a, model="b")], tight).values()] == [4, 1]
    small = replace(CPU, devices=(replace(CPU.devices[0], total=8 * GiB),))
    with pytest.raises(FleetError, match=r"the memory has 7\.2 GiB .* at least 8\.0"):
        share_out([a, replace(a, model="b")], small)


def test_a_command_says_all_that_the_fleet_does():
    told = {"max_model_len": 512, "max_num_seqs": 8, "dtype": "float16", "devices": [0, 1]}
    row = {**hub(**told, args=["--note", "x y"]), "revision": "abc", "served_name": "big"}
    (plan,) = plan_servers(fleet(row), gpus(24, 24))
    assert plan.command[:4] == (
        sys.executable,
        *("-m", "vllm.entrypoints.openai.api_server", "--model"),
    )
    assert plan.command[4] == "org/model"
    assert flags(plan) == {
        "--model": "org/model",
        "--served-model-name": "big",
        "--host": "127.0.0.1",
        "--port": "8001",
        "--max-model-len": "512",
        "--max-num-seqs": "8",
        "--dtype": "float16",
        "--revision": "abc",
        "--gpu-memory-utilization": str(plan.share.fraction),
        "--tensor-parallel-size": "2",
        "--note": "x y",
    }
    assert plan.env["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert plan.env["VLLM_NO_USAGE_STATS"] == plan.env["DO_NOT_TRACK"] == "1"
    assert "HF_HUB_OFFLINE" not in plan.env
    assert "'x y'" in plan.line


def test_on_cores_servers_share_them_and_local_weights_ask_no_hub():
    plans = plan_servers(fleet(model("a", 8001), model("b", 8002, serve={"env": {"A": 1}})), CPU)
    for plan in plans:
        assert plan.env["VLLM_CPU_KVCACHE_SPACE"] == "1"
        assert plan.env["OMP_NUM_THREADS"] == "2"
        assert plan.env["VLLM_CPU_OMP_THREADS_BIND"] == "nobind"
        assert plan.env["HF_HUB_OFFLINE"] == "1"
        assert "--revision" not in plan.command
        assert plan.command[3].endswith("weights/nano")
    assert plans[1].env["A"] == "1"
    (alone,) = plan_servers(fleet(model("a", 8001)), CPU)
    assert "OMP_NUM_THREADS" not in alone.env
    assert alone.digest == plans[0].digest


def test_nothing_sleeps_on_cores():
    rows = [model("a", 8001, engine="vllm-sleep"), model("b", 8002)]
    assert [p.sleeps for p in plan_servers(fleet(*rows), CPU)] == [False, False]
    plans = plan_servers(fleet(*rows), gpus(48))
    assert [p.sleeps for p in plans] == [True, False]
    assert "--enable-sleep-mode" in plans[0].command
    assert plans[0].env["VLLM_SERVER_DEV_MODE"] == "1"


def test_sizes_come_from_a_folder_where_there_is_one(tmp_path):
    config = {"num_hidden_layers": 4, "num_key_value_heads": 2, "head_dim": 64}
    (tmp_path / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 2048}))
    (tmp_path / "model.safetensors").write_bytes(bytes(10_000))
    row = model("a", 8001, serve={"weights": str(tmp_path)})
    (plan,) = plan_servers(fleet({**row, "parameters": None, "layers": None, "width": None}), CPU)
    assert plan.share.memory == 10_000 + CPU_OVERHEAD + GiB
    digest = plan.digest
    (tmp_path / "model.safetensors").write_bytes(bytes(10_001))
    assert plan_servers(fleet(row), CPU)[0].digest != digest


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"endpoint": "https://models.example/v1"}, "is not on this machine"),
        ({"endpoint": "http://127.0.0.1/v1"}, "has no port"),
        ({"endpoint": None}, "nothing to start"),
        ({"serve": None}, "nothing to start"),
        ({"serve": {"weights": "./nowhere"}}, r"there is no model in .*nowhere"),
        ({"serve": {"weights": "org/x", "python": "./no/python"}}, "there is no Python at .*no/py"),
    ],
)
def test_what_cannot_be_served_is_refused(change, words, monkeypatch):
    monkeypatch.delenv("GRAPHSEARCH_VLLM_PYTHON", raising=False)
    with pytest.raises(FleetError, match=words):
        plan_servers(fleet({**model("a", 8001), **change}), CPU)


def test_two_models_cannot_have_one_port():
    with pytest.raises(FleetError, match="model b: wants port 8001, as model a does"):
        plan_servers(fleet(model("a", 8001), model("b", 8001)), CPU)


def test_unknown_sizes_are_refused_unless_the_share_is_fixed(monkeypatch):
    row = {**hub(), "parameters": None, "layers": None, "width": None}
    with pytest.raises(FleetError, match="cannot be planned without its number of parameters"):
        plan_servers(fleet(row), gpus(24))
    with pytest.raises(FleetError, match="cannot be planned without its layers and width"):
        plan_servers(fleet({**row, "parameters": 10**9}), gpus(24))
    row["serve"] = {**row["serve"], "gpu_memory": 0.9}
    assert plan_servers(fleet(row), gpus(24))[0].share.fraction == 0.9


def test_the_python_of_the_environment_goes_first(monkeypatch, tmp_path):
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    monkeypatch.setenv("GRAPHSEARCH_VLLM_PYTHON", str(python))
    assert plan_servers(fleet(hub()), gpus(48))[0].command[0] == str(python)
    monkeypatch.setenv("GRAPHSEARCH_VLLM_PYTHON", str(tmp_path / "none"))
    with pytest.raises(FleetError, match="GRAPHSEARCH_VLLM_PYTHON: there is no Python at"):
        plan_servers(fleet(hub()), gpus(48))


def test_without_vllm_anywhere_the_way_to_it_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv("GRAPHSEARCH_VLLM_PYTHON", raising=False)
    monkeypatch.setattr("graphsearch.engines.vllm.plan.find_spec", lambda name: None)
    monkeypatch.setattr("graphsearch.engines.vllm.plan.shutil.which", lambda name: None)
    (plan,) = plan_servers(fleet(hub(python=None)), gpus(48))  # to look at, not to start
    assert plan.command[:3] == ("vllm", "serve", "org/model")
    assert plan.missing.startswith("vLLM is not here; install it")
    with pytest.raises(FleetError, match=r"model \w+: vLLM is not here; install it"):
        start_servers(fleet(hub(python=None)), machine=gpus(48), state=State(tmp_path))
    monkeypatch.setattr("graphsearch.engines.vllm.plan.shutil.which", lambda name: "/bin/vllm")
    (plan,) = plan_servers(fleet(hub(python=None)), gpus(48))
    assert plan.command[:3] == ("/bin/vllm", "serve", "org/model")
    assert plan.missing == ""


def test_gpus_are_read_from_nvidia_smi(tmp_path, monkeypatch):
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\necho '0, NVIDIA H100, 81559'\necho '1, Odd, [N/A]'\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    machine = find_machine()
    assert machine.kind == "gpu"
    assert [(d.index, d.name, d.total // 2**20) for d in machine.devices] == [
        (0, "NVIDIA H100", 81559)
    ]
    assert find_machine("cpu").kind == "cpu"
    smi.write_text("#!/bin/sh\nexit 9\n")
    assert find_machine().kind == "cpu"
    with pytest.raises(FleetError, match="no GPU"):
        find_machine("gpu")
    with pytest.raises(FleetError, match="no kind of device"):
        find_machine("tpu")
