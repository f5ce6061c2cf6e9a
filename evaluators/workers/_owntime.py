"""How long a process has worked or slept by itself, as told from waiting for a busy machine.

A limit on the wall clock would blame a request for the load of the machine, and one on CPU time
would let it sleep for ever. So both are added up: CPU time while the process wants to run, the
wall clock while it sleeps. A process that wants to run and gets no CPU, waits for a disk, or was
stopped adds nothing: that is the machine's doing.
"""

import os
import time
from typing import Final, NamedTuple

__all__ = ["OwnTime"]

_RUNNING: Final = frozenset("R")
_HELD_UP: Final = frozenset("DtTW")  # waits for a disk, is traced, was stopped
_LONGEST_STEP: Final = 0.2
"""Seconds of sleep that one look may add: who looks late may be starved too."""


class _Look(NamedTuple):
    state: str
    cpu: float


class OwnTime:
    """Adds up a process's own seconds from looks at it; look often.

    Where the system does not tell (no `/proc`), the wall clock is all there is.

    Args:
        pid: the process.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ticks = os.sysconf("SC_CLK_TCK")
        self._seconds = 0.0
        self._wall = time.monotonic()
        self._last = self._look()

    def look(self) -> float:
        """Own seconds since the object was made."""
        now, wall = self._look(), time.monotonic()
        passed = wall - self._wall
        if now is None or self._last is None:
            self._seconds += passed
        else:
            worked = now.cpu - self._last.cpu
            slept = now.state not in _RUNNING and now.state not in _HELD_UP
            self._seconds += max(worked, min(passed, _LONGEST_STEP)) if slept else worked
        self._wall, self._last = wall, now
        return self._seconds

    def _look(self) -> _Look | None:
        try:
            with open(f"/proc/{self._pid}/stat", "rb") as file:
                # The name before the last bracket may hold anything.
                fields = file.read().rpartition(b") ")[2].split()
        except OSError:
            return None
        if len(fields) < 13:
            return None
        return _Look(fields[0].decode(), (int(fields[11]) + int(fields[12])) / self._ticks)
