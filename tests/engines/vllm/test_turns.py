"""Servers that take turns: at most one group awake, nobody cut off, nobody forgotten."""

import asyncio
import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsearch.engines import engines_for
from graphsearch.engines.vllm.turns import SleepingServers, Turns
from graphsearch.records.calls import Call, Message, Sampling
from graphsearch.records.errors import FleetError, Rejected, Unavailable
from graphsearch.testing import EngineConformance
from tests.engines.vllm.conftest import fleet, model


class Gpu:
    """What may be in it at one time: the model of all promises of `Turns`."""

    def __init__(self):
        self.awake = None
        self.running = []
        self.switches = []
        self.fails = set()

    async def switch(self, group):
        assert not self.running, "somebody was put to sleep in the middle of a call"
        self.awake = None
        await asyncio.sleep(0)
        if group in self.fails:
            raise Unavailable(f"{group} is broken")
        self.awake = group
        self.switches.append(group)

    async def call(self, turns, group, steps=1):
        await turns.enter(group)
        try:
            assert self.awake == group
            self.running.append(group)
            try:
                for _ in range(steps):
                    await asyncio.sleep(0)
                    assert self.awake == group
            finally:
                self.running.remove(group)
        finally:
            turns.leave()


async def test_calls_of_one_group_go_together():
    gpu = Gpu()
    turns = Turns(gpu.switch)
    calls = [gpu.call(turns, group) for group in "ababababab"]
    await asyncio.gather(*calls)
    assert gpu.switches == ["a", "b"]


async def test_a_group_that_never_stops_does_not_starve_another():
    gpu = Gpu()
    turns = Turns(gpu.switch, turn=5)
    served = []

    async def endless():
        while "b" not in served:
            await gpu.call(turns, "a")
            served.append("a")

    async def late():
        await asyncio.sleep(0)
        await gpu.call(turns, "b")
        served.append("b")

    await asyncio.wait_for(asyncio.gather(endless(), endless(), late()), 10)
    assert served.count("a") <= 5 + 2 + 2
    assert gpu.switches[:2] == ["a", "b"]


async def test_three_groups_come_in_the_order_in_which_they_began_to_wait():
    gpu = Gpu()
    turns = Turns(gpu.switch, turn=1)
    await asyncio.gather(*(gpu.call(turns, group) for group in "abcabc"))
    assert gpu.switches[:3] == ["a", "b", "c"]


async def test_a_group_that_cannot_be_woken_fails_alone_and_is_tried_again():
    gpu = Gpu()
    gpu.fails.add("b")
    turns = Turns(gpu.switch)
    a, b, c = await asyncio.gather(
        *(gpu.call(turns, group) for group in ("a", "b", "a")), return_exceptions=True
    )
    assert (a, c) == (None, None)
    assert isinstance(b, Unavailable)
    gpu.fails.clear()
    await gpu.call(turns, "b")
    assert gpu.switches[-1] == "b"


async def test_nobody_is_woken_for_a_call_that_was_given_up():
    gpu = Gpu()
    turns = Turns(gpu.switch)
    await turns.enter("a")
    waiting = asyncio.create_task(gpu.call(turns, "b"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    turns.leave()
    await gpu.call(turns, "a")
    assert gpu.switches == ["a"]


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 4), st.integers(0, 8), st.booleans()),
        max_size=30,
    ),
    st.integers(1, 4),
)
@settings(max_examples=200)
def test_every_call_ends_whatever_comes_and_goes(plan, turn):
    async def one(gpu, turns, group, steps, after):
        for _ in range(after):
            await asyncio.sleep(0)
        await gpu.call(turns, group, steps)

    async def main():
        gpu = Gpu()
        turns = Turns(gpu.switch, turn=turn)
        tasks = []
        for group, steps, after, cancelled in plan:
            tasks.append(asyncio.create_task(one(gpu, turns, group, steps, after)))
            await asyncio.sleep(0)
            if cancelled:
                tasks[-1].cancel()
        results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
        for result, (_, _, _, cancelled) in zip(results, plan, strict=True):
            assert result is None or (cancelled and isinstance(result, asyncio.CancelledError))

    asyncio.run(main())


