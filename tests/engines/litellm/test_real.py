"""The installed LiteLLM, speaking to a stub server as users' does to providers.

Run by `make test-litellm`, which installs it into an environment of its own.
"""

import asyncio
import json
import logging
import os
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import traceback
import warnings
from contextlib import closing
from typing import ClassVar

import pytest
from typer.testing import CliRunner

from graphsearch.cli import app
from graphsearch.engines.litellm import LitellmEngine
from graphsearch.records.calls import Call, Message, Outcome, Sampling, Usage
from graphsearch.records.errors import (
    AccessDenied,
    BadRequest,
    BrokenReply,
    CallTimeout,
    ContextTooLong,
    RateLimited,
    Unavailable,
    UnknownModel,
    Unreachable,
)
from graphsearch.testing import EngineConformance, StubFault, StubReply, StubServer
from tests import support
from tests.execution.helpers import until

KEY = "sk-planted-0123456789abcdef"
# What other packages warn about while LiteLLM uses them is not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(autouse=True, scope="module")
def _installed():
    support.litellm()


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("STUB_KEY", KEY)


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch):
    """Connections that are not to the loopback device fail, and fail the test."""
    tried = []
    connect = socket.socket.connect

    def checked(self, address):
        if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in {
            "127.0.0.1",
            "::1",
        }:
            tried.append(address)
            raise OSError("no network in tests")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", checked)
    yield
    assert tried == []


def call(index=0, *, model="openai/m", text=None, **sampling):
    prompt = (Message("system", "be brief"), Message("user", text or f"what is {index} ?"))
    return Call(model, prompt, Sampling(**sampling), seed=index)


async def ask(answer, made=None, *, script=(), **engine):
    """One reply of a server that answers so."""
    async with StubServer(lambda asked: answer, script=script) as server:
        litellm = LitellmEngine(endpoint=server.base_url, api_key_env="STUB_KEY", **engine)
        try:
            return await litellm.generate(made or call())
        finally:
            await litellm.aclose()


@pytest.fixture(scope="module")
def far_server():
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


class TestLitellm(EngineConformance):
    unknown_model = "openai/no-such-model"
    options: ClassVar = {"serve": {"weights": "./small", "args": ["--seed", 7]}}

    @pytest.fixture(autouse=True)
    def _server(self, far_server):
        self.url = far_server

    def make_engine(self):
        return LitellmEngine(endpoint=self.url, api_key_env="STUB_KEY")

    def make_call(self, index):
        return call(index, max_tokens=5)


@pytest.mark.parametrize(
    ("answer", "outcome", "text", "tokens"),
    [
        (StubReply("42"), Outcome.ANSWERED, "42", (6, 1)),
        (StubReply("4 2", finish_reason="length"), Outcome.TRUNCATED, "4 2", (6, 2)),
        (StubReply(""), Outcome.EMPTY, "", (6, 0)),
        (StubReply(None), Outcome.EMPTY, "", (6, 0)),
        (StubReply("no", finish_reason="content_filter"), Outcome.REFUSED, "no", (6, 1)),
        (StubReply(None, refusal="I will not"), Outcome.REFUSED, "I will not", (6, None)),
        (StubReply("42", tells_usage=False), Outcome.ANSWERED, "42", (None, None)),
    ],
)
async def test_what_the_model_did(answer, outcome, text, tokens):
    reply = await ask(answer)
    assert (reply.outcome, reply.text) == (outcome, text)
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == tokens


REFUSALS = [
    (StubReply("slow down", status=429, headers={"Retry-After": "7"}), RateLimited, "slow down"),
    (StubReply("insufficient_quota", status=429), AccessDenied, "STUB_KEY"),
    (StubReply("maximum context length is 9", status=400), ContextTooLong, "context length"),
    (StubReply("the model `x` does not exist", status=404), UnknownModel, "does not exist"),
    (StubReply("nothing here", status=404), BadRequest, "nothing here"),
    (StubReply("no top_q", status=400), BadRequest, "no top_q"),
    (StubReply("no top_q", status=422), BadRequest, "no top_q"),
    (StubReply("who are you", status=401), AccessDenied, "STUB_KEY"),
    (StubReply("not you", status=403), AccessDenied, "STUB_KEY"),
    (StubReply("no credit", status=402), AccessDenied, "STUB_KEY"),
    (StubReply("late", status=408), CallTimeout, "late"),
    (StubReply("broken", status=500), Unavailable, "broken"),
    (StubReply("busy", status=503, headers={"Retry-After": "3"}), Unavailable, "busy"),
    (StubReply("x", finish_reason="abort"), BrokenReply, "abort"),
    (StubReply(body=b"<html>", content_type="text/html"), BrokenReply, ""),
    (StubReply(body=b'{"id": "x", "choices": [{"mess'), BrokenReply, ""),
    (StubReply(body=b'{"id": "x"}'), BrokenReply, ""),
]


