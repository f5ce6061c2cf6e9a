"""Virtual time for tests: an event loop in which waiting costs nothing.

    run_virtual(main())   # like asyncio.run, but an hour of `asyncio.sleep` takes no time

Whenever every task waits for a timer, the clock jumps to it. `asyncio.sleep`, `asyncio.timeout`,
`loop.call_later` and `loop.time` all live in that time; `time.monotonic` does not. The clock
cannot see other threads at work: it may jump while one computes. Where one does (a store's writer,
say), give it a moment of real time before each jump: `quiet_s`.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["VirtualLoop", "run_virtual"]

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    """Selects what is ready, and instead of waiting moves the clock."""

    def __init__(self, quiet_s: float) -> None:
        super().__init__()
        self.now = 0.0
        self._quiet = quiet_s

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:  # no timer either: only another thread can go on
            return super().select(None)
        if self._quiet and (ready := super().select(self._quiet)):
            return ready
        self.now += max(timeout, 0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock starts at 0 and jumps over every wait.

    Args:
        quiet_s: real seconds in which nothing may happen before the clock jumps.
    """

    def __init__(self, quiet_s: float = 0.0) -> None:
        self._clock = _JumpingSelector(quiet_s)
        super().__init__(self._clock)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._clock.now


def run_virtual(main: Coroutine[Any, Any, T], *, quiet_s: float = 0.0) -> T:
    """Run a coroutine to its end in virtual time; see `VirtualLoop` for `quiet_s`."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(quiet_s)) as runner:
        return runner.run(main)
