"""Waiting for a coroutine, also where an event loop already runs (notebooks)."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

__all__ = ["wait_for"]

T = TypeVar("T")


def wait_for(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end, also where an event loop already runs (notebooks)."""
    return _Elsewhere(make).wait() if _loop_runs() else asyncio.run(make())


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class _Elsewhere(Generic[T]):
    """A coroutine in an event loop of its own thread, cancelled when the waiting is interrupted."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._make = make
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._values: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="graphsearch-study", daemon=True)

    def wait(self) -> T:
        self._thread.start()
        try:
            self._thread.join()
        except KeyboardInterrupt:
            if self._loop is not None and self._task is not None:
                self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join()
            raise
        if self._error is not None:
            raise self._error
        return self._values[0]

    def _work(self) -> None:
        try:
            self._values.append(asyncio.run(self._main()))
        except BaseException as error:  # carried over to the waiting thread, which raises it
            self._error = error

    async def _main(self) -> T:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        return await self._make()
