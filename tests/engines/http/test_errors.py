"""Whatever goes wrong, as an error that says what, whether to try again, and what to do."""

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from graphsearch.engines.http import HttpEngine
from graphsearch.engines.refusals import seconds_to_wait
from graphsearch.records.calls import Call, Message, Outcome, Sampling
from graphsearch.records.errors import (
    AccessDenied,
    BadRequest,
    BrokenReply,
    CallTimeout,
    ContextTooLong,
    EngineError,
    NoKey,
    NotThere,
    RateLimited,
    Unavailable,
    UnknownModel,
)
from graphsearch.testing import StubReply, StubServer

CALL = Call("m", (Message("user", "what is 2 + 2 ?"),), Sampling(max_tokens=5))
SECRET = "sk-planted-4711-secret"


async def failure(server, **options):
    """The error of one call to this server."""
    async with server:
        engine = HttpEngine(server.base_url, **options)
        try:
            with pytest.raises(EngineError) as caught:
                await engine.generate(CALL)
        finally:
            await engine.aclose()
    return caught.value


async def refusal(status, message="", **options):
    reply = StubReply(message, status=status, **options)
    return await failure(StubServer(lambda asked: reply))


# Messages as servers word them (2025 and 2026).
TOO_LONG = [
    "This model's maximum context length is 512 tokens. However, you requested 600 tokens.",
    "You passed 1015 input tokens. However, the model's context length is only 1024 tokens.",
    "The input (61709 tokens) is longer than the model's context length (40960 tokens).",
    "the request exceeds the available context size. try increasing it",
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096.",
]
NO_MODEL = [
    "The model `m` does not exist.",
    'model "m" not found, try pulling it first',
    "The model 'm' does not exist or you do not have access to it.",
]


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        *((400, message, ContextTooLong) for message in TOO_LONG),
        (422, TOO_LONG[-1], ContextTooLong),
        (413, TOO_LONG[0], ContextTooLong),
        (500, TOO_LONG[3], ContextTooLong),
        *((404, message, UnknownModel) for message in NO_MODEL),
        (400, NO_MODEL[0], UnknownModel),
        (400, "top_p must be in (0, 1]", BadRequest),
        (422, "seed: not an integer", BadRequest),
        (401, "who are you", AccessDenied),
        (402, "no money", AccessDenied),
        (403, "The model `m` does not exist for you", AccessDenied),
        (404, "Not Found", NotThere),
        (405, "Method Not Allowed", NotThere),
        (307, "elsewhere", NotThere),
        (408, "too slow", CallTimeout),
        (504, "upstream too slow", CallTimeout),
        (429, "too many tokens of the context length", RateLimited),
        (429, "You exceeded your current quota", AccessDenied),
        (500, "CUDA error", Unavailable),
        (503, "overloaded", Unavailable),
        (529, "overloaded", Unavailable),
    ],
)
async def test_statuses(status, message, kind):
    error = await refusal(status, message)
    assert type(error) is kind
    assert error.retryable == issubclass(kind, CallTimeout | RateLimited | Unavailable)
    assert str(status) in str(error)
    assert "'m'" in str(error)
    assert message in str(error)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"code": 400, "message": TOO_LONG[3]}}, ContextTooLong),
        ({"error": {"code": 429, "message": "slow down"}}, RateLimited),
        ({"object": "error", "code": 404, "message": NO_MODEL[0]}, UnknownModel),
        ({"error": "it broke"}, BrokenReply),
        ({"choices": []}, BrokenReply),
        ({"choices": [{"message": None}]}, BrokenReply),
        ({"choices": [{"message": {"content": [1]}}]}, BrokenReply),
        ({"choices": [{"message": {"content": "x"}, "finish_reason": "abort"}]}, BrokenReply),
        ([], BrokenReply),
    ],
)
async def test_errors_that_look_like_success(body, kind):
    error = await refusal(200, body=json.dumps(body).encode())
    assert type(error) is kind


async def test_codes_and_plain_text_are_read_too():
    body = json.dumps({"error": {"message": "no", "code": "context_length_exceeded"}}).encode()
    assert type(await refusal(400, body=body)) is ContextTooLong
    error = await refusal(502, body=b"<h1>Bad\n gateway</h1>", content_type="text/html")
    assert type(error) is Unavailable
    assert "<h1>Bad gateway</h1>" in str(error)


async def test_a_long_message_is_cut():
    assert len(str(await refusal(400, "x" * 5000))) < 500


