"""Servers of a real vLLM, started by our command and asked by our engine."""

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import time
from contextlib import closing

import pytest

from graphsearch.engines import engines_for
from graphsearch.engines.embedded import EmbeddedEngine
from graphsearch.records.errors import BadRequest, ContextTooLong, UnknownModel
from graphsearch.records.models import Fleet
from tests.engines.vllm.conftest import free_ports
from tests.vllm.conftest import FIGURES, SIZES, processes_of
from tests.vllm.prompts import greedy_calls, share_equal

CONFIG = """\
schema_version: 1
task: puzzle
space: {slots: 4, models: [xs, s], sinks: [assistant, vote, select]}
graph_budget: 8 units
search_budget: 4000 units
searcher: agent-reinforce
agent: rules
evaluation:
  {rounds: 4, search_items: 24, finalists: 2, selection_items: 40, test_items: 50, reserve: 0.6}
seed: 0
"""
STREAMS = (1, 16, 64)


def together(engine, calls, *, streams=64):
    """Make calls, so many at once; replies and seconds."""

    async def main():
        gate = asyncio.Semaphore(streams)

        async def one(call):
            async with gate:
                return await engine.generate(call)

        begun = time.perf_counter()
        try:
            replies = await asyncio.gather(*map(one, calls))
            return replies, time.perf_counter() - begun
        finally:
            await engine.aclose()

    return asyncio.run(main())


@pytest.mark.parametrize("size", SIZES)
def test_greedy_replies_are_those_of_the_numpy_engine(fleet, size):
    engine = engines_for(Fleet.load(fleet), [size])[size]
    calls = greedy_calls(size)
    assert len(calls) == 200
    ours, _ = together(EmbeddedEngine(), calls)
    theirs, _ = together(engine, calls)
    share = share_equal(ours, theirs)
    FIGURES[f"share of 200 greedy replies equal to NumPy's, {size}"] = share
    assert share >= 0.99


def test_how_fast_it_is(fleet):
    engine = engines_for(Fleet.load(fleet), ["xs"])["xs"]
    calls = greedy_calls("xs")
    for streams in STREAMS:
        replies, seconds = together(engine, calls[: 20 * streams], streams=streams)
        tokens = sum(reply.usage.completion_tokens for reply in replies)
        FIGURES[f"tokens a second, xs, {streams} streams"] = round(tokens / seconds)


def test_what_it_refuses_has_a_type(fleet):
    spec = Fleet.load(fleet).model("xs")
    engine = engines_for(Fleet.load(fleet), ["xs"])["xs"]
    (call, *_) = greedy_calls("xs")
    long = type(call)("xs", (type(call.messages[0])("user", "S " * 300),), call.sampling)
    hot = type(call)("xs", call.messages, type(call.sampling)(temperature=-1.0, max_tokens=5))
    for bad, kind in ((long, ContextTooLong), (hot, BadRequest)):
        with pytest.raises(kind):
            together(engine, [bad])
    row = {**spec.to_json(), "served_name": "nobody"}
    other = Fleet.from_json({"name": "f", "unit_model": "xs", "models": [row]})
    with pytest.raises(UnknownModel):
        together(engines_for(other, ["xs"])["xs"], [call])


def test_it_tells_how_it_is_and_up_leaves_it_alone(cli, fleet):
    before = cli("fleet", "status", fleet, "--json")["servers"]
    assert [one["phase"] for one in before] == ["up"] * len(SIZES)
    again = cli("fleet", "up", fleet, "--json")["servers"]
    assert [one["pid"] for one in again] == [one["pid"] for one in before]
    assert not any(one["started_now"] for one in again)


def config(folder):
    path = folder / "small.yaml"
    path.write_text(CONFIG)
    return path


def test_a_whole_search_runs_through_it(cli, fleet, tmp_path):
    begun = time.perf_counter()
    found = cli("run", config(tmp_path), "--fleet", fleet, "--out", tmp_path / "run", "--json")
    FIGURES["seconds of a search of 4000 units"] = round(time.perf_counter() - begun, 1)
    assert found["winner"]["graph"]["nodes"]
    assert found["n"] == 50
    with closing(sqlite3.connect(tmp_path / "run" / "study.db")) as store, store:
        (calls,) = store.execute("select count(*) from calls").fetchone()
        (failures,) = store.execute("select count(*) from failures").fetchone()
    FIGURES["calls of that search"] = calls
    assert calls > 300
    assert failures == 0


def test_doctor_finds_it_well(cli, fleet):
    found = cli("doctor", "--fleet", fleet, "--json")
    models = [check for check in found["checks"] if check["name"].startswith("model ")]
    assert len(models) >= len(SIZES)
    assert all(check["state"] != "bad" for check in models)


def calls_in(folder):
    try:
        with (
            closing(sqlite3.connect(f"file:{folder / 'study.db'}?mode=ro", uri=True)) as store,
            store,
        ):
            return store.execute("select count(*) from calls").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def test_a_server_killed_in_a_search_stops_it_and_costs_nothing_twice(cli, fleet, tmp_path):
    out = tmp_path / "run"
    run = cli.start("run", config(tmp_path), "--fleet", fleet, "--out", out, "--json")
    while calls_in(out) < 200:
        assert run.poll() is None, run.communicate()
        time.sleep(0.1)
    record = next(one for one in cli.records if one["model"] == "s")
    family = processes_of(record["keeper"]["pid"])
    server = min(
        pid for pid, line in family.items() if "api_server" in line and "_keeper" not in line
    )
    os.kill(server, signal.SIGKILL)
    begun = time.perf_counter()
    said, errors = run.communicate(timeout=300)
    FIGURES["seconds from the server's death to the search's end"] = round(
        time.perf_counter() - begun, 1
    )
    assert run.returncode == 1, (said, errors)
    assert str(record["port"]) in errors  # it names who is gone
    kept = calls_in(out)
    assert kept >= 200
    assert not processes_of(record["keeper"]["pid"])  # its engine core did not stay behind
    states = {one["model"]: one["phase"] for one in cli("fleet", "status", "--json")["servers"]}
    assert states == {"xs": "up", "s": "gone"}
    restarted = cli("fleet", "up", fleet, "--json")["servers"]
    assert [one["started_now"] for one in restarted] == [False, True]
    found = cli("resume", out, "--json")
    assert found["winner"]["graph"]["nodes"]
    assert found["n"] == 50
    assert calls_in(out) > kept


def test_a_broken_folder_is_told_with_the_end_of_the_log(cli, fleet, tmp_path):
    folder = shutil.copytree(fleet.parent / "xs", tmp_path / "xs")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    row = Fleet.load(fleet).model("xs").to_json()
    (port,) = free_ports(1)
    row |= {"endpoint": f"http://127.0.0.1:{port}/v1"}
    row["options"]["serve"]["weights"] = str(folder)
    path = tmp_path / "broken.yaml"
    path.write_text(json.dumps({"name": "broken", "unit_model": "xs", "models": [row]}))
    begun = time.perf_counter()
    found = cli("fleet", "up", path, "--json", code=1)["error"]["message"]
    FIGURES["seconds until a broken folder is told"] = round(time.perf_counter() - begun, 1)
    assert "its server ended" in found
    # What went wrong in a process of its own is named, not only that it did.
    assert "SafetensorError" in found
    assert len(cli("fleet", "status", "--json")["servers"]) == len(SIZES)