@pytest.mark.parametrize(("answer", "kind", "words"), REFUSALS)
async def test_what_the_infrastructure_did(answer, kind, words):
    with pytest.raises(kind) as caught:
        await ask(answer)
    assert type(caught.value) is kind
    assert words in str(caught.value)
    assert "openai/m" in str(caught.value)
    wanted = answer.headers.get("Retry-After")
    assert caught.value.retry_after == (None if wanted is None else float(wanted))
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


async def test_it_tries_nothing_twice():
    async with StubServer(lambda asked: StubReply("busy", status=503)) as server:
        engine = LitellmEngine(endpoint=server.base_url, api_key_env="STUB_KEY")
        with pytest.raises(Unavailable):
            await engine.generate(call())
        await engine.aclose()
    assert server.served.requests == 1


@pytest.mark.parametrize("fault", [StubFault.CUT_BODY, StubFault.RESET, StubFault.NO_HTTP])
async def test_a_connection_that_breaks_may_have_cost(fault):
    with pytest.raises(Unavailable) as caught:
        await ask("42", script=[fault])
    assert caught.value.retryable


async def test_no_connection():
    engine = LitellmEngine(endpoint="http://127.0.0.1:9/v1", api_key_env="STUB_KEY")
    with pytest.raises(Unreachable) as caught:
        await engine.generate(call())
    assert not caught.value.may_have_cost
    await engine.aclose()


async def test_an_unknown_provider():
    engine = LitellmEngine()
    with pytest.raises(UnknownModel, match="provider/model"):
        await engine.generate(call(model="nobody-knows/this"))
    with pytest.raises(UnknownModel, match="provider/model"):
        await engine.generate(call(model="nobody-knows-this"))


async def test_a_provider_without_its_key(monkeypatch):
    for name in list(os.environ):
        if name.endswith("_API_KEY"):
            monkeypatch.delenv(name)
    with pytest.raises(AccessDenied, match="environment variable"):
        await LitellmEngine().generate(call(model="openai/gpt-4o-mini"))


async def test_a_late_reply_is_given_up():
    async with StubServer(lambda asked: "42", latency_s=60) as server:
        engine = LitellmEngine(endpoint=server.base_url, api_key_env="STUB_KEY", timeout_s=0.2)
        with pytest.raises(CallTimeout):
            await engine.generate(call())
        await until(lambda: server.served.given_up == 1)
        await engine.aclose()


async def test_a_cancelled_call_closes_its_connection():
    async with StubServer(lambda asked: "42", latency_s=60) as server:
        engine = LitellmEngine(endpoint=server.base_url, api_key_env="STUB_KEY")
        task = asyncio.create_task(engine.generate(call()))
        await until(lambda: server.served.in_flight == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: server.served.given_up == 1)
        await engine.aclose()


async def test_what_is_sent():
    async with StubServer(lambda asked: "42") as server:
        engine = LitellmEngine(
            {"small": "openai/Qwen/q"}, endpoint=server.base_url, api_key_env="STUB_KEY"
        )
        sampling = {"temperature": 0.8, "top_p": 0.9, "max_tokens": 7, "stop": ("\n",)}
        await engine.generate(call(2**40 + 3, model="small", **sampling))
        await engine.generate(call(1, model="small", temperature=0.0))
        await engine.generate(call(1, model="small", text="half \ud800 a character"))
        await engine.aclose()
    first, second, third = server.requests
    assert first["model"] == "Qwen/q"
    assert [m["role"] for m in first["messages"]] == ["system", "user"]
    assert (first["temperature"], first["top_p"], first["max_tokens"]) == (0.8, 0.9, 7)
    assert (first["stop"], first["seed"]) == (["\n"], (2**40 + 3) % (2**31 - 1))
    assert second["temperature"] == 0
    assert not {"top_p", "max_tokens", "stop"} & set(second)
    assert third["messages"][1]["content"] == "half ? a character"


