"""Finds out which levels can be had here, by trying them."""

import json
import threading
from dataclasses import dataclass, field

from graphsearch.evaluators.sandbox._levels import Level
from graphsearch.evaluators.sandbox._limits import Limits
from graphsearch.evaluators.sandbox._run import run_once
from graphsearch.records.errors import GraderFailed

__all__ = ["Found", "find"]

_SECONDS = 10.0

# What a strong level must hold, looked at from inside: prints what it does not.
_LOOK = """
import os, json
open = []
if os.getppid() != 0:
    open.append("processes outside are seen")
for path in ("/home", "/etc/passwd", "/proc", "/sys", "/run", "/var"):
    if os.path.exists(path):
        open.append(path + " is seen")
for path in ("/x", "/usr/x", "/dev/x"):
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        open.append(path + " was written")
    except OSError:
        pass
try:
    import socket
    socket.socket()
    open.append("a socket was made")
except OSError:
    pass
try:
    if os.fork() == 0:
        os._exit(0)
    open.append("a process was made")
except OSError:
    pass
if os.getuid() == 0:
    open.append("it runs as root")
print(json.dumps(open))
"""


@dataclass(frozen=True, slots=True)
class Found:
    """Whether a level can be had.

    Attributes:
        way: variant of it that works, None for none.
        reason: why it cannot be had, "" when it can.
        best: whether it is the best way there is of this level.
    """

    way: str | None
    reason: str = ""
    best: bool = True


@dataclass(slots=True)
class _Known:
    lock: threading.Lock = field(default_factory=threading.Lock)
    found: dict[str, Found] = field(default_factory=dict)


_known = _Known()


def find(level: Level) -> Found:
    """Try a level, once in the life of this process."""
    with _known.lock:
        if level.name not in _known.found:
            _known.found[level.name] = _try(level)
        return _known.found[level.name]


def _try(level: Level) -> Found:
    reason = f"there is no {level.name} here"
    for way in level.ways():
        reason = _fault(level, way)
        if not reason:
            return Found(way, best=way == level.ways()[0])
    return Found(None, reason)


def _fault(level: Level, way: str) -> str:
    try:
        done = run_once(level, way, _LOOK, limits=Limits(seconds=_SECONDS), stdin=b"")
    except GraderFailed as error:
        return str(error)
    if done.how != "exit" or done.code != 0:
        return f"a first program ended by {done.how} {done.code}: {done.stderr[-200:]!r}"
    still_open = json.loads(done.stdout)
    return ", ".join(still_open) if level.strong else ""
