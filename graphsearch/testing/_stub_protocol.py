"""As much of HTTP/1.1 as a stub server needs, where replies can be cut and connections reset."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http.client import responses
from typing import Final, Literal, NamedTuple

__all__ = ["Deed", "Request", "StubProtocol", "response"]

_MOST_BYTES: Final = 1 << 26


class Request(NamedTuple):
    """A request: header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Deed:
    """What the server does about a request.

    Attributes:
        data: bytes to send.
        after_s: seconds until then.
        then: what becomes of the connection: `keep` it, `close` it when all is sent, `reset` it
            without sending anything, or let it `hang`.
        done: called when it was done; not if the client has left before.
        left: called if the client has left before.
    """

    data: bytes = b""
    after_s: float = 0.0
    then: Literal["keep", "close", "reset", "hang"] = "keep"
    done: Callable[[], None] | None = None
    left: Callable[[], None] | None = None


class StubProtocol(asyncio.Protocol):
    """One connection: requests one after the other, each with the deed that `handle` gives."""

    def __init__(self, handle: Callable[[Request], Deed], connections: set["StubProtocol"]) -> None:
        self._handle = handle
        self._connections = connections
        self._buffer = b""
        self._deed: Deed | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the server's connections."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave them, and drop what was not answered yet."""
        self._connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._deed is not None and self._deed.left is not None:
            self._deed.left()
        self._deed = None

    def data_received(self, data: bytes) -> None:
        """Take in bytes; act when a request is whole."""
        self._buffer += data
        while self._deed is None and (request := self._next()) is not None:
            self._begin(self._handle(request))

    def _next(self) -> Request | None:
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        length = int(headers.get("content-length", "0"))
        if length > _MOST_BYTES or "transfer-encoding" in headers:
            self.transport.abort()
            return None
        if len(rest) < length:
            return None
        self._buffer = rest[length:]
        method, path, _ = first.split(" ", 2)
        return Request(method, path, headers, rest[:length])

    def _begin(self, deed: Deed) -> None:
        self._deed = deed
        if deed.then == "hang":
            return
        if deed.after_s > 0:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(deed.after_s, self._finish_and_go_on)
        else:
            self._finish()

    def _finish_and_go_on(self) -> None:
        self._finish()
        self.data_received(b"")

    def _finish(self) -> None:
        deed, self._deed, self._timer = self._deed, None, None
        assert deed is not None
        if deed.done is not None:
            deed.done()
        if deed.then == "reset":
            self.transport.abort()
            return
        self.transport.write(deed.data)
        if deed.then == "close":
            self.transport.close()


def response(
    status: int,
    body: bytes,
    *,
    content_type: str = "application/json",
    headers: dict[str, str] | None = None,
    length: int | None = None,
) -> bytes:
    """The bytes of a response; `length` is what its header claims, when not the truth."""
    lines = [
        f"HTTP/1.1 {status} {responses.get(status, 'Unknown')}",
        f"Content-Length: {len(body) if length is None else length}",
        *([f"Content-Type: {content_type}"] if content_type else []),
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
