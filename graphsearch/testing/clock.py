"""Virtual time for tests: an event loop in which waiting costs nothing.

    run_virtual(main())   # like asyncio.run, but an hour of `asyncio.sleep` takes no time

Whenever every task waits for a timer, the clock jumps to it. `asyncio.sleep`, `asyncio.timeout`,
`loop.call_later` and `loop.time` all live in that time; `time.monotonic` does not. The clock
cannot see other threads at work: it may jump while one computes, so engines with threads do not
belong here.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["VirtualLoop", "run_virtual"]

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    """Selects what is ready, and instead of waiting moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:  # no timer either: only another thread can go on
            return super().select(None)
        self.now += max(timeout, 0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock starts at 0 and jumps over every wait."""

    def __init__(self) -> None:
        self._clock = _JumpingSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._clock.now


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
