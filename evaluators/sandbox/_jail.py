"""One started process, and how to end it for certain."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
from pathlib import Path

from graphsearch.evaluators._patience import Stopwatch

__all__ = ["Jail"]

_DIES_WITHIN = 5.0
_GUARD_ENDS = 1.0
_LONGEST_FACT = 4096


class Jail:
    """A process in its own sandbox; use as a context manager, which ends it.

    Args:
        process: the direct child: the program's Python, or what guards it.
        facts: descriptor on which the guard tells the number of the program's process, None where
            the direct child is the program.
        folder: removed in the end, None for none.

    Attributes:
        process: the direct child.
        cpu: CPU seconds of it and what it waited for, once it has ended.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], facts: int | None, folder: str | None = None
    ) -> None:
        self.process = process
        self.cpu: float | None = None
        self._outer = os.pidfd_open(process.pid)
        self._folder = folder
        self._inner: int | None = None  # pidfd of the program's process
        self._number = process.pid if facts is None else None
        if facts is not None:
            self._number = self._learn(facts)

    @property
    def started(self) -> bool:
        """Whether the program's process is known."""
        return self._number is not None

    def stopwatch(self, *, descends: bool = False) -> Stopwatch:
        """Counts what the process, or with all that descend from it, uses from now on."""
        return Stopwatch(self._number, descends=descends)

    def kill(self) -> None:
        """End the process and everything in its sandbox; returns when it is gone."""
        if self._inner is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._inner, signal.SIGKILL)
            select.select([self._inner], [], [], _DIES_WITHIN)  # readable once it has ended
            self.wait(_GUARD_ENDS)  # it takes its child's end in; else that stays a zombie
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self.process.returncode is None:
                os.killpg(self.process.pid, signal.SIGKILL)
        self.wait(_DIES_WITHIN)

    def wait(self, seconds: float) -> int | None:
        """How it ended, as `Popen.returncode` says it; None when it still goes on."""
        if self.process.returncode is None and select.select([self._outer], [], [], seconds)[0]:
            _, status, usage = os.wait4(self.process.pid, 0)
            self.process.returncode = os.waitstatus_to_exitcode(status)
            self.cpu = usage.ru_utime + usage.ru_stime
        return self.process.returncode

    def close(self) -> None:
        """End the process and give its descriptors back."""
        self.kill()
        os.close(self._outer)
        if self._inner is not None:
            os.close(self._inner)
        self._inner = None
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> "Jail":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _learn(self, facts: int) -> int | None:
        said = b""
        while len(said) < _LONGEST_FACT and b"}" not in said:
            part = os.read(facts, _LONGEST_FACT)
            if not part:
                return None
            said += part
        number = int(json.loads(said)["child-pid"])
        try:
            self._inner = os.pidfd_open(number)
            # The number may have gone to a stranger meanwhile: ours is a child of the guard.
            stat = Path(f"/proc/{number}/stat").read_text()
        except OSError:
            return None
        if int(stat.rpartition(")")[2].split()[1]) != self.process.pid:
            os.close(self._inner)
            self._inner = None
            return None
        return number
