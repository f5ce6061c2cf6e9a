"""A state folder, a fake `vllm serve`, and no process left behind."""

import os
import socket
import sys
from pathlib import Path

import pytest

from graphsearch.engines.vllm import State, stop_servers
from graphsearch.engines.vllm.machine import Device, GiB, Machine
from graphsearch.records.models import Fleet

FAKE = Path(__file__).with_name("fake_vllm.py")
CPU = Machine("cpu", (Device(-1, "memory", 64 * GiB),), 4)


def gpus(*sizes):
    return Machine("gpu", tuple(Device(i, "H", n * GiB) for i, n in enumerate(sizes)), 8)


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = sorted(one.getsockname()[1] for one in held)
    for one in held:
        one.close()
    return ports


def model(name, port, *, engine="http", serve=None, **more):
    told = {
        "weights": "embedded:nano",
        "command": [sys.executable, "-I", str(FAKE)],
        **(serve or {}),
    }
    size = {"parameters": 10**9, "layers": 16, "width": 2048}
    endpoint = f"http://127.0.0.1:{port}/v1"
    return {"name": name, **size, "engine": engine, "endpoint": endpoint, "serve": told, **more}


def fleet(*models):
    rows = {"name": "mine", "unit_model": models[0]["name"], "models": list(models)}
    return Fleet.from_json(rows)


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("GRAPHSEARCH_VLLM_PYTHON", raising=False)
    found = State()
    assert found.folder.is_relative_to(tmp_path)
    yield found
    stop_servers(state=found)


@pytest.fixture
def ports():
    return free_ports(2)


def alive(pid):
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def family(record):
    """Everybody in a server's session."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            session = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[3])
        except OSError:
            continue
        if session == record.keeper.pid and alive(name):
            found.append(int(name))
    return found
