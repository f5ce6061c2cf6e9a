"""How long to wait for a process: its own time counts, not what others take from it.

A limit on the wall clock would blame a program for the load of the machine, and one on CPU time
would let it sleep for ever. So its own time is wall time less the time for which it was ready to
run and had no core, which the kernel's scheduler tells (`schedstat`). What the kernel does not
tell counts as the program's own.
"""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from graphsearch.records.errors import GraderFailed

__all__ = ["Patience", "Spent", "Stopwatch"]

_MOST_TIMES: Final = 5
_MOST_MORE: Final = 5.0
_LEAST_WAIT: Final = 0.01


class Spent(NamedTuple):
    """Time of a process.

    Attributes:
        cpu: seconds of CPU, all threads.
        delay: seconds that the most patient thread was ready to run and had no core; None where
            the kernel does not tell.
    """

    cpu: float
    delay: float | None


class _Reading(NamedTuple):
    """Totals since a process began: CPU seconds of all, nanoseconds by thread."""

    cpu: float
    threads: dict[str, tuple[int, int]]


class Stopwatch:
    """Time that a process spends from now on.

    Args:
        pid: the process; None where there is none that could be asked.
        descends: whether what descends from it works for it, and is counted too.
    """

    def __init__(self, pid: int | None, *, descends: bool = False) -> None:
        self._pid = pid
        self._descends = descends
        self._begun = self._read()

    def spent(self) -> Spent:
        """What it has used since; nothing once it is gone."""
        begun, now = self._begun, self._read()
        new = (0, 0)
        runs = [
            (ran - begun.threads.get(name, new)[0], waited - begun.threads.get(name, new)[1])
            for name, (ran, waited) in now.threads.items()
        ]
        cpu = max(now.cpu - begun.cpu, sum(ran for ran, _ in runs) / 1e9, 0.0)
        return Spent(cpu, max(waited for _, waited in runs) / 1e9 if runs else None)

    def _read(self) -> _Reading:
        """What the kernel tells of the processes; nothing of one that is gone."""
        cpu, threads = 0.0, dict[str, tuple[int, int]]()
        waiting = [] if self._pid is None else [str(self._pid)]
        while waiting:
            base = Path("/proc", waiting.pop())
            with suppress(OSError, ValueError):  # it is gone, or nobody tells
                # The name before the last bracket may hold anything.
                fields = (base / "stat").read_text().rpartition(")")[2].split()
                cpu += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
                for task in (base / "task").iterdir():
                    with suppress(OSError):  # a thread that has ended meanwhile
                        ran, waited = (task / "schedstat").read_text().split()[:2]
                        threads[task.name] = (int(ran), int(waited))
            if self._descends:
                with suppress(OSError):
                    for task in (base / "task").iterdir():
                        with suppress(OSError):
                            waiting += (task / "children").read_text().split()
        return _Reading(cpu, threads)


class Patience:
    """The time a program has left.

    It ends when its own time or its CPU time passes the limit: at once where cores are free. A
    program that others kept waiting gets more; if that does not do, the machine is at fault, not
    the program.

    Args:
        seconds: the limit.
        most: seconds on the clock after which the machine is at fault; by default five times the
            limit and 5 s.
    """

    def __init__(self, seconds: float, *, most: float | None = None) -> None:
        self._seconds = seconds
        self._begun = time.monotonic()
        self._until = self._begun + seconds
        self._last = self._begun + (seconds * _MOST_TIMES + _MOST_MORE if most is None else most)

    def wait(self) -> float:
        """Seconds until the next look."""
        return max(self._until - time.monotonic(), 0.0)

    def over(self, *spent: Spent) -> bool:
        """Whether the program's time is up; asks for more patience otherwise.

        Args:
            *spent: times since it began of the processes that work for it, its own first.

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
                f"the machine is too busy: of {wall:.1f} s a program waited {waited:.1f} s for a "
                f"core, and it may use {self._seconds:g} s"
            )
        missing = max(self._seconds - own, _LEAST_WAIT)
        self._until = min(time.monotonic() + missing, self._last)
        return False
