"""One started process, and how to end it for certain."""

import contextlib
import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from graphsearch.evaluators.patience import Stopwatch

__all__ = ["Jail", "remove"]

_CHUNK = 65536
_DIES_WITHIN = 5.0
_GUARD_ENDS = 1.0
_LONGEST_FACT = 4096
_SHOWN = 300


class Jail:
    """A process in its own sandbox; use as a context manager, which ends it.

    Args:
        process: the direct child: the program's Python, or bubblewrap.
        facts: descriptor on which bubblewrap tells the number of the program's process, None where
            the direct child is the program.
        folder: removed in the end, None for none.

    Attributes:
        process: the direct child.
        cpu: CPU seconds of it and what it waited for, once it has ended.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], facts: int | None, folder: Path | None = None
    ) -> None:
        self.process = process
        self.cpu: float | None = None
        self._outer = os.pidfd_open(process.pid)
        self._folder = folder
        self._inner: int | None = None  # pidfd of the program's process
        self._number = process.pid if facts is None else self._learn(facts)

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
        """The exit status, a signal as its negative number; None when it still goes on.

        Bubblewrap tells of a signal by a status above 128. No program ends with such a status of
        its own: the filter of system calls sees to it.
        """
        if self.process.returncode is None and select.select([self._outer], [], [], seconds)[0]:
            _, status, usage = os.wait4(self.process.pid, 0)
            code = os.waitstatus_to_exitcode(status)
            number = code - 128
            guarded = self._inner is not None and number in signal.valid_signals()
            self.process.returncode = -number if guarded else code
            self.cpu = usage.ru_utime + usage.ru_stime
        return self.process.returncode

    def last_words(self) -> str:
        """End it, and the end of what it wrote to standard error, for a message."""
        self.kill()
        pipe = self.process.stderr
        said = pipe.read(_CHUNK) if pipe is not None else b""
        return said.decode(errors="replace").strip()[-_SHOWN:]

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
            remove(self._folder)

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
            # The number may have gone to a stranger meanwhile: ours is a child of bubblewrap.
            stat = Path(f"/proc/{number}/stat").read_text()
        except OSError:
            return None
        if int(stat.rpartition(")")[2].split()[1]) != self.process.pid:
            os.close(self._inner)
            self._inner = None
            return None
        return number


def remove(folder: Path) -> None:
    """Remove a folder, however deeply a program has nested others in it.

    A folder within a folder is moved up to the top before it is looked into, so no path grows with
    the nesting. What a program has closed to its user is opened. A verdict is never lost by this:
    what cannot be removed stays in the system's temporary folder.
    """
    names = count()

    def moved_up(held: Path) -> Iterator[Path]:
        for entry in list(os.scandir(held)):
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
            elif held == folder:
                yield Path(entry.path)
            else:
                os.chmod(entry.path, 0o700)  # to be moved, a folder must be writable itself
                yield Path(entry.path).rename(folder / f"moved-{next(names)}")

    with contextlib.suppress(OSError):
        left = list(moved_up(folder))
        while left:
            held = left.pop()
            held.chmod(0o700)
            left += moved_up(held)
            held.rmdir()
        folder.rmdir()
