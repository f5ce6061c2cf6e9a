"""Tests with a real vLLM: run by `make test-vllm` alone, in an environment that has one.

The servers are started once, by our own command, and shared; what was measured is printed at the
end.
"""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.engines.vllm.conftest import alive, free_ports

if "vllm" not in os.environ.get("GRAPHSEARCH_REQUIRE", "").split(","):
    collect_ignore_glob = ["test_*.py"]

SIZES = ("xs", "s")
FIGURES = {}


class Cli:
    """`graphsearch`, in a process of its own, with a state folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.env = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}

    def start(self, *words):
        command = [sys.executable, "-m", "graphsearch.cli", *map(str, words)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=self.env)

    def __call__(self, *words, code=0):
        with self.start(*words) as process:
            out, err = process.communicate()
        assert process.returncode == code, f"{words}: {process.returncode}\n{out}\n{err}"
        return out + err if "--json" not in words else json.loads(out.splitlines()[-1])

    @property
    def records(self):
        folder = self.folder / "state" / "graphsearch" / "servers"
        return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def processes_of(session):
    """Everybody who runs in a session: number and command line."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            line = Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if int(stat[3]) == session and stat[0] != "Z":
            found[int(name)] = line.strip()
    return found


def free_base():
    """The first of as many free ports in a row as there are sizes, and one more."""
    while True:
        (base,) = free_ports(1)
        with ExitStack() as held:
            try:
                for port in range(base, base + len(SIZES) + 1):
                    held.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
        return base


@pytest.fixture(scope="session")
def cli(tmp_path_factory):
    return Cli(tmp_path_factory.mktemp("vllm"))


@pytest.fixture(scope="session")
def fleet(cli):
    """The fleet's file; its servers are up. At the end nothing of them is left."""
    words = ("--models", ",".join(SIZES), "--port", free_base())
    saved = cli("fleet", "save", cli.folder / "fleet", *words, "--json")
    begun = time.perf_counter()
    servers = cli("fleet", "up", saved["fleet"], "--json")["servers"]
    FIGURES["seconds to start a server"] = round((time.perf_counter() - begun) / len(servers), 1)
    assert [one["model"] for one in servers] == list(SIZES)
    assert [one["phase"] for one in servers] == ["up"] * len(SIZES)
    yield Path(saved["fleet"])
    families = [pid for one in cli.records for pid in processes_of(one["keeper"]["pid"])]
    stopped = cli("fleet", "down", "--json")["stopped"]
    assert {one["model"] for one in stopped} == set(SIZES)
    assert cli.records == []
    assert not any(map(alive, families))


def pytest_terminal_summary(terminalreporter):
    if FIGURES:
        terminalreporter.write_line(json.dumps(FIGURES))
