"""The engine's own logic, with a few lines in place of LiteLLM: releases, mapping, registry."""

import asyncio
import json
import logging
import os
import sys
import textwrap
import threading
from typing import ClassVar

import pytest
from typer.testing import CliRunner

from graphsearch.cli import app
from graphsearch.engines import engines_for, make_engine
from graphsearch.engines.litellm import LitellmEngine
from graphsearch.engines.litellm.load import load_litellm
from graphsearch.records.calls import Call, Message, Outcome, Sampling
from graphsearch.records.errors import (
    AccessDenied,
    BadRequest,
    BrokenReply,
    CallTimeout,
    ContextTooLong,
    FleetError,
    NoKey,
    RateLimited,
    Unavailable,
    UnknownModel,
)
from graphsearch.records.models import Fleet, ModelSpec
from graphsearch.testing import EngineConformance

FAKE = """
import asyncio, os
from types import SimpleNamespace as N
os.environ["LEFT_BEHIND"] = "1"
os.environ["HOME"] = "/changed"
MODE = os.environ["LITELLM_MODE"], os.environ["LITELLM_LOCAL_MODEL_COST_MAP"]
asked, closed = [], []

class Client:
    def __init__(self, name): self.name = name
    async def close(self): closed.append(self.name)

class InternalServerError(Exception): status_code = 500
class RateLimitError(Exception):
    status_code = 429
    litellm_response_headers = {"Retry-After": "2.5"}
class Timeout(Exception): status_code = 408
class ContextWindowExceededError(Exception): status_code = 400
class ContentPolicyViolationError(Exception): status_code = 400
class Strange(Exception): pass
class NotFoundError(Exception): status_code = 404

in_memory_llm_clients_cache = N(cache_dict={"older": Client("older")})

def usage(words): return N(prompt_tokens=len(words), completion_tokens=1)

async def acompletion(**kwargs):
    asked.append(kwargs)
    await asyncio.sleep(0)
    name = f"client {kwargs['api_base']} {id(asyncio.get_running_loop())}"
    in_memory_llm_clients_cache.cache_dict.setdefault(name, Client(name))
    said = kwargs["messages"][-1]["content"]
    if said.startswith("raise "):
        raise globals()[said.split()[1]](said)
    if "no-such" in kwargs["model"]:
        error = InternalServerError(f"model {kwargs['model']} does not exist")
        error.status_code, error.headers = 404, {"x": "y"}
        raise error
    text = said.partition("say ")[2] or "yes"
    message = N(content=text, provider_specific_fields=None)
    choice = N(message=message, finish_reason="stop", provider_specific_fields=None)
    return N(choices=[choice], usage=usage(said.split()))
"""


