"""Finds out which levels can be had here, by trying them."""

import json
import shutil
from dataclasses import dataclass
from functools import cache

from graphsearch.evaluators.sandbox._levels import Level
from graphsearch.evaluators.sandbox._limits import Limits
from graphsearch.evaluators.sandbox._run import run_once
from graphsearch.records.errors import GraderFailed

__all__ = ["Found", "find"]

_SECONDS = 10.0
_INSTALL = "there is no bwrap here: install the package bubblewrap (apt-get install bubblewrap)"

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
    """

    way: str | None
    reason: str = ""


def find(level: Level) -> Found:
    """Try a level, once in the life of this process."""
    return _tried(level, level.ways(), shutil.which("bwrap"))


@cache
def _tried(level: Level, ways: tuple[str, ...], bwrap: str | None) -> Found:
    """The first way that works and, at a strong level, holds; `bwrap` is what would be tried."""
    reason = _INSTALL
    for way in ways:
        try:
            done = run_once(level, way, _LOOK, limits=Limits(seconds=_SECONDS), stdin=b"")
        except GraderFailed as error:
            reason = str(error)
            continue
        if done.how != "exit" or done.code != 0:
            reason = f"a first program ended by {done.how} {done.code}: {done.stderr[-200:]!r}"
            continue
        still_open = json.loads(done.stdout)
        if not (level.strong and still_open):
            return Found(way)
        reason = ", ".join(still_open)
    return Found(None, reason)
