"""What counts as one whole response, on connections that say so in every way HTTP allows."""

import asyncio
import gzip
import json
from contextlib import asynccontextmanager

import pytest

from graphsearch.engines.http import HttpEngine
from graphsearch.records.calls import Call, Message, Sampling
from graphsearch.records.errors import BrokenReply, Rejected, Unavailable, Unreachable

CALL = Call("m", (Message("user", "how many?"),), Sampling(max_tokens=8))


def completion(text="seven"):
    message = {"role": "assistant", "content": text}
    return json.dumps(
        {
            "choices": [{"message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 2, "completion_tokens": 1},
        }
    ).encode()


BODY = completion()
TYPE = b"Content-Type: application/json\r\n"


def whole(body=BODY, more=b""):
    return b"HTTP/1.1 200 OK\r\n%b%bContent-Length: %d\r\n\r\n%b" % (TYPE, more, len(body), body)


def chunked(body=BODY):
    parts = [body[:7], body[7:]]
    told = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return b"HTTP/1.1 200 OK\r\n%bTransfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n" % (TYPE, told)


class Wire:
    """A server that sends prepared bytes, a list of parts for each request."""

    def __init__(self, *answers, close=False):
        self.answers = list(answers)
        self.close = close
        self.connections = 0
        self.requests = []

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            while self.answers:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                for part in self.answers.pop(0):
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(0)
                if self.close:
                    break
            else:
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def client_of(wire, **options):
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    engine = HttpEngine(f"http://{host}:{port}/v1", **options)
    try:
        yield engine
    finally:
        await engine.aclose()
        server.close()
        await server.wait_closed()


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
UNTIL_THE_END = b"HTTP/1.1 200 OK\r\n" + TYPE + b"\r\n" + BODY
PACKED = whole(gzip.compress(BODY), b"Content-Encoding: gzip\r\n")


@pytest.mark.parametrize(
    "parts",
    [
        [whole()],
        [whole()[:30], whole()[30:]],
        [bytes([byte]) for byte in whole()],
        [chunked()],
        [chunked()[:100], chunked()[100:]],
        [CONTINUE + whole()],
        [CONTINUE, whole()],
        [PACKED],
        [whole(more=b"Connection: close\r\n")],
        [whole().replace(b"HTTP/1.1", b"HTTP/1.0")],
    ],
)
async def test_a_response_is_whole_however_it_is_cut_up(parts):
    wire = Wire(parts, parts)
    async with client_of(wire) as engine:
        for _ in range(2):
            assert (await engine.generate(CALL)).text == "seven"
    assert wire.requests[0] == wire.requests[1]


async def test_a_body_may_end_with_the_connection():
    async with client_of(Wire([UNTIL_THE_END[:-9], UNTIL_THE_END[-9:]], close=True)) as engine:
        assert (await engine.generate(CALL)).text == "seven"


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (b"", Unavailable),
        (b"HTT", BrokenReply),
        (b"HTTP/1.1 200 OK\r\nContent-Ty", BrokenReply),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n", BrokenReply),
        (whole()[:-1], BrokenReply),
        (chunked()[:-2], BrokenReply),
        (chunked()[:-5], BrokenReply),
        (CONTINUE, BrokenReply),
        (b"220 mail.example ESMTP\r\n", BrokenReply),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", BrokenReply),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", BrokenReply),
        (whole(b"no gzip", b"Content-Encoding: gzip\r\n"), BrokenReply),
        (whole(gzip.compress(BODY)[:-4], b"Content-Encoding: gzip\r\n"), BrokenReply),
        (whole(BODY, b"Content-Encoding: br\r\n"), BrokenReply),
    ],
)
async def test_a_response_that_is_not_whole_is_an_error_of_its_kind(sent, kind):
    async with client_of(Wire([sent], close=True)) as engine:
        with pytest.raises(kind) as caught:
            await engine.generate(CALL)
    assert type(caught.value) is kind
    assert caught.value.may_have_cost == (kind is BrokenReply)


async def test_a_response_nobody_asked_for_is_no_reply_to_the_next_request():
    wire = Wire([whole() + whole(completion("stale"))], [whole(completion("fresh"))])
    async with client_of(wire) as engine:
        assert (await engine.generate(CALL)).text == "seven"
        assert (await engine.generate(CALL)).text == "fresh"
    assert wire.connections == 2


async def test_bytes_that_come_while_nothing_is_asked_close_the_connection():
    late = asyncio.Event()

    class Late(Wire):
        async def serve(self, reader, writer):
            await super().serve(reader, writer)
            late.set()

    wire = Late([whole(), whole(completion("stale"))], [whole(completion("fresh"))])
    async with client_of(wire) as engine:
        assert (await engine.generate(CALL)).text == "seven"
        await late.wait()
        assert (await engine.generate(CALL)).text == "fresh"


async def test_a_server_cannot_fill_the_memory(monkeypatch):
    monkeypatch.setattr("graphsearch.engines.http.connection.MOST_BYTES", 1000)
    bomb = whole(gzip.compress(b" " * 100_000), b"Content-Encoding: gzip\r\n")
    for sent in ([b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000], [whole(b" " * 2000)], [bomb]):
        async with client_of(Wire(sent)) as engine:
            with pytest.raises(BrokenReply):
                await engine.generate(CALL)


async def test_where_nothing_listens_there_is_no_connection():
    async with client_of(Wire()) as engine:
        pass
    with pytest.raises(Unreachable, match="refused"):
        await engine.generate(CALL)


async def test_a_server_without_tls_is_refused_by_https():
    server = await asyncio.start_server(Wire([b"no tls"]).serve, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        engine = HttpEngine(f"https://{host}:{port}/v1")
        with pytest.raises((Rejected, Unreachable)):
            await engine.generate(CALL)


@pytest.mark.parametrize(
    "sent",
    [
        completion().replace(b'"stop"', b'["stop"]'),
        completion().replace(b'"stop"', b'{"a": 1}'),
    ],
)
async def test_an_odd_reason_to_finish_is_no_reason(sent):
    async with client_of(Wire([whole(sent)])) as engine:
        assert (await engine.generate(CALL)).text == "seven"


@pytest.mark.parametrize("status", [b"200 OK", b"500 Oops"])
async def test_json_without_a_floor_is_a_broken_reply(status):
    deep = whole(b"[" * 200_000).replace(b"200 OK", status)
    async with client_of(Wire([deep])) as engine:
        with pytest.raises(Unavailable):
            await engine.generate(CALL)


async def test_a_name_that_no_host_can_have_is_refused():
    with pytest.raises(Rejected, match="host's name"):
        await HttpEngine("http://a..b/v1").generate(CALL)
