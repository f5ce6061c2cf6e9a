"""Ctrl-C while a search runs: the first stops it with all kept, the second ends it at once."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, Final, TypeVar

from graphsearch.cli._output import STOPPED

__all__ = ["run_stoppable"]

T = TypeVar("T")

_SHOW_CURSOR: Final = b"\x1b[?25h"
"""A live view that never comes to its end has hidden it."""
_AT_ONCE: Final = (
    b"stopped at once; all replies on disk are kept, calls that were under way are not booked\n"
)


def run_stoppable(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end, as `asyncio.run` does, but for a second Ctrl-C.

    Raises:
        KeyboardInterrupt: it was stopped.
    """
    plain = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not plain or threading.current_thread() is not threading.main_thread():
        return asyncio.run(make())
    stops = _Stops()
    signal.signal(signal.SIGINT, stops)  # asyncio puts its own only in place of Python's
    try:
        return asyncio.run(stops.watched(make))
    except asyncio.CancelledError:
        if stops.count:
            raise KeyboardInterrupt from None
        raise
    finally:
        if not stops.count:  # else a second Ctrl-C is listened for until the process has ended
            signal.signal(signal.SIGINT, signal.default_int_handler)


class _Stops:
    """The handler of Ctrl-C."""

    def __init__(self) -> None:
        self.count = 0
        self._cancel: Callable[[], object] | None = None

    async def watched(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `make` gives, in a task that the first Ctrl-C cancels."""
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        return await make()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.count += 1
        if self.count > 1:
            # Nothing is unwound: what matters is on disk, and threads may be stuck.
            cursor = _SHOW_CURSOR if sys.stderr is not None and sys.stderr.isatty() else b""
            os.write(2, cursor + _AT_ONCE)
            os._exit(STOPPED)
        elif self._cancel is None:
            raise KeyboardInterrupt
        else:
            self._cancel()