def install(folder, monkeypatch, release="1.106.2"):
    (folder / "litellm").mkdir()
    (folder / "litellm" / "__init__.py").write_text(textwrap.dedent(FAKE))
    info = folder / f"litellm-{release}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: litellm\nVersion: {release}\n")
    for name in [name for name in sys.modules if name.partition(".")[0] == "litellm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(folder)


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """The module, not yet imported by anybody."""
    install(tmp_path, monkeypatch)
    levels = {name: logging.getLogger(name).level for name in ("httpx", "openai")}
    yield lambda: sys.modules["litellm"]
    sys.modules.pop("litellm", None)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def call(text="what is 1 ?", model="x/m"):
    return Call(model, (Message("user", text),), Sampling(max_tokens=5), seed=3)


async def ask(text, **engine):
    made = LitellmEngine(**engine)
    try:
        return await made.generate(call(text))
    finally:
        await made.aclose()


class TestConformance(EngineConformance):
    unknown_model = "x/no-such-model"
    options: ClassVar = {"serve": {"weights": "./small", "args": ["--seed", 7]}}

    @pytest.fixture(autouse=True)
    def _installed(self, fake):
        pass

    def make_engine(self):
        return LitellmEngine()

    def make_call(self, index):
        return call(f"what is {index} ?")


@pytest.mark.parametrize(
    ("release", "words"),
    [
        ("1.82.7", "published with malware in March 2026; uninstall it, change every key"),
        ("1.82.8", "published with malware"),
        ("1.82.8.post1", "published with malware"),
        ("1.107.0", "reported to have been published with malware"),
        ("1.107.12rc1", "reported to have been published with malware"),
    ],
)
def test_harmful_releases_are_refused_before_they_are_imported(
    tmp_path, monkeypatch, release, words
):
    install(tmp_path, monkeypatch, release)
    for made in (LitellmEngine, load_litellm, lambda: make_engine("litellm")):
        with pytest.raises(FleetError, match=words) as caught:
            made()
        assert release in str(caught.value)
        assert "pip install 'graphsearch[litellm]'" in str(caught.value)
    assert "litellm" not in sys.modules


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("sys.path", [])
    monkeypatch.delitem(sys.modules, "litellm", raising=False)
    with pytest.raises(FleetError, match=r"install it with: pip install 'graphsearch\[litellm\]'"):
        LitellmEngine()


def test_loading_leaves_no_trace(fake):
    before = dict(os.environ)
    logging.getLogger("httpx").setLevel(logging.DEBUG)
    engine = LitellmEngine()
    engine.info("x/m")
    assert "litellm" not in sys.modules
    asyncio.run(ask("hello"))
    assert dict(os.environ) == before
    assert fake().MODE == ("PRODUCTION", "True")
    assert fake().suppress_debug_info is True
    assert logging.getLogger("LiteLLM").disabled
    assert logging.getLogger("httpx").level == logging.WARNING


async def test_nothing_of_litellm_but_the_call(fake, monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-0123456789")
    await ask("hello", endpoint="http://127.0.0.1:9/v1", api_key_env="MY_KEY")
    (sent,) = fake().asked
    assert (sent["num_retries"], sent["max_retries"], sent["caching"]) == (0, 0, False)
    assert sent["no-log"] is True
    assert (sent["api_key"], sent["api_base"]) == ("sk-0123456789", "http://127.0.0.1:9/v1")
    await ask("hello")
    assert (fake().asked[-1]["api_key"], fake().asked[-1]["api_base"]) == (None, None)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("RateLimitError", RateLimited, "RateLimitError 429"),
        ("Timeout", CallTimeout, "Timeout 408"),
        ("ContextWindowExceededError", ContextTooLong, "Error 400.* a smaller max_tokens"),
        ("InternalServerError", BrokenReply, "InternalServerError 500"),
        ("Strange", Unavailable, "litellm x/m: Strange: raise Strange"),
    ],
)
async def test_errors_are_typed_by_name(fake, name, kind, words):
    with pytest.raises(kind, match=words) as caught:
        await ask(f"raise {name}")
    assert type(caught.value) is kind
    assert caught.value.retry_after == (2.5 if name == "RateLimitError" else None)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


async def test_what_is_not_found_at_a_provider_is_the_model(fake):
    with pytest.raises(UnknownModel, match="served_name is provider/model"):
        await ask("raise NotFoundError")
    with pytest.raises(BadRequest):
        await ask("raise NotFoundError", endpoint="http://127.0.0.1:9/v1")


async def test_a_prompt_that_the_provider_refuses_is_an_outcome(fake):
    reply = await ask("raise ContentPolicyViolationError")
    assert (reply.outcome, reply.text) == (Outcome.REFUSED, "")
    assert (reply.usage.prompt_tokens, reply.usage.calls) == (None, 1)


async def test_secrets_of_the_environment_are_taken_out_of_words(fake, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "sk-planted-9876543210")
    with pytest.raises(Unavailable) as caught:
        await ask("raise Strange sk-planted-9876543210")
    assert "sk-planted" not in str(caught.value)
    assert "[SOME_API_KEY]" in str(caught.value)


async def test_a_key_is_taken_out_of_words_and_replies_whatever_its_variable_is_called(
    fake, monkeypatch
):
    monkeypatch.setenv("VENDOR", "planted-9876543210")
    with pytest.raises(Unavailable) as caught:
        await ask("raise Strange planted-9876543210", api_key_env="VENDOR")
    assert "planted" not in str(caught.value)
    reply = await ask("say planted-9876543210", api_key_env="VENDOR")
    assert reply.text == "[VENDOR]"


async def test_a_key_that_is_not_set_is_named(fake, monkeypatch):
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(AccessDenied, match="MY_KEY"):
        await ask("hello", api_key_env="MY_KEY")
    assert "litellm" not in sys.modules


