"""A provider with a protocol of its own: LiteLLM itself, and a few lines that speak Anthropic's.

Run by `make test-litellm`.
"""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from graphsearch.engines.litellm import LitellmEngine
from graphsearch.records.calls import Call, Message, Outcome, Sampling
from graphsearch.records.errors import (
    AccessDenied,
    BadRequest,
    BrokenReply,
    CallTimeout,
    ContextTooLong,
    RateLimited,
    Unavailable,
    UnknownModel,
)
from tests import support
from tests.execution.helpers import until

KEY = "sk-ant-planted-0123456789"
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(autouse=True)
def _installed(monkeypatch):
    support.litellm()
    monkeypatch.setenv("ANT_KEY", KEY)


class Server:
    """Answers each request alike; counts connections that their client closed."""

    def __init__(self, status, body, headers=()):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json", *headers]
        lines += [f"Content-Length: {len(raw)}", "", ""]
        self.answer = "\r\n".join(lines).encode() + raw
        self.asked = []
        self.left = 0
        self.holds = status == 0

    async def __call__(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                size = head.partition("content-length: ")[2].partition("\r\n")[0]
                self.asked.append((head, json.loads(await reader.readexactly(int(size)))))
                if not self.holds:
                    writer.write(self.answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left += 1
        finally:
            writer.close()


@asynccontextmanager
async def engine_at(server, **options):
    listening = await asyncio.start_server(server, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    engine = LitellmEngine(endpoint=url, api_key_env="ANT_KEY", **options)
    try:
        yield engine
    finally:
        await engine.aclose()
        listening.close()
        await until(lambda: server.left == 1)


def call():
    prompt = (Message("system", "be brief"), Message("user", "what is 1 ?"))
    return Call(
        "anthropic/claude-sonnet-4-6", prompt, Sampling(0.8, max_tokens=5, stop=("X",)), seed=3
    )


def said(text, reason="end_turn", written=3):
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [] if text is None else [{"type": "text", "text": text}],
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": written},
    }


def error(kind, words):
    return {"type": "error", "error": {"type": kind, "message": words}}


@pytest.mark.parametrize(
    ("body", "outcome", "text"),
    [
        (said("hello"), Outcome.ANSWERED, "hello"),
        (said("a b c", "max_tokens"), Outcome.TRUNCATED, "a b c"),
        (said(None), Outcome.EMPTY, ""),
        (said("", "refusal"), Outcome.REFUSED, ""),
    ],
)
async def test_replies(body, outcome, text):
    server = Server(200, body)
    async with engine_at(server) as engine:
        reply = await engine.generate(call())
    assert (reply.outcome, reply.text) == (outcome, text)
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (7, 3)
    ((head, asked),) = server.asked
    assert head.startswith("post /v1/messages ")
    assert f"x-api-key: {KEY}" in head
    assert (asked["temperature"], asked["max_tokens"]) == (0.8, 5)
    assert asked["stop_sequences"] == ["X"]
    assert "seed" not in asked  # which Anthropic does not know


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, error("rate_limit_error", "slow down"), RateLimited),
        (529, error("overloaded_error", "Overloaded"), Unavailable),
        (500, error("api_error", "broken"), Unavailable),
        (504, error("timeout_error", "late"), CallTimeout),
        (401, error("authentication_error", f"invalid x-api-key {KEY}"), AccessDenied),
        (403, error("permission_error", "not you"), AccessDenied),
        (400, error("invalid_request_error", "Your credit balance is too low"), AccessDenied),
        (400, error("invalid_request_error", "prompt is too long: 9 tokens > 8"), ContextTooLong),
        (404, error("not_found_error", "model: claude-x"), UnknownModel),
        (400, error("invalid_request_error", "temperature: odd"), BadRequest),
        (200, b'{"id": "msg', BrokenReply),
        (200, {}, BrokenReply),
    ],
)
async def test_refusals(status, body, kind):
    server = Server(status, body, ["retry-after: 7"] if status == 429 else [])
    async with engine_at(server) as engine:
        with pytest.raises(kind) as caught:
            await engine.generate(call())
    assert type(caught.value) is kind
    assert len(server.asked) == 1
    assert caught.value.retry_after == (7 if status == 429 else None)
    message = str(caught.value)
    assert message.startswith("litellm anthropic/claude-sonnet-4-6: ")
    assert KEY not in message
    assert "Traceback" not in message
    if status not in {200, 529}:
        assert body["error"]["message"].partition("sk-")[0] in message


async def test_a_cancelled_call_closes_its_connection():
    server = Server(0, b"")
    async with engine_at(server) as engine:
        task = asyncio.create_task(engine.generate(call()))
        await until(lambda: server.asked)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: server.left == 1)
