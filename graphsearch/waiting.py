"""Waiting for a coroutine from code that is not one: for the functions of `graphsearch.api`."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

__all__ = ["wait_for"]

T = TypeVar("T")


def wait_for(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end, also where an event loop already runs (notebooks).

    There it runs in a loop of its own, in another thread. Ctrl-C cancels it and waits for its end.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(make())
    began: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    async def main() -> T:
        task = asyncio.current_task()
        assert task is not None
        began.append((asyncio.get_running_loop(), task))
        return await make()

    with ThreadPoolExecutor(1, thread_name_prefix="graphsearch-study") as pool:
        done = pool.submit(lambda: asyncio.run(main()))
        try:
            return done.result()
        except KeyboardInterrupt:
            for loop, task in began:
                loop.call_soon_threadsafe(task.cancel)
            wait([done])
            raise
