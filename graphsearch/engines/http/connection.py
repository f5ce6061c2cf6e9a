"""One connection to a server: one request at a time, one whole response or a typed error."""

import asyncio
import zlib
from typing import Final, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from graphsearch.engines.http._key import Head
from graphsearch.engines.http._wire import Response
from graphsearch.engines.keys import Key
from graphsearch.records.errors import BrokenReply, CallTimeout, EngineError, Unavailable

__all__ = ["Connection"]

MOST_BYTES: Final = 64 * 2**20
"""Of a response; no completion is near it, and memory is not a server's to fill."""

_ZLIB_OR_GZIP: Final = 32 + zlib.MAX_WBITS


class Connection(asyncio.Protocol):
    """Sends requests and puts responses together.

    The bytes are read by llhttp (the parser of Node.js, by way of `httptools`); what is ours is
    when a response counts as whole, and what it means when it does not.

    Args:
        url: of the server, for messages.
        key: taken out of responses, should the server quote it; nobody sees them before.
    """

    __slots__ = (
        "_answer",
        "_body",
        "_framed",
        "_has_head",
        "_headers",
        "_key",
        "_parser",
        "_size",
        "_timer",
        "_url",
        "idle_since",
        "is_open",
        "transport",
    )

    def __init__(self, url: str, key: Key | None = None) -> None:
        self._url = url
        self._key = key
        self._parser = HttpResponseParser(self)
        self._answer: asyncio.Future[Response] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._body: list[bytes] = []
        self._headers: dict[bytes, bytes] = {}
        self._framed = False
        self._has_head = False
        self._size = 0
        self.idle_since = 0.0
        self.is_open = False
        self.transport: asyncio.Transport

    async def exchange(self, head: Head, body: bytes, timeout_s: float | None) -> Response:
        """Send a request and wait for its response.

        Raises:
            CallTimeout: it did not come in time.
            BrokenReply: it came, but not whole or not HTTP.
            Unavailable: the connection ended before anything came.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Response] = loop.create_future()
        self._answer = answer
        self._begin()
        self._size = 0
        if timeout_s is not None:
            self._timer = loop.call_later(timeout_s, self._expire, timeout_s)
        self.transport.write(head.request(body))
        try:
            return await answer
        except BaseException:
            # Failed or given up: closing tells the server that nobody waits any more.
            self.abort()
            raise
        finally:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._answer = None

    def abort(self) -> None:
        """Close at once."""
        self.is_open = False
        self.transport.abort()

    # -- what asyncio calls --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready for requests."""
        self.transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        """Bytes of a response, unless nobody asked."""
        if self._answer is None or self._answer.done():
            self.abort()
            return
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._fail(BrokenReply(f"{self._url} sent what is no HTTP ({error})"))
        if self._size > MOST_BYTES and not self._answer.done():
            self._fail(BrokenReply(f"{self._url} sent more than {MOST_BYTES >> 20} MiB"))

    def connection_lost(self, exc: Exception | None) -> None:
        """The end: of the response too, where only the end tells how long it is."""
        self.is_open = False
        if self._answer is None or self._answer.done():
            return
        if self._size == 0:
            self._fail(Unavailable(f"{self._url} {_how(exc)} without a reply"))
        elif self._has_head and not self._framed and exc is None:
            self._complete()
        else:
            self._fail(BrokenReply(f"{self._url} {_how(exc)} in the middle of a reply"))

    # -- what the parser calls -----------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A second response to one request: this connection is out of step."""
        if self._answer is None or self._answer.done():
            self.is_open = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; the last of a name counts."""
        name = name.lower()
        self._headers[name] = value
        self._framed |= name in {b"content-length", b"transfer-encoding"}

    def on_headers_complete(self) -> None:
        """All headers are there; those of an interim response do not count."""
        self._has_head = self._status() >= 200

    def on_body(self, data: bytes) -> None:
        """A part of the body."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """The whole response is there, unless it only says that one will come."""
        if self._status() < 200:
            self._begin()
            return
        self._complete()
        if not self._parser.should_keep_alive():
            self.is_open = False

    # -- parts ---------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._body = []
        self._headers = {}
        self._framed = False
        self._has_head = False

    def _status(self) -> int:
        return int(self._parser.get_status_code())

    def _complete(self) -> None:
        if self._answer is None or self._answer.done():
            return
        headers = self._headers
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        if b"content-encoding" in headers:
            try:
                body = self._decoded(body, headers[b"content-encoding"])
            except EngineError as error:
                self._fail(error)
                return
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        wait = headers.get(b"retry-after")
        response = Response(
            self._status(),
            kind.decode("latin-1"),
            body,
            None if wait is None else wait.decode("latin-1"),
        )
        self._answer.set_result(response if self._key is None else response.without(self._key))

    def _decoded(self, body: bytes, encoding: bytes) -> bytes:
        """A body that was packed though none was asked to be, as some proxies do."""
        name = encoding.decode("latin-1").strip().lower()
        if name in {"", "identity"}:
            return body
        if name not in {"gzip", "deflate", "x-gzip"}:
            raise BrokenReply(f"{self._url} sent a body packed in a way that was not asked for")
        unpack = zlib.decompressobj(_ZLIB_OR_GZIP)
        try:
            plain = unpack.decompress(body, MOST_BYTES)
        except zlib.error:
            raise BrokenReply(f"{self._url} sent a packed body that cannot be unpacked") from None
        if not unpack.eof:
            raise BrokenReply(f"{self._url} sent a packed body that is cut, or far too long")
        return plain

    def _expire(self, seconds: float) -> None:
        self._fail(CallTimeout(f"{self._url}: no reply in {seconds:g} s"))

    def _fail(self, error: EngineError) -> None:
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


def _how(error: Exception | None) -> str:
    return "closed the connection" if error is None else "reset the connection"
