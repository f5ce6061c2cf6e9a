"""Servers start, are found again and end: with a fake of `vllm serve` in processes of its own."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import pytest

from graphsearch.engines.vllm import (
    ServerFailed,
    Servers,
    list_servers,
    start_servers,
    stop_servers,
)
from graphsearch.engines.vllm.processes import identity
from graphsearch.records.errors import FleetError
from tests.engines.vllm.conftest import CPU, alive, family, fleet, gpus, model
from tests.support import ROOT


def up(mine, state, **more):
    return start_servers(mine, machine=CPU, state=state, timeout_s=30, **more)


def until(truth):
    for _ in range(1000):
        if truth():
            return
        time.sleep(0.01)
    raise AssertionError("it never came true")


def test_a_fleet_goes_up_is_left_alone_and_goes_down(state, ports):
    mine = fleet(*(model(f"m{port}", port) for port in ports))
    heard = []
    first = up(mine, state, say=heard.append)
    assert [one.phase for one in first] == ["up", "up"]
    assert all(one.started_now for one in first)
    assert [word for word in heard if "starting" not in word] == [f"m{p} is up" for p in ports]
    families = [family(record) for record in state.records()]
    assert [len(one) for one in families] == [3, 3]  # keeper, server, its core
    again = up(mine, state)
    assert [one.pid for one in again] == [one.pid for one in first]
    assert not any(one.started_now for one in again)
    assert [one.phase for one in list_servers(mine, state=state)] == ["up", "up"]
    assert [one.model for one in stop_servers(mine, state=state)] == [f"m{p}" for p in ports]
    assert not any(alive(pid) for pids in families for pid in pids)
    assert list_servers(state=state) == ()
    assert stop_servers(state=state) == ()


def test_a_server_that_fails_shows_the_end_of_its_log_and_takes_the_others_along(state, ports):
    bad = model("bad", ports[1], serve={"env": {"FAKE": "fail"}})
    mine = fleet(model("good", ports[0]), bad)
    with pytest.raises(ServerFailed) as caught:
        up(mine, state)
    assert "model bad: its server ended with code 3 before it was up" in str(caught.value)
    assert (
        "up: ValueError: no such model; RuntimeError: see above; its log is" in caught.value.message
    )
    assert caught.value.tail.splitlines()[-1] == "RuntimeError: see above"
    assert str(caught.value).endswith(caught.value.tail)
    assert state.records() == []


def test_a_server_that_never_gets_well_is_given_up(state, ports):
    mine = fleet(model("ill", ports[0], serve={"env": {"FAKE": "silent"}}))
    with pytest.raises(ServerFailed, match="was not up after 1 s"):
        start_servers(mine, machine=CPU, state=state, timeout_s=0.6)
    assert state.records() == []


def test_a_server_with_another_model_is_no_success(state, ports):
    mine = fleet(model("mine", ports[0], serve={"env": {"FAKE": "other"}}))
    with pytest.raises(ServerFailed, match="is up and has other where mine was meant"):
        up(mine, state)


def test_a_command_that_is_not_there_is_named(state, ports):
    mine = fleet(model("m", ports[0], serve={"command": ["/no/such/vllm"]}))
    with pytest.raises(ServerFailed, match="/no/such/vllm: No such file"):
        up(mine, state)


def test_a_taken_port_is_refused_with_who_has_it(state, ports):
    with socket.create_server(("127.0.0.1", ports[1])) as other:
        other.listen()
        other.settimeout(0.1)
        mine = fleet(model("a", ports[0]), model("b", ports[1]))
        with pytest.raises(FleetError, match=rf"port {ports[1]} is taken: process {os.getpid()}"):
            up(mine, state)
    assert state.records() == []  # nor was the first one started


def test_other_settings_are_another_server(state, ports):
    mine = fleet(model("a", ports[0]))
    up(mine, state)
    changed = fleet(model("a", ports[0], serve={"max_model_len": 99}))
    with pytest.raises(FleetError, match="started with other settings"):
        up(changed, state)
    # What is planned for it is no setting: beside another one it is the same server.
    both = up(fleet(model("a", ports[0]), model("b", ports[1])), state)
    assert [one.started_now for one in both] == [False, True]


def test_what_is_left_of_a_killed_server_is_cleared_away(state, ports):
    mine = fleet(model("a", ports[0]))
    up(mine, state)
    (record,) = state.records()
    everybody = family(record)
    server = next(pid for pid in everybody if pid != record.keeper.pid)
    os.kill(min(pid for pid in everybody if pid != record.keeper.pid), signal.SIGKILL)
    until(lambda: not any(map(alive, everybody)))  # its keeper has ended the core, and itself
    assert server in everybody
    (gone,) = list_servers(state=state)
    assert (gone.phase, gone.pid) == ("gone", None)
    assert up(mine, state)[0].started_now


def test_a_killed_keeper_leaves_nobody_that_down_does_not_find(state, ports):
    up(fleet(model("a", ports[0])), state)
    (record,) = state.records()
    everybody = family(record)
    record.keeper.signal(signal.SIGKILL)
    stop_servers(state=state)
    assert not any(map(alive, everybody))


def test_a_server_that_does_not_listen_is_killed(state, ports, monkeypatch):
    monkeypatch.setattr("graphsearch.engines.vllm.server.GRACE", 0.2)
    up(fleet(model("a", ports[0], serve={"env": {"FAKE": "stubborn"}})), state)
    everybody = family(state.records()[0])
    stop_servers(state=state)
    assert not any(map(alive, everybody))


def test_a_launcher_that_died_before_it_knew_the_process_is_no_loss(state, ports):
    up(fleet(model("a", ports[0])), state)
    (record,) = state.records()
    everybody = family(record)
    # What is on disk before the process is there:
    state.put(record.model_copy(update={"keeper": None}))
    stop_servers(state=state)
    assert not any(map(alive, everybody))


def test_a_foreign_process_under_an_old_number_is_not_touched(state, ports):
    up(fleet(model("a", ports[0])), state)
    (record,) = state.records()
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        now = identity(other.pid)
        stop_servers(state=state)
        state.put(record.model_copy(update={"keeper": replace(now, started=now.started - 1)}))
        stop_servers(state=state)
        state.put(record.model_copy(update={"keeper": replace(now, boot="another")}))
        stop_servers(state=state)
        assert other.poll() is None
        assert state.records() == []
    finally:
        other.kill()
        other.wait()


SCRIPT = """
    import os, signal, sys
    from graphsearch.engines.vllm import Servers, start_servers
    from tests.engines.vllm.conftest import CPU, fleet, model
    mine = fleet(model("a", {first}), model("b", {second}, serve={{"env": {{"FAKE": "{how}"}}}}))
    def say(words):
        print(words, flush=True)
    {then}
