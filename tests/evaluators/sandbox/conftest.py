import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support import sandbox

SECRET = "GRAPHSEARCH_WITNESS"


@pytest.fixture(scope="session")
def strong():
    return sandbox()


class Outside:
    """What must not change, must not be read and must not be reached from a sandbox."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "secret"
        self.file.write_text(SECRET)
        (folder / "inner").mkdir()
        folder.chmod(0o777)
        self.file.chmod(0o666)
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self.tcp.getsockname()[1]
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))
        self.abstract = f"\0graphsearch-{os.getpid()}"
        self.unix = []
        for name in (self.abstract, str(folder / "socket")):
            unix = socket.socket(socket.AF_UNIX)
            unix.bind(name)
            unix.listen()
            self.unix.append(unix)
        for heard in (self.tcp, self.udp, *self.unix):
            heard.setblocking(False)
        waits = [sys.executable, "-c", "import sys; sys.stdin.read()"]
        self.victim = subprocess.Popen(waits, stdin=subprocess.PIPE)
        self.before = self._state()

    def filled(self, program):
        """The program with the names of these things in it."""
        known = {
            "SECRET_NAME": SECRET,
            "FOLDER": str(self.folder),
            "FILE": str(self.file),
            "PORT": self.port,
            "ABSTRACT": self.abstract,
            "PARENT": os.getpid(),
            "VICTIM": self.victim.pid,
        }
        for name, value in known.items():
            program = program.replace(f"@{name}@", repr(value))
        return program

    def escapes(self):
        """What came out, in words; nothing when the sandbox held."""
        found = [f"a connection to {s.getsockname()!r}" for s in (self.tcp, *self.unix) if _came(s)]
        if _came(self.udp):
            found.append("a packet")
        if self.victim.poll() is not None:
            found.append("the other process is dead")
        if self._state() != self.before:
            found.append("files, or the host's name, changed")
        return found

    def close(self):
        for heard in (self.tcp, self.udp, *self.unix):
            heard.close()
        self.victim.communicate()

    def _state(self):
        files = {}
        for path in sorted(self.folder.rglob("*")):
            content = path.read_bytes() if path.is_file() else None
            files[str(path)] = (content, path.stat().st_mode)
        return files, socket.gethostname()


def _came(heard):
    try:
        if heard.type == socket.SOCK_STREAM:
            heard.accept()[0].close()
        else:
            heard.recv(100)
    except BlockingIOError:
        return False
    return True


@pytest.fixture(scope="session")
def outside():
    os.environ[SECRET] = f"{SECRET} of the caller"
    # Not below /tmp: a sandbox has a folder of its own there, which would hide this one.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        found = Outside(Path(folder))
        yield found
        found.close()
    del os.environ[SECRET]


def left_over():
    """Processes that a sandbox has left behind."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                line = (folder / "cmdline").read_bytes()
                uid = folder.stat().st_uid
            except OSError:
                continue
            if _is_own_user(uid) or (b"n['enter']" in line and _descends(int(folder.name))):
                found.append((folder.name, uid, line[:80]))
    return found


# Others on the machine may have sandboxes too.


def _is_own_user(uid):
    """Whether the user is one of those that this process has made up."""
    return 0 <= uid - 0x70000000 - (os.getpid() << 10) % 0x07FFFFFF < 10_000


def _descends(number):
    """Whether a process descends from this one."""
    while number > 1:
        if number == os.getpid():
            return True
        try:
            number = int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


def descendants(number):
    """Processes that descend from a process, without itself."""
    found, left = [], [number]
    while left:
        tasks = Path(f"/proc/{left.pop()}/task")
        with contextlib.suppress(OSError):  # it has ended meanwhile
            for task in os.listdir(tasks):
                children = (tasks / task / "children").read_text().split()
                left += map(int, children)
                found += map(int, children)
    return found


def comm(number):
    """What a process calls itself; "" when it is gone."""
    try:
        return Path(f"/proc/{number}/comm").read_text().strip()
    except OSError:
        return ""
