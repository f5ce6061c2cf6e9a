"""How long to wait for a program: its own time counts, not what others take from it."""

import time

from graphsearch.errors import GraderFailed
from graphsearch.evaluators.sandbox._limits import Spent

__all__ = ["START_SECONDS", "Patience"]

START_SECONDS = 20.0
"""How long a sandbox may take to start; longer is a fault of the machine."""

_MOST_TIMES = 5
_MOST_MORE = 5.0
_LEAST_WAIT = 0.01


class Patience:
    """The time a program has left.

    Its own time is wall time less the time for which it was ready to run and had no core
    (`run_delay` of the kernel's scheduler). It ends when its own time or its CPU time passes the
    limit: at once where cores are free. A program that others kept waiting gets more, up to five
    times the limit and 5 s; if that does not do, the machine is at fault, not the program.

    Args:
        seconds: the limit.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._begun = time.monotonic()
        self._until = self._begun + seconds
        self._last = self._begun + seconds * _MOST_TIMES + _MOST_MORE

    def wait(self) -> float:
        """Seconds until the next look."""
        return max(self._until - time.monotonic(), 0.0)

    def over(self, *spent: Spent) -> bool:
        """Whether the program's time is up; asks for more patience otherwise.

        Args:
            *spent: times of the processes that work for it, its own first.

        Raises:
            GraderFailed: the machine kept it waiting for so long that nothing can be said.
        """
        wall = time.monotonic() - self._begun
        if wall < self._seconds:
            return False
        waited = sum(s.delay or 0.0 for s in spent)
        own = wall - waited
        if own >= self._seconds or spent[0].cpu >= self._seconds:
            return True
        if time.monotonic() >= self._last:
            raise GraderFailed(
                f"the machine is too busy: of {wall:.1f} s the program waited {waited:.1f} s for a "
                f"core, and it may use {self._seconds:g} s"
            )
        missing = max(self._seconds - own, _LEAST_WAIT)
        self._until = min(time.monotonic() + missing, self._last)
        return False