class Server(BaseHTTPRequestHandler):
    """A server of vLLM that can sleep, as far as is needed."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Quiet."""

    def send(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        me = self.server
        if self.path != "/is_sleeping" or me.asleep is None:
            self.send({}, 404)
        else:
            self.send({"is_sleeping": me.asleep})

    def do_POST(self):
        me = self.server
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/sleep?level=1":
            me.asleep = True
            self.send({})
        elif self.path == "/wake_up":
            me.asleep = not me.wakes
            me.woken += 1
            self.send({}, 200 if me.wakes else 500)
        elif me.asleep:
            self.send({"error": {"message": "asleep"}}, 500)
        else:
            others = [one for one in me.gpu if one is not me and one.asleep is False]
            assert not others, "two are awake"
            message = {"content": "here"}
            usage = {"prompt_tokens": 3, "completion_tokens": 1}
            choice = {"message": message, "finish_reason": "stop"}
            self.send({"choices": [choice], "usage": usage})


class Many(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True


def two_servers():
    servers = [Many(("127.0.0.1", 0), Server) for _ in range(2)]
    for one in servers:
        one.gpu, one.asleep, one.wakes, one.woken = servers, True, True, 0
        threading.Thread(target=one.serve_forever, args=(0.01,), daemon=True).start()
    return servers


def close(servers):
    for one in servers:
        one.shutdown()
        one.server_close()


@pytest.fixture
def gpu():
    servers = two_servers()
    yield servers
    close(servers)


def sleepers(gpu):
    rows = [model(f"m{i}", one.server_port, engine="vllm-sleep") for i, one in enumerate(gpu)]
    return fleet(*rows)


def ask(name):
    return Call(name, (Message("user", "who is there"),), Sampling(0.0, max_tokens=4))


def run(engine, *names):
    async def main():
        try:
            return await asyncio.gather(*(engine.generate(ask(name)) for name in names))
        finally:
            await engine.aclose()

    return asyncio.run(main())


def test_one_engine_serves_all_that_take_turns(gpu):
    mine = sleepers(gpu)
    engines = engines_for(mine, mine.names)
    assert engines["m0"] is engines["m1"]
    replies = run(engines["m0"], *(["m0", "m1"] * 4))
    assert [reply.text for reply in replies] == ["here"] * 8
    assert [one.woken for one in gpu] == [1, 1]
    assert [one.asleep for one in gpu] == [True, False]
    run(engines["m0"], "m1", "m1")  # in another event loop: it is awake still
    assert [one.woken for one in gpu] == [1, 1]
    assert engines["m0"].info("m0").fingerprint != engines["m0"].info("m1").fingerprint


def test_servers_that_cannot_sleep_are_always_awake(gpu):
    for one in gpu:
        one.asleep, one.gpu = None, []
    assert len(run(SleepingServers(sleepers(gpu).models), "m0", "m1", "m0")) == 3


def test_a_server_that_does_not_wake_is_unavailable(gpu):
    gpu[1].wakes = False
    engine = SleepingServers(sleepers(gpu).models)
    with pytest.raises(Unavailable, match="answered 500 to /wake_up"):
        run(engine, "m1")
    gpu[1].wakes = True
    assert run(engine, "m1")[0].text == "here"


def test_a_server_that_is_gone_is_unavailable(gpu):
    mine = sleepers(gpu)
    gpu[0].shutdown()
    gpu[0].server_close()
    engine = SleepingServers(mine.models)
    with pytest.raises(Unavailable, match="does not answer"):
        run(engine, "m0")
    with pytest.raises(Rejected, match="no model 'm9'"):
        run(engine, "m9")


def test_an_endpoint_that_is_none_is_refused():
    row = model("m", 8001, engine="vllm-sleep")
    with pytest.raises(FleetError, match="without TLS"):
        SleepingServers(fleet({**row, "endpoint": "https://x.example/v1"}).models)


class TestConformance(EngineConformance):
    unknown_model = "nobody"
    options: ClassVar = {"serve": {"weights": "./small", "args": ["--seed", 7]}}

    def setup_method(self):
        self.servers = two_servers()

    def teardown_method(self):
        close(self.servers)

    def make_engine(self):
        return SleepingServers(sleepers(self.servers).models)

    def make_call(self, index):
        return replace(ask(f"m{index % 2}"), seed=index)

    def test_token_counts_are_unknown_or_whole(self):
        assert self.make_engine().count_tokens("m0", "2 + 3") is None

    def test_closing_ends_its_threads(self):
        """The servers have threads here, the engine has none."""
