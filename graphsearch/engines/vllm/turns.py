"""`SleepingServers`: servers that do not fit into a GPU together and take turns in it.

vLLM can put a server to sleep: the weights go to the machine's memory, the GPU's is freed, and it
wakes in seconds where a start takes minutes. At most one group of models is awake. Calls to it go
out at once; a call to another group waits until that group's turn. A turn ends when nothing of its
group is in flight or waits, or, while others wait, after `turn` more calls; calls in flight are
brought to their end before anybody is put to sleep.
"""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar, Final, NamedTuple, Self
from urllib.parse import urlsplit

from graphsearch.engines.base import EngineInfo
from graphsearch.engines.http import HttpEngine
from graphsearch.engines.vllm.probe import Answer, ask
from graphsearch.engines.vllm.serve import VllmOptions, serve_of
from graphsearch.records.calls import Call, Reply
from graphsearch.records.errors import EngineError, FleetError, Rejected, Unavailable, Unreachable
from graphsearch.records.models import ModelSpec

__all__ = ["SleepingServers", "Turns"]

_TURN: Final = 512
_SWITCH_WITHIN: Final = 300.0
_OK: Final = 200


class Turns:
    """Who may send calls now. Belongs to one event loop.

    Args:
        switch: puts all other groups to sleep and wakes this one.
        turn: most calls that a group begins while another one waits.
    """

    def __init__(self, switch: Callable[[str], Awaitable[None]], *, turn: int = _TURN) -> None:
        self._switch = switch
        self._turn = turn
        self._awake: str | None = None
        self._in_flight = 0
        self._begun = 0  # by the group that is awake, since another one waits
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}  # who began to wait first, first
        self._switching: asyncio.Task[None] | None = None

    async def enter(self, group: str) -> None:
        """Wait until calls to a group may be sent; `leave` must follow.

        Raises:
            EngineError: the group could not be woken.
        """
        if group == self._awake and self._switching is None and not self._over(group):
            self._begin()
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(group, deque()).append(turn)
        self._go_on()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.exception() is None:
                self.leave()  # it was let in at the same moment
            self._forget(group, turn)
            raise

    def leave(self) -> None:
        """A call has ended."""
        self._in_flight -= 1
        self._go_on()

    def _forget(self, group: str, turn: asyncio.Future[None]) -> None:
        """Nobody shall be woken for calls that were given up."""
        queue = self._waiting.get(group, deque())
        if turn in queue:
            queue.remove(turn)
        if group in self._waiting and not queue:
            del self._waiting[group]

    def _over(self, group: str) -> bool:
        others = any(name != group for name in self._waiting)
        return others and self._begun >= self._turn

    def _begin(self) -> None:
        self._in_flight += 1
        alone = all(name == self._awake for name in self._waiting)
        self._begun = 0 if alone else self._begun + 1

    def _go_on(self) -> None:
        """Let in who may, and begin to switch when nobody is left."""
        if self._switching is not None:
            return
        if self._awake is not None:
            self._let_in(self._awake)
        if self._in_flight == 0 and self._waiting:
            if self._awake in self._waiting:  # it had its turn: it comes after the others
                self._waiting[self._awake] = self._waiting.pop(self._awake)
            self._switching = asyncio.ensure_future(self._change(next(iter(self._waiting))))

    def _let_in(self, group: str) -> None:
        queue = self._waiting.get(group)
        while queue and not self._over(group):
            turn = queue.popleft()
            if not turn.done():
                self._begin()
                turn.set_result(None)
        if queue is not None and not queue:
            del self._waiting[group]

    async def _change(self, group: str) -> None:
        failure: EngineError | None = None
        try:
            await self._switch(group)
        except EngineError as error:
            failure = error
        except Exception as error:
            failure = Unavailable(f"{group} could not be woken: {error!r}")
            failure.__cause__ = error
        finally:
            self._switching = None
        self._awake, self._begun = (group, 0) if failure is None else (None, 0)
        if failure is not None:
            for turn in self._waiting.pop(group, ()):
                if not turn.done():
                    turn.set_exception(failure)
        self._go_on()


class _Server(NamedTuple):
    """One server of a group."""

    model: str
    host: str
    port: int
    key_env: str | None