"""
WITHIN = "with Servers(mine, machine=CPU, say=say): say('inside'); signal.pause()"
BY_UP = "start_servers(mine, machine=CPU, say=say)"


def script(ports, then, how=""):
    # Whatever the shell of this test ignores: a background job's ignores Ctrl-C.
    code = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += textwrap.dedent(SCRIPT).format(first=ports[0], second=ports[1], how=how, then=then)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env=env, text=True
    )


def read_until(process, words):
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError(f"it never said {words!r}")


def test_servers_of_a_with_end_with_it(state, ports):
    mine = fleet(model("a", ports[0]))
    with Servers(mine, machine=CPU, state=state) as servers:
        assert [one.phase for one in servers.status] == ["up"]
        everybody = family(state.records()[0])
    assert not any(map(alive, everybody))
    up(mine, state)
    with Servers(mine, machine=CPU, state=state):
        pass
    assert [one.phase for one in list_servers(state=state)] == ["up"]  # it was there before


def test_servers_of_a_with_end_with_a_parent_that_is_killed(state, ports):
    with script(ports, WITHIN) as parent:
        read_until(parent, "inside")
        everybody = [pid for record in state.records() for pid in family(record)]
        assert len(everybody) == 6
        parent.kill()
    until(lambda: not any(map(alive, everybody)))


def test_servers_outlive_the_up_that_is_killed_and_down_finds_them(state, ports):
    with script(ports, BY_UP, how="silent") as parent:
        read_until(parent, "starting b")
        until(lambda: len(state.records()) == 2 and state.records()[1].keeper is not None)
        until(lambda: len(family(state.records()[1])) == 3)
        parent.kill()
    everybody = [pid for record in state.records() for pid in family(record)]
    assert [one.phase for one in list_servers(state=state)] == ["up", "starting"]
    stop_servers(state=state)
    assert not any(map(alive, everybody))


def test_an_interrupted_up_ends_what_it_started(state, ports):
    with script(ports, BY_UP, how="silent") as parent:
        read_until(parent, "starting b")
        until(lambda: len(state.records()) == 2)
        parent.send_signal(signal.SIGINT)
    assert parent.returncode != 0
    assert state.records() == []


def test_two_at_once_do_not_plan_the_same_memory(state, ports):
    with state.starting(), pytest.raises(FleetError, match="being started by another process"):
        up(fleet(model("a", ports[0])), state)


def test_a_record_of_another_release_is_not_lost_in_silence(state, ports):
    up(fleet(model("a", ports[0])), state)
    (record,) = state.records()
    path = state.folder / f"{ports[0]}.json"
    whole = path.read_text()
    path.write_text(whole.replace('"schema_version": 1', '"schema_version": 9'))
    with pytest.raises(FleetError, match="another release"):
        stop_servers(state=state)
    path.write_text(whole[:30])
    with pytest.raises(FleetError, match="cannot be read as a server's record"):
        list_servers(state=state)
    path.write_text(whole)
    assert state.records() == [record]


def test_servers_that_take_turns_are_asleep_when_they_are_up(state, ports):
    mine = fleet(*(model(f"m{port}", port, engine="vllm-sleep") for port in ports))
    found = start_servers(mine, machine=gpus(24), state=state, timeout_s=30)
    assert [one.phase for one in found] == ["asleep", "asleep"]


def test_keys_go_to_the_server_that_asks_for_them_alone(state, ports, monkeypatch):
    monkeypatch.setenv("KEY_OF_A", "sk-aaaaaaaaaa")
    mine = fleet(model("a", ports[0], api_key_env="KEY_OF_A"), model("b", ports[1]))
    up(mine, state)
    seen = []
    for record in state.records():
        server = min(pid for pid in family(record) if pid != record.keeper.pid)
        with open(f"/proc/{server}/environ", "rb") as file:
            seen.append(file.read())
    assert b"VLLM_API_KEY=sk-aaaaaaaaaa" in seen[0]
    assert b"sk-aaaaaaaaaa" not in seen[1]
    for path in state.folder.iterdir():
        assert b"sk-aaaaaaaaaa" not in path.read_bytes()
    stop_servers(state=state)
    monkeypatch.delenv("KEY_OF_A")
    with pytest.raises(FleetError, match="variable KEY_OF_A"):
        up(mine, state)
