"""`HttpEngine`: calls to a server that speaks OpenAI's chat completions."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Self

from graphsearch.engines.base import EngineInfo
from graphsearch.engines.http._errors import Endpoint
from graphsearch.engines.http._key import Head
from graphsearch.engines.http._wire import Writer, contexts_in, reply_in
from graphsearch.engines.keys import Key
from graphsearch.engines.vllm.serve import VllmOptions, serve_of
from graphsearch.records.calls import Call, Reply
from graphsearch.records.errors import FleetError
from graphsearch.records.urls import base_url as parts_of

if TYPE_CHECKING:
    from graphsearch.engines.http._pool import Pool
    from graphsearch.engines.http._proxy import Proxy
    from graphsearch.records.models import ModelSpec

__all__ = ["HttpEngine"]


class HttpEngine:
    """Sends calls to any OpenAI-compatible server: vLLM, SGLang, llama.cpp, Ollama, TGI, ...

    Connections are pooled and belong to the event loop of the call; when that loop ends they are
    closed, and the next loop gets its own. Nothing is tried again here. A call that is
    cancelled closes its connection, so that the server can give it up too. Redirects are not
    followed: the key goes to this server alone. The proxy that the environment names is used; it
    sees the key only where the server has no TLS.

    Args:
        base_url: what `/chat/completions` is appended to, mostly `http://host:port/v1`.
        served_names: the server's name of each model, for those that it calls otherwise.
        api_key_env: the environment variable that holds the key; None sends none.
        timeout_s: seconds after which a call is given up; None leaves that to whoever calls, as the
            executor does (`RetryPolicy.attempt_s`).
        message_overhead: most tokens that the server's chat template adds to a message.
        flags: of each model, a text that changes when flags of its server may change replies.

    Raises:
        FleetError: the URL is none, or holds a user, a password or a query: secrets belong in the
            environment.
    """

    Options: ClassVar = VllmOptions

    def __init__(
        self,
        base_url: str,
        served_names: Mapping[str, str] | None = None,
        *,
        api_key_env: str | None = None,
        timeout_s: float | None = None,
        message_overhead: int = 64,
        flags: Mapping[str, str] | None = None,
    ) -> None:
        self._base = ""  # what is shown while the URL may still hold a secret
        try:
            self._server = parts_of(base_url)
        except FleetError as error:
            raise FleetError(str(error), where="endpoint") from None
        self._base = base_url.rstrip("/")
        self._served = dict(served_names or {})
        self._flags = dict(flags or {})
        self._key_name = api_key_env
        self._timeout = timeout_s
        self._overhead = message_overhead
        self._chat = Endpoint(f"{self._base}/chat/completions", api_key_env)
        self._write = Writer()
        self._pool: Pool | None = None
        self._key: Key | None = None
        self._proxy: Proxy | None = None
        self._post: Head

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
        flags = {spec.name: serve.digest for spec in specs if (serve := serve_of(spec))}
        return cls(first.endpoint, served, api_key_env=first.api_key_env, flags=flags)

    def __repr__(self) -> str:
        return f"HttpEngine({self._base!r})"

    def info(self, model: str) -> EngineInfo:
        """Facts about a model.

        The fingerprint is the server's name of the model, not the address: a server that comes
        back on another port has the same weights; the flags of a server of one's own are part of
        it. Where weights change under one name, the fleet's `revision` must change too.
        """
        name = f"http {self._served.get(model, model)} {self._flags.get(model, '')}".rstrip()
        return EngineInfo("http", name, endpoint=self._base, message_overhead=self._overhead)

    def count_tokens(self, model: str, text: str) -> None:
        """Unknown: no such question is common to all servers."""
        return

    def check_key(self, model: str) -> None:
        """Look whether the key is in the environment.

        Raises:
            NoKey: it is not.
        """
        if self._key_name is not None:
            Key(self._key_name)

    async def generate(self, call: Call) -> Reply:
        """Make one call.

        Raises:
            EngineError: the call brought no reply; `design/engines.md` has the table.
        """
        served = self._served.get(call.model, call.model)
        body = self._write.body(call, served)
        begun = time.perf_counter()
        pool = await self._ready()
        response = await pool.ask(self._post, body, self._timeout)
        seconds = time.perf_counter() - begun
        return reply_in(response, self._chat, served, seconds=seconds)

    async def list_models(self) -> dict[str, int | None]:
        """The server's names of its models, each with its context in tokens where it tells.

        Raises:
            EngineError: the server cannot be asked.
        """
        endpoint = Endpoint(f"{self._base}/models", self._key_name)
        pool = await self._ready()
        response = await pool.ask(self._head("GET", "/models"), b"", self._timeout)
        return contexts_in(response, endpoint)

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        if self._pool is not None and self._pool.is_here:
            pool, self._pool = self._pool, None
            await pool.aclose()

    async def _ready(self) -> "Pool":
        """The connections of this event loop; a key that was changed counts from a new one on."""
        if self._pool is None or not self._pool.is_here:
            from graphsearch.engines.http._pool import Pool
            from graphsearch.engines.http._proxy import proxy_for

            self._key = None if self._key_name is None else Key(self._key_name)
            self._proxy = proxy_for(self._server)
            self._post = self._head("POST", "/chat/completions", "Content-Type: application/json")
            self._pool = Pool(self._server, self._key, self._proxy)
            await self._pool.open()
        return self._pool

    def _head(self, method: str, path: str, *more: str) -> Head:
        """Request line and the headers that are the same for all requests."""
        at = self._server.path.rstrip("/")
        if self._proxy is not None and self._server.scheme == "http":
            at = f"http://{self._server.netloc}{at}"
            more = (*more, *self._proxy.headers)
        lines = [
            f"{method} {at}{path} HTTP/1.1",
            f"Host: {self._server.netloc}",
            "Accept: application/json",
            "Accept-Encoding: identity",
            "User-Agent: graphsearch",
            *more,
        ]
        return Head(lines, self._key)