async def test_no_providers_key_goes_to_an_endpoint_of_ones_own(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    async with StubServer(lambda asked: "42", key=KEY) as server:
        engine = LitellmEngine(endpoint=server.base_url)
        with pytest.raises(AccessDenied):
            await engine.generate(call())
        await engine.aclose()
        named = LitellmEngine(endpoint=server.base_url, api_key_env="OPENAI_API_KEY")
        assert (await named.generate(call())).text == "42"
        await named.aclose()


@pytest.mark.parametrize("variable", ["STUB_KEY", None])
async def test_a_key_is_shown_to_nobody(variable, monkeypatch, caplog, capfd):
    """Also not where the server quotes it, at debug level."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    shown = []
    async with StubServer(lambda asked: StubReply(f"bad key {KEY}", status=401)) as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.base_url)
        endpoint = server.base_url if variable else None
        engine = LitellmEngine(endpoint=endpoint, api_key_env=variable)
        for _ in range(2):
            with pytest.raises(AccessDenied) as caught:
                await engine.generate(call())
            error = caught.value
            shown += [str(error), repr(error), repr(engine), repr(vars(engine))]
            full = traceback.TracebackException.from_exception(error, capture_locals=True)
            own = [frame for frame in full.stack if "test_real" not in frame.filename]
            shown += [repr(frame.locals) for frame in own]
        await engine.aclose()
    assert server.served.requests == 2
    shown += [record.getMessage() for record in caplog.records] + list(capfd.readouterr())
    assert [text for text in shown if KEY in text] == []
    assert any("bad key" in text for text in shown)


async def test_prompts_are_in_no_log_and_nothing_is_printed(caplog, capfd):
    caplog.set_level(logging.DEBUG)
    await ask("42", call(text="my private prompt"))
    assert "my private prompt" not in caplog.text
    assert capfd.readouterr() == ("", "")


def test_the_import_changes_nothing_and_asks_nobody(tmp_path):
    (tmp_path / ".env").write_text("PLANTED=1\n")
    code = """
import asyncio, os, socket, sys, warnings
tried = []
def connect(self, address):
    tried.append(address)
    raise OSError("no network")
socket.socket.connect = connect
before = dict(os.environ)
import graphsearch, graphsearch.api, graphsearch.engines
from graphsearch.engines.litellm import LitellmEngine
from graphsearch.engines import make_engine
engine = make_engine("litellm")
engine.info("openai/m")
assert "litellm" not in sys.modules
from graphsearch.engines.litellm.load import load_litellm
filters = list(warnings.filters)
module = load_litellm()
assert "litellm" in sys.modules and module.callbacks == []
print(tried, dict(os.environ) == before, len(warnings.filters) - len(filters))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert (done.stdout.strip(), done.stderr) == ("[] True 2", "")


async def test_calls_change_no_environment():
    before = dict(os.environ)
    await ask("42")
    assert dict(os.environ) == before


async def test_closing_leaves_nothing_open():
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        engine = None
        async with StubServer(lambda asked: "42") as server:
            engine = LitellmEngine(endpoint=server.base_url, api_key_env="STUB_KEY")
            await asyncio.gather(*(engine.generate(call(i)) for i in range(8)))
            await engine.aclose()
            await engine.aclose()
            reply = await engine.generate(call(9))  # it opens again
            assert reply.usage == Usage(6, 1, 1)
            await engine.aclose()


class TestASearch:
    """The whole of a search through it, from the command line."""

    @pytest.fixture
    def server(self):
        def add(request):
            numbers = re.findall(r"(\d+) plus (\d+)", request["messages"][-1]["content"])
            return f"The answer is {sum(map(int, numbers[0]))}." if numbers else "ready"

        loop = asyncio.new_event_loop()
        server = StubServer(add, key=KEY)
        loop.run_until_complete(server.start())
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        yield server
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def test_every_token_is_booked_and_resuming_pays_for_nothing(
        self, server, tmp_path, monkeypatch
    ):
        monkeypatch.chdir(tmp_path)
        rows = [{"question": f"What is {i} plus 1?", "answer": i + 1} for i in range(60)]
        (tmp_path / "sums.jsonl").write_text("\n".join(map(json.dumps, rows)))
        model = {
            "name": "m",
            "engine": "litellm",
            "served_name": "openai/vendor/m",
            "endpoint": server.base_url,
            "api_key_env": "STUB_KEY",
            "input_price": "0.1",
            "output_price": "0.4",
        }
        fleet = {"name": "f", "unit_model": "m", "models": [model]}
        (tmp_path / "fleet.yaml").write_text(json.dumps(fleet))
        options = (
            *("--data", "sums.jsonl", "--grader", "numeric", "--fleet", "fleet.yaml"),
            *("--graph-budget", "0.001usd", "--search-budget", "5usd"),
            *("--search-budget", "250 calls", "--searcher", "random"),
        )
        done = CliRunner().invoke(app, ["run", *options, "--json"])
        assert done.exit_code == 0, done.stderr
        found = json.loads(done.stdout.splitlines()[-1])
        assert found["accuracy"] == 1
        told = server.served.usage
        with closing(sqlite3.connect("runs/sums/study.db")) as book:
            texts = "".join(book.iterdump())
        assert KEY not in texts
        result = json.loads((tmp_path / "runs" / "sums" / "result.json").read_text())
        assert result["calls"]["made"] == told.calls == server.served.replies
        spent = result["spend"]["tokens"]["total"]
        assert spent == told.prompt_tokens + told.completion_tokens
        done = CliRunner().invoke(app, ["resume", "runs/sums", "--json"])
        assert done.exit_code == 0, done.stderr
        assert server.served.usage == told

    def test_doctor(self, server, monkeypatch):
        monkeypatch.setenv("OPENAI_API_BASE", server.base_url)
        done = CliRunner().invoke(
            app, ["doctor", "--model", "openai/m", "--api-key-env", "openai/m=STUB_KEY", "--json"]
        )
        (model,) = json.loads(done.stdout.splitlines()[-1])["models"]
        assert model["answers"]
        assert [f["about"] for f in model["findings"]] == ["price"]
