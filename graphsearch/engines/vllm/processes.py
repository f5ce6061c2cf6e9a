"""What Linux tells about processes: enough to know one again, and never to hit another."""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Process", "boot_id", "holder_of", "identity", "running", "session_of", "with_word"]

_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """A process, so named that a later one with the same number is another.

    Attributes:
        pid: its number.
        started: clock ticks between the start of the system and its own.
        boot: which start of the system that was.
    """

    pid: int
    started: int
    boot: str

    @property
    def alive(self) -> bool:
        """Whether it runs (one that ended and was not yet buried does not)."""
        return running(self.pid) == self

    def signal(self, number: signal.Signals) -> bool:
        """Send it a signal; False when it is gone."""
        if not self.alive:
            return False
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)
            return True
        return False


def boot_id() -> str:
    """A name of this start of the system."""
    return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def running(pid: int) -> Process | None:
    """The process of that number, None when there is none that runs."""
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZXx" else identity(pid)


def identity(pid: int) -> Process | None:
    """The process of that number, also one that ended and was not buried."""
    fields = _stat(pid)
    return None if fields is None else Process(pid, int(fields[19]), boot_id())


def session_of(leader: Process) -> list[Process]:
    """Who runs in the session that `leader` began, itself left out.

    The kernel gives a number to no new process while a session has it as its name, so those found
    belong to this session unless another with the same name began after all of this one had
    ended; then its leader runs under that number, or those found began before it was recorded.
    """
    now = running(leader.pid)
    if leader.boot != boot_id() or (now is not None and now != leader):
        return []
    found = []
    for pid in _pids():
        fields = None if pid == leader.pid else _stat(pid)
        one = running(pid) if fields is not None and int(fields[3]) == leader.pid else None
        if one is not None and one.started >= leader.started:
            found.append(one)
    return found


def with_word(word: str) -> list[Process]:
    """Our processes that have this very word on their command line."""
    found = []
    for pid in _pids():
        try:
            words = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        one = running(pid) if word.encode() in words else None
        if one is not None:
            found.append(one)
    return found


def holder_of(port: int) -> str | None:
    """Number and name of the process that listens at a TCP port; None when we may not see it."""
    sockets = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            lines = (_PROC / "net" / table).read_text(encoding="ascii").splitlines()[1:]
            for words in map(str.split, lines):
                if words[3] == "0A" and int(words[1].rpartition(":")[2], 16) == port:
                    sockets.add(f"socket:[{words[9]}]")
    for pid in _pids() if sockets else ():
        with suppress(OSError):
            for link in (_PROC / str(pid) / "fd").iterdir():
                if os.readlink(link) in sockets:
                    name = (_PROC / str(pid) / "comm").read_text(encoding="utf-8", errors="replace")
                    return f"process {pid} ({name.strip()})"
    return None


def _pids() -> list[int]:
    return [int(name) for name in os.listdir(_PROC) if name.isdigit()]


def _stat(pid: int) -> list[str] | None:
    """Fields of `/proc/PID/stat` from the third, the state, on."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()
