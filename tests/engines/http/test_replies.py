"""What the server said, as replies and outcomes; what the engine sends."""

import asyncio
import json
import threading
from typing import ClassVar

import pytest

from graphsearch.engines.http import HttpEngine
from graphsearch.records.calls import Call, Message, Outcome, Sampling, Usage
from graphsearch.records.errors import FleetError
from graphsearch.testing import EngineConformance, StubReply, StubServer
from tests.execution.helpers import until


def call(index=0, *, model="m", **sampling):
    prompt = (Message("system", "be brief"), Message("user", f"what is {index} ?"))
    return Call(model, prompt, Sampling(**sampling), seed=index)


async def ask(answer, made=None, **engine):
    """One reply of a server that answers so."""
    async with StubServer(lambda asked: answer) as server:
        http = HttpEngine(server.base_url, **engine)
        try:
            return await http.generate(made or call())
        finally:
            await http.aclose()


@pytest.fixture(scope="module")
def far_server():
    """A stub server in a thread of its own, so that clients can come from several event loops."""
    loop = asyncio.new_event_loop()
    server = StubServer(models={"m": 100})
    loop.run_until_complete(server.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield server.base_url
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


class TestHttp(EngineConformance):
    unknown_model = "no-such-model"
    options: ClassVar = {"serve": {"weights": "./small", "args": ["--seed", 7]}}

    @pytest.fixture(autouse=True)
    def _server(self, far_server):
        self.url = far_server

    def make_engine(self):
        return HttpEngine(self.url)

    def make_call(self, index):
        return call(index, max_tokens=5)


async def test_half_a_character_in_a_reply_becomes_a_question_mark():
    body = b'{"choices": [{"message": {"content": "a \\ud83d \\u00e9"}, "finish_reason": "stop"}]}'
    reply = await ask(StubReply(body=body))
    assert reply.text == "a ? \u00e9"


@pytest.mark.parametrize(
    ("answer", "text", "outcome"),
    [
        ("four", "four", Outcome.ANSWERED),
        (StubReply("four", "eos_token"), "four", Outcome.ANSWERED),
        (StubReply("four and", "length"), "four and", Outcome.TRUNCATED),
        (StubReply("", "stop"), "", Outcome.EMPTY),
        (StubReply(" \n", "stop"), "", Outcome.EMPTY),
        (StubReply(None, "length"), "", Outcome.EMPTY),
        (StubReply("", "content_filter"), "", Outcome.REFUSED),
        (StubReply(None, refusal="I will not"), "I will not", Outcome.REFUSED),
    ],
)
async def test_outcomes(answer, text, outcome):
    reply = await ask(answer)
    assert (reply.text, reply.outcome) == (text, outcome)
    assert reply.seconds > 0


async def test_the_reason_to_finish_is_kept():
    assert (await ask(StubReply("x", "tool_calls"))).detail == {"finish_reason": "tool_calls"}


async def test_usage_is_the_servers():
    reply = await ask("one two three", call(max_tokens=2))
    assert (reply.usage, reply.outcome) == (Usage(6, 2, 1), Outcome.TRUNCATED)


def completion(usage):
    choice = {"message": {"content": "x"}, "finish_reason": "stop"}
    return StubReply(body=json.dumps({"choices": [choice], **usage}).encode())


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({}, Usage(None, None, 1)),
        ({"usage": None}, Usage(None, None, 1)),
        ({"usage": {"prompt_tokens": 7}}, Usage(7, None, 1)),
        ({"usage": {"prompt_tokens": "7", "completion_tokens": -1}}, Usage(None, None, 1)),
        ({"usage": {"prompt_tokens": True, "completion_tokens": 0}}, Usage(None, 0, 1)),
    ],
)
async def test_usage_that_is_not_told_is_unknown(told, usage):
    assert (await ask(completion(told))).usage == usage


async def test_what_is_sent():
    async with StubServer(lambda asked: "x") as server:
        engine = HttpEngine(server.base_url, {"m": "org/model"})
        made = call(3, temperature=0.5, top_p=0.9, max_tokens=7, stop=("\n",))
        await engine.generate(made)
        await engine.generate(call(2**62 + 5))
        await engine.aclose()
        full, bare = server.requests
    assert full == {
        "model": "org/model",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "what is 3 ?"},
        ],
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 7,
        "seed": 3,
        "stop": ["\n"],
    }
    assert 0 <= bare["seed"] < 2**31
    assert not {"max_tokens", "stop"} & bare.keys()


async def test_half_a_character_is_sent_as_a_question_mark():
    made = Call("m", (Message("user", "half of a smile: \ud83d, tea: 茶"),), Sampling())
    async with StubServer(lambda asked: "x") as server:
        engine = HttpEngine(server.base_url)
        await engine.generate(made)
        await engine.aclose()
        assert server.requests[0]["messages"][0]["content"] == "half of a smile: ?, tea: 茶"


async def test_connections_are_used_again():
    async with StubServer(lambda asked: "x") as server:
        engine = HttpEngine(server.base_url)
        for _ in range(3):
            await asyncio.gather(*(engine.generate(call(index)) for index in range(8)))
        assert server.connections == 8
        await engine.aclose()


async def test_a_cancelled_call_is_given_up_on_the_server():
    async with StubServer(script=["hang"]) as server:
        engine = HttpEngine(server.base_url)
        task = asyncio.create_task(engine.generate(call()))
        await until(lambda: server.served.in_flight)
        task.cancel()
        await until(lambda: not server.served.in_flight)
        assert server.served.given_up == 1
        await engine.aclose()


async def test_the_servers_models_and_their_contexts():
    async with StubServer(models={"small": 512, "large": 4096}) as server:
        engine = HttpEngine(server.base_url)
        assert await engine.list_models() == {"small": 512, "large": 4096}
        await engine.aclose()


def test_the_fingerprint_is_that_of_the_model_not_of_the_address():
    here = HttpEngine("http://127.0.0.1:1/v1", {"a": "org/x"})
    there = HttpEngine("https://example.org/v1/", {"a": "org/x", "b": "org/y"})
    assert here.info("a").fingerprint == there.info("a").fingerprint
    assert there.info("a") != there.info("b")
    assert repr(there) == "HttpEngine('https://example.org/v1')"


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000",
        "ftp://host/v1",
        "http://",
        "http://host:port/v1",
        "http://me:hunter22@host/v1",
        "http://host/v1?key=hunter22",
        "http://host/v1#hunter22",
    ],
)
def test_urls_that_are_none_or_hold_secrets_are_refused(url):
    with pytest.raises(FleetError, match=r"^endpoint: ") as caught:
        HttpEngine(url)
    assert "hunter22" not in str(caught.value)
