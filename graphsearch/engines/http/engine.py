"""`HttpEngine`: calls to a server that speaks OpenAI's chat completions."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

from graphsearch.calls import Call, Reply
from graphsearch.engines.base import EngineInfo
from graphsearch.engines.http._errors import Endpoint
from graphsearch.engines.http._key import Key
from graphsearch.engines.http._wire import Response, contexts_in, reply_in, request_body
from graphsearch.errors import (
    BrokenReply,
    CallTimeout,
    EngineError,
    FleetError,
    Rejected,
    Unavailable,
)

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from graphsearch.fleet import ModelSpec

__all__ = ["HttpEngine"]

_CONNECT_WITHIN: Final = 10.0
_KEEP_IDLE: Final = 4.0
"""Seconds an idle connection is kept: less than the 5 after which uvicorn, and so vLLM, closes
one, so that no call is sent on a connection that is just being closed."""


class HttpEngine:
    """Sends calls to any OpenAI-compatible server: vLLM, SGLang, llama.cpp, Ollama, TGI, ...

    Connections are pooled and belong to the event loop of the first call; when that loop ends they
    are closed, and the next loop gets its own. Nothing is tried again here. A call that is
    cancelled closes its connection, so that the server can give it up too. Redirects are not
    followed and proxies of the environment not used: the key goes to this server alone.

    Args:
        base_url: what `/chat/completions` is appended to, mostly `http://host:port/v1`.
        served_names: the server's name of each model, for those that it calls otherwise.
        api_key_env: the environment variable that holds the key; None sends none.
        timeout_s: seconds after which a call is given up.
        message_overhead: most tokens that the server's chat template adds to a message.

    Raises:
        FleetError: the URL is none, or holds a user, a password or a query: secrets belong in the
            environment.
    """

    def __init__(
        self,
        base_url: str,
        served_names: Mapping[str, str] | None = None,
        *,
        api_key_env: str | None = None,
        timeout_s: float = 600.0,
        message_overhead: int = 64,
    ) -> None:
        self._base = _checked(base_url)
        self._served = dict(served_names or {})
        self._key_name = api_key_env
        self._timeout = timeout_s
        self._overhead = message_overhead
        self._chat = Endpoint(f"{self._base}/chat/completions", api_key_env)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: ClientSession
        self._key: Key | None = None
        self._closer: AsyncGenerator[None, None]

    @classmethod
    def for_models(cls, specs: "Sequence[ModelSpec]") -> Self:
        """The engine of models that share an endpoint and a key.

        Raises:
            FleetError: they have no endpoint, or none that can be used.
        """
        first = specs[0]
        if first.endpoint is None:
            raise FleetError(
                "needs an endpoint, the server's base URL such as http://127.0.0.1:8000/v1",
                where=f"model {first.name}",
            )
        served = {spec.name: spec.served_name for spec in specs if spec.served_name is not None}
        return cls(first.endpoint, served, api_key_env=first.api_key_env)

    def __repr__(self) -> str:
        return f"HttpEngine({self._base!r})"

    def info(self, model: str) -> EngineInfo:
        """Facts about a model.

        The fingerprint is the server's name of the model, not the address: a server that comes
        back on another port has the same weights. Where they change under one name, the fleet's
        `revision` must change too.
        """
        name = f"http {self._served.get(model, model)}"
        return EngineInfo("http", name, message_overhead=self._overhead)

    def count_tokens(self, model: str, text: str) -> None:
        """Unknown: no such question is common to all servers."""
        return

    async def generate(self, call: Call) -> Reply:
        """Make one call.

        Raises:
            EngineError: the call brought no reply; `design/engines.md` has the table.
        """
        served = self._served.get(call.model, call.model)
        begun = time.perf_counter()
        response = await self._ask("POST", self._chat, request_body(call, served))
        seconds = time.perf_counter() - begun
        return reply_in(response, self._chat, served, seconds=seconds)

    async def list_models(self) -> dict[str, int | None]:
        """The server's names of its models, each with its context in tokens where it tells.

        Raises:
            EngineError: the server cannot be asked.
        """
        endpoint = Endpoint(f"{self._base}/models", self._key_name)
        return contexts_in(await self._ask("GET", endpoint), endpoint)

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        if self._loop is asyncio.get_running_loop():
            self._loop = None
            await self._closer.aclose()

    async def _ask(self, method: str, endpoint: Endpoint, body: bytes | None = None) -> Response:
        if self._loop is not asyncio.get_running_loop():
            await self._connect()
        import aiohttp

        try:
            async with self._session.request(
                method, endpoint.url, data=body, allow_redirects=False
            ) as response:
                raw = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # Not chained: errors of aiohttp may hold the request's headers, and so the key.
            raise self._failure(error, endpoint.url) from None
        if self._key is not None:
            raw = self._key.hide(raw)
        headers = response.headers
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return Response(response.status, kind, raw, headers.get("Retry-After"))

    def _failure(self, error: Exception, url: str) -> EngineError:
        """What it means that there is no whole response."""
        import aiohttp

        match error:
            case aiohttp.ConnectionTimeoutError():
                return Unavailable(f"{url}: no connection in {_CONNECT_WITHIN:g} s")
            case TimeoutError():
                return CallTimeout(f"{url}: no reply in {self._timeout:g} s")
            case aiohttp.ClientSSLError():
                return Rejected(f"{url}: no safe connection: {_why(error)}")
            case aiohttp.ClientPayloadError() | aiohttp.ClientResponseError():
                return BrokenReply(f"{url}: a reply that breaks off ({type(error).__name__})")
        return Unavailable(f"{url}: {_why(error)}")

    async def _connect(self) -> None:
        import aiohttp

        self._key = None if self._key_name is None else Key(self._key_name)
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key is not None:
            headers["Authorization"] = self._key.header()
        # How many calls are in flight is decided above; here every one gets its connection.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_IDLE),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=self._timeout, sock_connect=_CONNECT_WITHIN),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._loop = asyncio.get_running_loop()
        self._closer = _closing(self._session)
        await anext(self._closer)


async def _closing(session: "ClientSession") -> AsyncGenerator[None, None]:
    """Closes a session when it is closed itself: by us, or by its event loop when that ends."""
    try:
        yield
    finally:
        await session.close()


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise FleetError("is no URL such as http://127.0.0.1:8000/v1", where="endpoint")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise FleetError(
            f"of {parts.hostname} holds more than a host and a path; a key belongs in an "
            "environment variable, named by api_key_env",
            where="endpoint",
        )
    return url.rstrip("/")


def _why(error: Exception) -> str:
    """An error of the operating system in its words, another one in its own or by its name."""
    inner = getattr(error, "os_error", error)
    number = getattr(inner, "errno", None)
    if isinstance(number, int) and number > 0:
        return os.strerror(number)
    return getattr(inner, "strerror", None) or str(inner) or type(error).__name__
