"""`LitellmEngine`: calls to every provider that LiteLLM reaches."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from graphsearch.engines.base import EngineInfo
from graphsearch.engines.keys import Key
from graphsearch.engines.litellm._clients import leave, use
from graphsearch.engines.litellm._errors import POLICY, error_of
from graphsearch.engines.litellm._providers import missing_key
from graphsearch.engines.litellm._reply import refusal_reply, reply_in
from graphsearch.engines.litellm.load import check_release, is_loaded, load_litellm
from graphsearch.engines.vllm.serve import VllmOptions
from graphsearch.records.calls import Call, Reply
from graphsearch.records.errors import CallTimeout, EngineError, NoKey

if TYPE_CHECKING:
    from graphsearch.records.models import ModelSpec

__all__ = ["LitellmEngine"]

_SEEDS: Final = 2**31 - 1
_NO_KEY: Final = "none"
"""Sent to an endpoint of one's own that wants no key, so that LiteLLM sends no provider's."""

_NO_LIMIT: Final = 86_400.0
"""Seconds; with None, the limits of the clients below LiteLLM would count."""

_ALONE: Final[dict[str, Any]] = {
    "num_retries": 0,
    "max_retries": 0,
    "caching": False,
    "cache": {"no-cache": True, "no-store": True},
    "no-log": True,
    "drop_params": True,
}
"""Nothing of LiteLLM's but the call itself. What a provider does not take (a seed, often) is not
sent to it: no provider promises equal replies for equal seeds anyway."""


class LitellmEngine:
    """Sends calls through LiteLLM, which speaks each provider's own protocol.

    LiteLLM is imported with the first call, in a thread, which takes seconds. For servers that
    speak OpenAI's chat completions engine `http` does the same for a thirtieth of the CPU.

    Args:
        served_names: LiteLLM's name of each model, `provider/model`, for those called otherwise.
        endpoint: LiteLLM's `api_base`, None for the provider's own address.
        api_key_env: the environment variable that holds the key. None leaves it to LiteLLM, which
            knows each provider's variable; with an endpoint of one's own it sends no key then.
        timeout_s: seconds after which a call is given up; None leaves that to whoever calls, as the
            executor does (`RetryPolicy.attempt_s`).
        message_overhead: most tokens that a chat template adds to a message.

    Raises:
        FleetError: LiteLLM is not installed, or is a release known to be harmful.
    """

    Options: ClassVar = VllmOptions

    def __init__(
        self,
        served_names: Mapping[str, str] | None = None,
        *,
        endpoint: str | None = None,
        api_key_env: str | None = None,
        timeout_s: float | None = None,
        message_overhead: int = 64,
    ) -> None:
        check_release()
        self._served = dict(served_names or {})
        self._endpoint = endpoint
        self._key_name = api_key_env
        self._timeout = timeout_s
        self._overhead = message_overhead
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Task[None] | None = None
        self._litellm: Any = None
        self._key: Key | None = None

    @classmethod
    def for_models(cls, specs: "Sequence[ModelSpec]") -> Self:
        """The engine of models that share an endpoint and a key."""
        first = specs[0]
        served = {spec.name: spec.served_name for spec in specs if spec.served_name is not None}
        return cls(served, endpoint=first.endpoint, api_key_env=first.api_key_env)

    def __repr__(self) -> str:
        return "LitellmEngine()" if self._endpoint is None else f"LitellmEngine({self._endpoint!r})"

    def info(self, model: str) -> EngineInfo:
        """Facts about a model; the fingerprint is its name, as with engine `http`.

        Models of one provider share an endpoint, and so the limit that is learned from it.
        """
        served = self._served.get(model, model)
        return EngineInfo(
            "litellm",
            f"litellm {served}",
            endpoint=self._endpoint or served.partition("/")[0],
            message_overhead=self._overhead,
        )

    def count_tokens(self, model: str, text: str) -> None:
        """Unknown: LiteLLM guesses where it has no tokenizer, and does not say so."""
        return

    def check_key(self, model: str) -> None:
        """Look whether the key is in the environment, where it is known how it is called there.

        Raises:
            NoKey: it is not.
        """
        if self._key_name is not None:
            Key(self._key_name)
        elif self._endpoint is None:
            served = self._served.get(model, model)
            name = missing_key(served)
            if name is not None:
                raise NoKey(f"the environment variable {name}, the key for {served}, is not set")

    async def open(self) -> None:
        """Import LiteLLM, which takes seconds."""
        await self._ready()

    async def generate(self, call: Call) -> Reply:
        """Make one call.

        Raises:
            EngineError: the call brought no reply; `design/engines.md` has the table.
        """
        served = self._served.get(call.model, call.model)
        if self._loop is not asyncio.get_running_loop():
            await self._ready()
        begun = time.perf_counter()
        found = await self._ask(call, served)
        seconds = time.perf_counter() - begun
        # Raised here, outside any handler: what LiteLLM raises may hold the request and its key.
        if isinstance(found, EngineError):
            raise found
        if found is None:
            return refusal_reply(seconds=seconds)
        reply = reply_in(found, served, seconds=seconds)
        return reply if self._key is None else replace(reply, text=self._key.hide_in(reply.text))

    async def aclose(self) -> None:
        """Close the connections that were opened in this event loop."""
        if self._opening is not None and self._opening.get_loop() is asyncio.get_running_loop():
            await asyncio.gather(self._opening, return_exceptions=True)
        if self._loop is None or self._loop is not asyncio.get_running_loop():
            return
        loop, self._loop = self._loop, None
        await leave(self._litellm, loop)

    async def _ask(self, call: Call, served: str) -> Any:
        """The response, None for a refused prompt, or the error it stands for."""
        sampling = call.sampling
        # What is OpenAI's default anyway is left out: some providers refuse it.
        drawn: dict[str, Any] = {"temperature": sampling.temperature}
        if sampling.top_p != 1.0:
            drawn["top_p"] = sampling.top_p
        if sampling.max_tokens is not None:
            drawn["max_tokens"] = sampling.max_tokens
        if sampling.stop:
            drawn["stop"] = list(sampling.stop)
        # Half a character has no bytes in UTF-8; a question mark stands for it.
        messages = [
            {"role": m.role, "content": m.content.encode(errors="replace").decode()}
            for m in call.messages
        ]
        try:
            async with asyncio.timeout(self._timeout):
                return await self._litellm.acompletion(
                    model=served,
                    messages=messages,
                    api_key=self._value(),
                    api_base=self._endpoint,
                    timeout=_NO_LIMIT if self._timeout is None else self._timeout,
                    seed=call.seed % _SEEDS,
                    **drawn,
                    **_ALONE,
                )
        except TimeoutError:
            return CallTimeout(
                f"litellm {served}: no reply within {self._timeout or _NO_LIMIT:g} s"
            )
        except Exception as error:
            # All that LiteLLM raises, whatever it is, says that this call brought no reply.
            if type(error).__name__ == POLICY:
                return None
            return error_of(error, served, key=self._key, at_provider=self._endpoint is None)

    def _value(self) -> str | None:
        if self._key is not None:
            return self._key.value()
        return None if self._endpoint is None else _NO_KEY

    async def _ready(self) -> None:
        """Load what the first call in an event loop needs; whoever comes meanwhile waits for it."""
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        if self._opening is None or self._opening.get_loop() is not loop:
            self._opening = loop.create_task(self._open(loop))
        opening = self._opening
        try:
            await asyncio.shield(opening)  # one that is cancelled takes it from no other
        finally:
            if opening.done() and self._opening is opening:
                self._opening = None

    async def _open(self, loop: asyncio.AbstractEventLoop) -> None:
        key = None if self._key_name is None else Key(self._key_name)
        # Its import takes seconds; calls of other engines in this event loop must not wait so long.
        self._litellm = load_litellm() if is_loaded() else await asyncio.to_thread(load_litellm)
        use(self._litellm, loop)
        self._key, self._loop = key, loop
