"""The connections of one event loop to one server."""

import asyncio
import os
import ssl
from collections import deque
from collections.abc import AsyncGenerator
from typing import Any, Final
from urllib.parse import SplitResult

from graphsearch.engines.http._key import Head
from graphsearch.engines.http._proxy import Proxy
from graphsearch.engines.http._wire import Response
from graphsearch.engines.http.connection import Connection
from graphsearch.engines.keys import Key
from graphsearch.records.errors import Rejected, Unreachable

__all__ = ["Pool"]

_CONNECT_WITHIN: Final = 10.0
_KEEP_IDLE: Final = 4.0
"""Seconds an idle connection is kept: less than the 5 after which uvicorn, and so vLLM, closes
one, so that no call is sent on a connection that is just being closed."""

_SECOND_ADDRESS_AFTER: Final = 0.25


class Pool:
    """Lends a connection for each request and keeps it for the next one.

    It sets no limit: how many requests are in flight is decided by whoever sends them.

    Args:
        server: scheme, host and port.
        key: hidden in responses.
        proxy: what is connected to in place of the server.
    """

    def __init__(
        self, server: SplitResult, key: Key | None = None, proxy: Proxy | None = None
    ) -> None:
        assert server.hostname is not None
        self._url = f"{server.scheme}://{server.netloc}"
        way = "" if proxy is None else f" by way of the proxy {proxy.host}:{proxy.port}"
        self._way = f"{self._url}{way}"
        self._key = key
        self._server = server.hostname, server.port or (443 if server.scheme == "https" else 80)
        self._proxy = proxy
        self._tls = ssl.create_default_context() if server.scheme == "https" else None
        self._idle: deque[Connection] = deque()
        self._loop = asyncio.get_running_loop()
        # uvloop tries one address after the other and takes no such option.
        races = isinstance(self._loop, asyncio.BaseEventLoop)
        self._options: dict[str, Any] = (
            {"happy_eyeballs_delay": _SECOND_ADDRESS_AFTER} if races else {}
        )
        self._is_closed = False
        self._closer = self._closing()

    async def open(self) -> None:
        """Have the event loop close what is left when it ends."""
        await anext(self._closer)

    @property
    def is_here(self) -> bool:
        """Whether its event loop is the one that runs."""
        return self._loop is asyncio.get_running_loop()

    async def ask(self, head: Head, body: bytes, timeout_s: float | None) -> Response:
        """Send a request on a connection of its own.

        Raises:
            EngineError: there is no whole response.
        """
        connection = self._kept() or await self._connect()
        response = await connection.exchange(head, body, timeout_s)
        if connection.is_open and not self._is_closed:
            connection.idle_since = self._loop.time()
            self._idle.append(connection)
        else:
            connection.abort()
        return response

    async def aclose(self) -> None:
        """Close the idle connections; those in use close when their request is given up."""
        await self._closer.aclose()

    async def _closing(self) -> AsyncGenerator[None, None]:
        """Ends when it is closed: by us, or by its event loop when that shuts down."""
        try:
            yield
        finally:
            self._is_closed = True
            while self._idle:
                self._idle.pop().abort()
            await asyncio.sleep(0)  # they leave in the loop's next turn

    def _kept(self) -> Connection | None:
        """The connection used last, if it can still be used; older ones that cannot are closed."""
        oldest = self._loop.time() - _KEEP_IDLE
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.popleft().abort()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and not connection.transport.is_closing():
                return connection
        return None

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(_CONNECT_WITHIN):
                connection = Connection(self._url, self._key)
                proxy, tls = self._proxy, self._tls
                if proxy is not None and tls is not None:
                    await proxy.tunnel(self._server, connection, tls, self._options)
                else:
                    host, port = self._server if proxy is None else (proxy.host, proxy.port)
                    await self._loop.create_connection(
                        lambda: connection, host, port, ssl=tls, **self._options
                    )
        except TimeoutError:
            raise Unreachable(f"{self._way}: no connection in {_CONNECT_WITHIN:g} s") from None
        except ssl.SSLError as error:
            why = getattr(error, "verify_message", "") or error.reason or str(error)
            raise Rejected(f"{self._url}: no safe connection: {why}") from None
        except UnicodeError:
            raise Rejected(f"{self._url}: {self._server[0]!r} can be no host's name") from None
        except OSError as error:
            # The operating system's words alone, not asyncio's about the address.
            number = error.errno
            why = os.strerror(number) if number is not None and number > 0 else error.strerror
            why = why or str(error) or type(error).__name__
            raise Unreachable(f"{self._way}: {why}") from None
        return connection