class SleepingServers:
    """Sends calls to servers of vLLM that take turns in a GPU; `engine: vllm-sleep` in a fleet.

    They are started by `graphsearch fleet up`, which leaves them asleep. Servers that cannot sleep,
    as those on cores, count as awake always.

    Args:
        specs: the models; `serve.group` says who is awake together.
        turn: most calls that a group begins while another one waits.

    Raises:
        FleetError: a model has no endpoint, or none that can be used.
    """

    Options: ClassVar = VllmOptions
    spans_endpoints: ClassVar[bool] = True

    def __init__(self, specs: Sequence[ModelSpec], *, turn: int = _TURN) -> None:
        self._engines = {spec.name: HttpEngine.for_models([spec]) for spec in specs}
        self._group_of = {spec.name: _group(spec) for spec in specs}
        self._servers: dict[str, list[_Server]] = {}
        for spec in specs:
            servers = self._servers.setdefault(_group(spec), [])
            url = urlsplit(spec.endpoint or "")
            if url.scheme != "http" or url.hostname is None:
                raise FleetError(
                    "wants a server without TLS, such as http://127.0.0.1:8000/v1, since it also "
                    "asks it to sleep",
                    where=f"model {spec.name}: endpoint",
                )
            server = _Server(spec.name, url.hostname, url.port or 80, spec.api_key_env)
            if server.port not in {other.port for other in servers}:
                servers.append(server)
        self._turn = turn
        self._turns: Turns | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    def for_models(cls, specs: Sequence[ModelSpec]) -> Self:
        """The engine of models that take turns."""
        return cls(specs)

    def info(self, model: str) -> EngineInfo:
        """Facts about a model: those of its server."""
        return self._engine(model).info(model)

    def count_tokens(self, model: str, text: str) -> None:
        """Unknown, as with every server."""
        return

    def check_key(self, model: str) -> None:
        """Look whether the key of a model's server is in the environment; raises `NoKey`."""
        self._engine(model).check_key(model)

    async def generate(self, call: Call) -> Reply:
        """Make one call, when it is its group's turn.

        Raises:
            EngineError: as `HttpEngine` does; `Unavailable` where the server cannot be woken.
        """
        async with self.turn(call.model) as generate:
            return await generate(call)

    @asynccontextmanager
    async def turn(self, model: str) -> AsyncIterator[Callable[[Call], Awaitable[Reply]]]:
        """Wait until calls of a model may be sent; what it gives makes one without waiting.

        Raises:
            EngineError: its server cannot be woken.
        """
        engine = self._engine(model)
        turns = self._turns_here()
        await turns.enter(self._group_of[model])
        try:
            yield engine.generate
        finally:
            turns.leave()

    async def aclose(self) -> None:
        """Close the connections; who is awake stays so."""
        for engine in self._engines.values():
            await engine.aclose()

    def _engine(self, model: str) -> HttpEngine:
        if model not in self._engines:
            there = ", ".join(self._engines)
            raise Rejected(f"there is no model {model!r} here; there are {there}")
        return self._engines[model]

    def _turns_here(self) -> Turns:
        loop = asyncio.get_running_loop()
        if self._turns is None or self._loop is not loop:
            self._turns, self._loop = Turns(self._wake, turn=self._turn), loop
        return self._turns

    async def _wake(self, group: str) -> None:
        """Put everybody else to sleep, then wake a group."""
        others = [s for name, servers in self._servers.items() if name != group for s in servers]
        states = await asyncio.gather(*(_asleep(server) for server in others))
        await asyncio.gather(
            *(
                _post(server, "/sleep?level=1")
                for server, asleep in zip(others, states, strict=True)
                if asleep is False
            )
        )
        for server in self._servers[group]:
            if await _asleep(server):
                await _post(server, "/wake_up")


def _group(spec: ModelSpec) -> str:
    serve = serve_of(spec)
    return f"model {spec.name}" if serve is None or serve.group is None else serve.group


async def _asleep(server: _Server) -> bool | None:
    """Whether a server sleeps; None when it cannot."""
    answer = await _ask(server, "GET", "/is_sleeping", within=10.0)
    if answer.status == _OK and isinstance(answer.body, dict):
        return bool(answer.body.get("is_sleeping"))
    return None


async def _post(server: _Server, path: str) -> None:
    answer = await _ask(server, "POST", path, within=_SWITCH_WITHIN)
    if answer.status != _OK:
        raise Unavailable(
            f"the server of {server.model} at {server.host}:{server.port} answered {answer.status} "
            f"to {path}"
        )


async def _ask(server: _Server, method: str, path: str, *, within: float) -> Answer:
    key = None if server.key_env is None else os.environ.get(server.key_env)
    answer = await asyncio.to_thread(
        ask, server.host, server.port, path, method=method, key=key, timeout_s=within
    )
    if answer is None:
        raise Unreachable(
            f"the server of {server.model} does not answer at {server.host}:{server.port}"
        )
    return answer
