"""A stand-in for an OpenAI-compatible server, which breaks by plan and counts to the token.

    async with StubServer(lambda request: "42", latency_s=0.02) as server:
        engine = HttpEngine(server.base_url)
        ...
    assert server.served.usage == what_was_booked

It listens on the loopback device, in the event loop that entered it; `python -m
graphsearch.testing.stub` serves one in a process of its own, and tells at `/served` (beside `/v1`)
what it has counted. A word is a token.
"""

import argparse
import asyncio
import hashlib
import json
import sys
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from importlib import import_module
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from graphsearch.records.calls import Usage
from graphsearch.testing._stub_protocol import Deed, Request, StubProtocol, response

__all__ = ["Served", "StubFault", "StubReply", "StubServer"]

_KEPT_REQUESTS: Final = 10_000


class StubFault(StrEnum):
    """What can go wrong with a request."""

    RATE_LIMITED = "rate_limited"  # 429, with Retry-After
    RATE_LIMITED_SILENT = "rate_limited_silent"  # 429 without
    SERVER_ERROR = "server_error"  # 500
    OVERLOADED = "overloaded"  # 503
    RESET = "reset"  # the connection is reset, no reply was made
    SLOW = "slow"  # the reply comes late
    HANG = "hang"  # it never comes
    CUT_JSON = "cut_json"  # half of its body comes, as if it were all
    CUT_BODY = "cut_body"  # half of its body comes, then the connection closes
    WRONG_TYPE = "wrong_type"  # a proxy's page in place of it
    NO_HTTP = "no_http"  # bytes that are no response at all