@pytest.mark.parametrize(
    ("fault", "kind", "may_have_cost"),
    [
        ("rate_limited", RateLimited, False),
        ("rate_limited_silent", RateLimited, False),
        ("server_error", Unavailable, False),
        ("overloaded", Unavailable, False),
        ("reset", Unavailable, False),
        ("cut_json", BrokenReply, True),
        ("cut_body", BrokenReply, True),
        ("wrong_type", BrokenReply, True),
        ("no_http", BrokenReply, True),
    ],
)
async def test_faults(fault, kind, may_have_cost):
    error = await failure(StubServer(script=[fault], retry_after="7"))
    assert type(error) is kind
    assert (error.retryable, error.may_have_cost) == (True, may_have_cost)
    assert error.retry_after == (7.0 if fault == "rate_limited" else None)


async def test_a_reply_that_never_comes_is_a_timeout():
    error = await failure(StubServer(script=["hang"]), timeout_s=0.05)
    assert type(error) is CallTimeout
    assert error.outcome is Outcome.TIMEOUT
    assert "0.05 s" in str(error)


async def test_a_server_that_is_not_there_is_unavailable():
    async with StubServer() as server:
        url = server.base_url
    engine = HttpEngine(url)
    with pytest.raises(Unavailable, match="refused") as caught:
        await engine.generate(CALL)
    assert not caught.value.may_have_cost
    await engine.aclose()


async def test_overload_may_say_when_to_come_back():
    soon = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    error = await refusal(503, "busy", headers={"Retry-After": soon})
    assert 3500 < error.retry_after <= 3600


NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        (" 12 ", 12.0),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 12:00:30 -0000", 30.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("-3", None),
        ("nan", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("1" * 400, None),
    ],
)
def test_retry_after(header, seconds):
    assert seconds_to_wait(header, now=NOW) == seconds


# -- the key --------------------------------------------------------------------------------------


async def test_the_key_is_sent(monkeypatch):
    monkeypatch.setenv("STUB_KEY", SECRET)
    async with StubServer(key=SECRET) as server:
        engine = HttpEngine(server.base_url, api_key_env="STUB_KEY")
        assert (await engine.generate(CALL)).text
        await engine.aclose()


async def test_a_missing_key_names_its_variable(monkeypatch):
    monkeypatch.delenv("STUB_KEY", raising=False)
    error = await failure(StubServer(key=SECRET), api_key_env="STUB_KEY")
    assert type(error) is NoKey
    assert "STUB_KEY" in str(error)


async def test_a_server_that_wants_a_key_is_told_of():
    error = await failure(StubServer(key=SECRET))
    assert type(error) is AccessDenied
    assert "api_key_env" in str(error)


@pytest.mark.parametrize("bad", [f"{SECRET}\nX: y", f"{SECRET}é"])
async def test_a_key_that_no_header_holds_is_refused(monkeypatch, bad):
    monkeypatch.setenv("STUB_KEY", bad)
    error = await failure(StubServer(), api_key_env="STUB_KEY")
    assert "STUB_KEY" in str(error)
    assert SECRET not in str(error)


def everything(error):
    """All that a traceback printer with local variables could show of an error."""
    seen, shown = error, []
    while seen is not None:
        shown += [str(seen), repr(seen), repr(seen.args), repr(vars(seen))]
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return " ".join(shown)


@pytest.mark.parametrize(
    "fault", [None, "reset", "cut_body", "cut_json", "wrong_type", "no_http", "hang"]
)
async def test_the_key_is_shown_nowhere(monkeypatch, caplog, fault):
    monkeypatch.setenv("STUB_KEY", SECRET)
    asyncio.get_running_loop().set_debug(True)
    caplog.set_level(logging.DEBUG)
    key = "another" if fault is None else SECRET  # the stub quotes a key it does not know
    server = StubServer(script=[fault], key=key)
    async with server:
        engine = HttpEngine(server.base_url, api_key_env="STUB_KEY", timeout_s=0.1)
        with pytest.raises(EngineError) as caught:
            await engine.generate(CALL)
        shown = repr(engine) + repr(vars(engine)) + repr(engine.info("m"))
        await engine.aclose()
    assert SECRET not in everything(caught.value) + shown + caplog.text
    if fault is None:
        assert "[STUB_KEY]" in str(caught.value)


async def test_a_key_quoted_in_a_reply_is_hidden(monkeypatch):
    monkeypatch.setenv("STUB_KEY", SECRET)
    async with StubServer(lambda asked: f"the key is {SECRET} !") as server:
        engine = HttpEngine(server.base_url, api_key_env="STUB_KEY")
        assert (await engine.generate(CALL)).text == "the key is [STUB_KEY] !"
        await engine.aclose()
