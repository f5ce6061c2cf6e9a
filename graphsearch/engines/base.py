"""What an engine is: the place where a model's calls go."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from graphsearch.records.calls import Call, Reply

__all__ = ["Engine", "EngineInfo", "ListsModels", "Opens", "TakesTurns", "WantsKeys"]


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What is known about an engine before it is called.

    Attributes:
        name: registered name (`embedded`, `http`, `scripted`, ...).
        fingerprint: changes when replies may change (weights digest, server flags, revision);
            part of the journal's call key.
        deterministic: the same call always brings the same reply.
        concurrency: most calls worth having in flight, or None for no opinion.
        endpoint: where calls leave this process, such as a URL; "" when they do not. Calls to one
            endpoint share a limit that is learned from how it answers, and a call that is given
            up may have been charged for.
        message_overhead: most tokens the server's chat template adds to a message, beyond what
            `count_tokens` tells of its text.
        weights: what is known of the weights themselves, such as their digest; "" where the engine
            knows a name alone.
    """

    name: str
    fingerprint: str = ""
    deterministic: bool = False
    concurrency: int | None = None
    endpoint: str = ""
    message_overhead: int = 0
    weights: str = ""


@runtime_checkable
class Engine(Protocol):
    """Sends calls to models.

    Life: built without any I/O; the first `generate` may load or connect; `aclose` releases all.
    `generate` is called from one event loop, thousands of times at once. It returns a `Reply` for
    everything the model did (also empty or truncated) and raises `EngineError` for everything the
    infrastructure did. It never retries: retries have one place, above it. When the awaiting task
    is cancelled the engine gives the call up.
    """

    def info(self, model: str) -> EngineInfo:
        """Facts about how `model` is served here."""
        ...

    def count_tokens(self, model: str, text: str) -> int | None:
        """Tokens of `text` for `model`, or None where the engine cannot tell."""
        ...

    async def generate(self, call: Call) -> Reply:
        """Make one call."""
        ...

    async def aclose(self) -> None:
        """Release connections, threads and memory. May be called twice."""
        ...


@runtime_checkable
class ListsModels(Protocol):
    """An engine that can be asked which models it serves."""

    async def list_models(self) -> Mapping[str, int | None]:
        """Names of models as calls must name them, each with its context in tokens where told."""
        ...


@runtime_checkable
class Opens(Protocol):
    """An engine whose first call is late because it has to load something before it."""

    async def open(self) -> None:
        """Load what the first call would."""
        ...


@runtime_checkable
class WantsKeys(Protocol):
    """An engine whose calls need keys of the environment."""

    def check_key(self, model: str) -> None:
        """Look whether the key that calls of `model` need is there; no I/O.

        Raises:
            NoKey: it is not, with the name of its variable.
        """
        ...


@runtime_checkable
class TakesTurns(Protocol):
    """An engine whose models cannot be asked all at once, so that calls wait for their turn.

    Waiting is no part of an attempt: its time limit begins when the call is sent.
    """

    def turn(self, model: str) -> AbstractAsyncContextManager[Callable[[Call], Awaitable[Reply]]]:
        """Wait until calls of `model` may be sent; what it gives is `generate` without waiting."""
        ...