@dataclass(frozen=True, slots=True)
class StubReply:
    """A reply as a script may want it.

    Attributes:
        text: the content; cut to the request's `max_tokens` words.
        finish_reason: `stop`, or `length` where the text was cut, when None.
        refusal: the message's refusal.
        tells_usage: False leaves the usage out.
        status: of HTTP; other than 200, `text` becomes the message of an error.
        body: sent as it is, in place of a completion.
        content_type: of the response.
        headers: more headers of the response.
    """

    text: str | None = ""
    finish_reason: str | None = None
    refusal: str | None = None
    tells_usage: bool = True
    status: int = 200
    body: bytes | None = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Served:
    """What a server has done so far.

    Attributes:
        requests: completions asked for.
        replies: completions sent whole.
        empty: those of them without a text.
        cut: those that `max_tokens` cut.
        usage: tokens of those.
        lost: replies made but not sent whole: cut, replaced, or their client had left.
        lost_usage: tokens of those.
        given_up: requests whose client left before their reply.
        faults: injected faults.
        in_flight: requests being answered now.
        most_in_flight: the highest of that so far.
    """

    requests: int = 0
    replies: int = 0
    empty: int = 0
    cut: int = 0
    usage: Usage = field(default_factory=Usage)
    lost: int = 0
    lost_usage: Usage = field(default_factory=Usage)
    given_up: int = 0
    faults: Counter[StubFault] = field(default_factory=Counter)
    in_flight: int = 0
    most_in_flight: int = 0

    def to_json(self) -> dict[str, Any]:
        """All fields by name."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        usage, lost = asdict(self.usage), asdict(self.lost_usage)
        return {**plain, "usage": usage, "lost_usage": lost, "faults": dict(self.faults)}


class StubServer:
    """Serves `/v1/chat/completions`, `/v1/models` and `/health` until it is left.

    Whether attempt n of a request meets a fault, and which, follows from the seed, the request and
    n alone, not from the order in which requests come: a run with faults can be repeated.

    Args:
        answer: the reply to a request's JSON: a text or a `StubReply`.
        models: names it serves, with the context of each in words; None serves every name.
        latency_s: seconds a reply takes.
        rates: share of requests that meet each fault; together at most 1.
        script: faults of the first requests, in the order they come, None for none.
        seed: of the plan.
        most_per_request: a request that met so many faults goes through; None sets no limit.
        retry_after: header of `RATE_LIMITED`.
        slow_s: seconds that a `SLOW` reply takes longer.
        key: if given, requests without it get 401 (and hear the key they sent quoted).

    Attributes:
        served: what it has done.
        requests: the JSON of the last 10,000 requests, in the order they came.
    """

    def __init__(
        self,
        answer: Callable[[dict[str, Any]], str | StubReply] | None = None,
        *,
        models: Mapping[str, int] | None = None,
        latency_s: float = 0.0,
        rates: Mapping[StubFault | str, float] | None = None,
        script: Sequence[StubFault | None] = (),
        seed: int = 0,
        most_per_request: int | None = None,
        retry_after: str = "0",
        slow_s: float = 1.0,
        key: str | None = None,
    ) -> None:
        self._answer = answer or _last_words
        self._models = models
        self._latency = latency_s
        self._rates = {StubFault(fault): rate for fault, rate in (rates or {}).items()}
        if min(self._rates.values(), default=0) < 0 or sum(self._rates.values()) > 1 + 1e-9:
            raise ValueError(f"rates must be 0 or more and at most 1 together: {self._rates}")
        self._script = list(script)
        self._seed = seed
        self._most = most_per_request
        self._retry_after = retry_after
        self._slow = slow_s
        self._key = key
        self._attempts: Counter[bytes] = Counter()
        self._connections: set[StubProtocol] = set()
        self._server: asyncio.Server | None = None
        self.served = Served()
        self.requests: deque[dict[str, Any]] = deque(maxlen=_KEPT_REQUESTS)

    @property
    def base_url(self) -> str:
        """What a client takes for the base URL."""
        assert self._server is not None, "the server is not running"
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}/v1"

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return len(self._connections)

    async def start(self, port: int = 0) -> None:
        """Listen, on any free port when none is named."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: StubProtocol(self._handle, self._connections), "127.0.0.1", port, backlog=4096
        )

    async def stop(self) -> None:
        """Stop listening and drop all connections."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # they leave in the loop's next turn
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    # -- one request ---------------------------------------------------------------------------

    def _handle(self, request: Request) -> Deed:
        sent = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._key is not None and sent != self._key:
            return Deed(_error(401, f"the key {sent!r} is not known", code="invalid_api_key"))
        match request.method, request.path:
            case "POST", "/v1/chat/completions":
                return self._complete(request.body)
            case "GET", "/v1/models":
                return Deed(response(200, _json({"object": "list", "data": self._listed()})))
            case "GET", "/health":
                return Deed(response(200, b"{}"))
            case "GET", "/served":
                return Deed(response(200, _json(self.served.to_json())))
        return Deed(_error(404, "Not Found"))

    def _listed(self) -> list[dict[str, Any]]:
        models = self._models or {}
        return [
            {"id": name, "object": "model", "max_model_len": context}
            for name, context in models.items()
        ]

    def _complete(self, body: bytes) -> Deed:
        asked = json.loads(body)
        served = self.served
        served.requests += 1
        served.in_flight += 1
        served.most_in_flight = max(served.most_in_flight, served.in_flight)
        self.requests.append(asked)
        fault = self._next_fault(body)
        if fault is not None:
            served.faults[fault] += 1
        refused = self._refusal(asked)
        made = _completion(asked, self._answer(asked)) if refused is None else _Made(refused)
        return self._deed(fault, made)

    def _deed(self, fault: StubFault | None, made: "_Made") -> Deed:
        """What is done about a request whose whole response would be `made`."""
        after, data = self._latency, made.data
        sent = self._closing(made, lost=False)
        lost = self._closing(made, lost=True)
        unmade, left = self._closing(None, lost=False), self._closing(None, lost=False, left=True)
        match fault:
            case StubFault.RATE_LIMITED:
                wait = {"Retry-After": self._retry_after}
                return Deed(_error(429, "slow down", headers=wait), after, done=unmade, left=left)
            case StubFault.RATE_LIMITED_SILENT:
                return Deed(_error(429, "slow down"), after, done=unmade, left=left)
            case StubFault.SERVER_ERROR:
                return Deed(_error(500, "something broke"), after, done=unmade, left=left)
            case StubFault.OVERLOADED:
                return Deed(_error(503, "too busy"), after, done=unmade, left=left)
            case StubFault.RESET:
                return Deed(after_s=after, then="reset", done=unmade, left=left)
            case StubFault.HANG:
                return Deed(then="hang", left=left)
            case StubFault.SLOW:
                return Deed(data, after + self._slow, done=sent, left=left)
            case StubFault.CUT_JSON:
                return Deed(_halved(data, honest=True), after, done=lost, left=left)
            case StubFault.CUT_BODY:
                half = _halved(data, honest=False)
                return Deed(half, after, then="close", done=lost, left=left)
            case StubFault.WRONG_TYPE:
                page = response(200, b"<html>Welcome</html>", content_type="text/html")
                return Deed(page, after, done=lost, left=left)
            case StubFault.NO_HTTP:
                return Deed(b"what?\r\n\r\n", after, then="close", done=lost, left=left)
        return Deed(data, after, done=sent, left=left)

    def _closing(
        self, made: "_Made | None", *, lost: bool, left: bool = False
    ) -> Callable[[], None]:
        served = self.served

        def close() -> None:
            served.in_flight -= 1
            served.given_up += left
            if made is None or made.usage is None:
                return
            if lost:
                served.lost += 1
                served.lost_usage += made.usage
            else:
                served.replies += 1
                served.empty += made.is_empty
                served.cut += made.is_cut
                served.usage += made.usage

        return close

    def _refusal(self, asked: Mapping[str, Any]) -> bytes | None:
        if self._models is None:
            return None
        name = str(asked.get("model"))
        if name not in self._models:
            return _error(404, f"The model `{name}` does not exist.", kind="NotFoundError")
        most, words = asked.get("max_tokens") or 0, _words(asked)
        if most + words > self._models[name]:
            return _error(
                400,
                f"The context length of this model is {self._models[name]} tokens; the prompt has "
                f"{words}, and {most} more were asked for.",
                kind="BadRequestError",
            )
        return None

    def _next_fault(self, body: bytes) -> StubFault | None:
        made = self.served.requests - 1
        if made < len(self._script):
            return self._script[made]
        if not self._rates:
            return None
        attempt = self._attempts[body]
        self._attempts[body] += 1
        if self._most is not None and attempt >= self._most:
            return None
        # A number in [0, 1) that follows from seed, body and attempt alone.
        told = b"%d %d " % (self._seed, attempt) + body
        number = int.from_bytes(hashlib.blake2b(told, digest_size=8).digest(), "little")
        left = (number >> 11) * 2.0**-53
        for fault, rate in self._rates.items():
            left -= rate
            if left < 0:
                return fault
        return None


def _last_words(asked: Mapping[str, Any]) -> str:
    return " ".join(str(asked["messages"][-1]["content"]).split()[-8:])


def _words(asked: Mapping[str, Any]) -> int:
    return sum(len(str(message["content"]).split()) for message in asked["messages"])


class _Made(NamedTuple):
    """The bytes of a response, and what it used: None for an error."""

    data: bytes
    usage: Usage | None = None
    is_empty: bool = False
    is_cut: bool = False


def _completion(asked: Mapping[str, Any], answer: str | StubReply) -> _Made:
    reply = StubReply(answer) if isinstance(answer, str) else answer
    headers, kind = dict(reply.headers), reply.content_type
    if reply.body is not None or reply.status != 200:
        body = reply.body
        body = _json({"error": {"message": reply.text}}) if body is None else body
        return _Made(response(reply.status, body, content_type=kind, headers=headers))
    words, most = (reply.text or "").split(), asked.get("max_tokens")
    is_cut = most is not None and len(words) > most
    text = " ".join(words[:most]) if is_cut else reply.text
    usage = Usage(_words(asked), len((text or "").split()), calls=1)
    data = {
        "id": "chatcmpl-stub",
        "object": "chat.completion",
        "model": asked.get("model"),
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": reply.refusal},
                "finish_reason": reply.finish_reason or ("length" if is_cut else "stop"),
            }
        ],
    }
    if reply.tells_usage:
        data["usage"] = {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
        }
    whole = response(200, _json(data), content_type=kind, headers=headers)
    return _Made(whole, usage, is_empty=not text, is_cut=is_cut)


def _error(
    status: int,
    message: str,
    *,
    kind: str = "error",
    code: str | None = None,
    headers: dict[str, str] | None = None,
) -> bytes:
    body = {"error": {"message": message, "type": kind, "code": code}}
    return response(status, _json(body), headers=headers)


def _halved(data: bytes, *, honest: bool) -> bytes:
    """A response with half of its body, and a header that says so or does not."""
    _, _, body = data.partition(b"\r\n\r\n")
    half = body[: len(body) // 2]
    return response(200, half, length=len(half) if honest else len(body))


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve from the command line."""
    parser = argparse.ArgumentParser(prog="stub", description="An OpenAI-compatible stub server.")
    parser.add_argument("--port", type=int, default=0, help="any free one when left out")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds a reply takes")
    parser.add_argument("--answer", help="module:function that answers a request's JSON")
    parser.add_argument("--rates", type=json.loads, help='faults as JSON, {"reset": 0.1}')
    parser.add_argument("--seed", type=int, default=0, help="of the plan of faults")
    parser.add_argument("--slow", type=float, default=1.0, help="more seconds of a slow reply")
    parser.add_argument("--retry-after", default="0", help="header of a rate limit that tells")
    given = parser.parse_args(arguments)
    answer: Callable[[dict[str, Any]], str | StubReply] | None = None
    if given.answer is not None:
        module, _, name = given.answer.partition(":")
        answer = getattr(import_module(module), name)
    server = StubServer(
        answer,
        latency_s=given.latency,
        rates=given.rates,
        seed=given.seed,
        slow_s=given.slow,
        retry_after=given.retry_after,
    )

    async def serve() -> None:
        """Serve until standard input ends; write the address first, what was served last."""
        await server.start(given.port)
        sys.stdout.write(json.dumps({"base_url": server.base_url}) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        sys.stdout.write(json.dumps(server.served.to_json()) + "\n")
        await server.stop()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