@pytest.mark.parametrize(
    ("served", "variables", "missing"),
    [
        ("openai/gpt-4o-mini", {}, "OPENAI_API_KEY"),
        ("openai/gpt-4o-mini", {"OPENAI_API_KEY": "sk-1"}, None),
        ("openai/gpt-4o-mini", {"OPENAI_API_KEY": " "}, "OPENAI_API_KEY"),
        ("gemini/flash", {"GOOGLE_API_KEY": "g"}, None),  # any one of a provider's
        ("bedrock/x", {}, None),  # credentials of other kinds: only a call can tell
        ("my-model", {}, None),
    ],
)
def test_a_provider_s_key_is_missed_before_any_call(fake, monkeypatch, served, variables, missing):
    for name in ("OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    engine = LitellmEngine({"m": served})
    if missing is None:
        engine.check_key("m")
    else:
        with pytest.raises(NoKey, match=f"{missing}, the key for {served}, is not set"):
            engine.check_key("m")
    LitellmEngine({"m": served}, endpoint="http://127.0.0.1:1").check_key("m")
    assert "litellm" not in sys.modules


async def test_others_go_on_while_it_loads_and_it_loads_once(fake, monkeypatch):
    go, loads = threading.Event(), []

    def slowly():
        loads.append(go.wait(20))
        return load_litellm()

    monkeypatch.setattr("graphsearch.engines.litellm.engine.load_litellm", slowly)
    engine = LitellmEngine()
    tasks = [asyncio.create_task(engine.generate(call())) for _ in range(8)]
    await asyncio.sleep(0)
    tasks[0].cancel()  # whoever asked first may leave
    asyncio.get_running_loop().call_soon(go.set)
    first, *others = await asyncio.gather(*tasks, return_exceptions=True)
    await engine.aclose()
    assert isinstance(first, asyncio.CancelledError)
    assert {reply.text for reply in others} == {"yes"}
    assert loads == [True]


async def test_closing_waits_for_what_is_loading(fake, monkeypatch):
    monkeypatch.delenv("MY_KEY", raising=False)
    engine = LitellmEngine(api_key_env="MY_KEY")
    task = asyncio.create_task(engine.generate(call()))
    await asyncio.sleep(0)
    await engine.aclose()
    with pytest.raises(AccessDenied):
        await task


async def test_clients_are_closed_with_the_last_engine_and_others_left_alone(fake):
    first = LitellmEngine(endpoint="http://127.0.0.1:1/v1")
    second = LitellmEngine(endpoint="http://127.0.0.1:2/v1")
    await asyncio.gather(first.generate(call()), second.generate(call()))
    await first.aclose()
    await first.aclose()
    assert fake().closed == []
    await second.aclose()
    assert len(fake().closed) == 2
    assert set(fake().in_memory_llm_clients_cache.cache_dict) == {"older"}


def test_models_of_one_endpoint_and_key_share_an_engine(fake):
    specs = (
        ModelSpec("a", engine="litellm", served_name="openai/a"),
        ModelSpec("openai/b", engine="litellm"),
        ModelSpec("c", engine="litellm", endpoint="http://127.0.0.1:1/v1"),
    )
    engines = engines_for(Fleet("f", specs, "a"), ["a", "openai/b", "c"])
    assert engines["a"] is engines["openai/b"]
    assert engines["c"] is not engines["a"]
    assert engines["a"].info("a").fingerprint == "litellm openai/a"
    assert engines["a"].info("a") != engines["a"].info("openai/b")
    assert engines["a"].info("a").endpoint == engines["a"].info("openai/b").endpoint == "openai"
    assert engines["c"].info("c").endpoint == "http://127.0.0.1:1/v1"


def test_a_model_of_a_provider_on_the_command_line(fake, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [{"question": f"What is {i} plus 1?", "answer": i + 1} for i in range(60)]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    done = CliRunner().invoke(
        app,
        [
            *("quote", "--data", "questions.jsonl", "--grader", "numeric"),
            *("--model", "http://127.0.0.1:8001/v1#qwen-0.5b", "--price", "qwen-0.5b=0.02/0.06"),
            *("--model", "openai/gpt-4o-mini"),
            *("--graph-budget", "0.002usd", "--search-budget", "5usd"),
        ],
    )
    assert done.exit_code == 0, done.stderr
    assert "prices of openai/gpt-4o-mini: price map of LiteLLM" in done.stdout
    assert "litellm" not in sys.modules
