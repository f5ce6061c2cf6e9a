"""The weak level: what it does promise. No socket but a pair, and a folder that always goes."""

import os
import socket
import subprocess
import sys
import tempfile

import pytest

from graphsearch.evaluators.sandbox import Limits, Submission
from tests.support import sandbox


@pytest.fixture(scope="module")
def weak():
    return sandbox("process")


class Host:
    """Datagram sockets of this machine, one with a name and one with a path."""

    def __init__(self, folder):
        self.path = f"{folder}/socket"
        self.abstract = f"\0graphsearch-datagrams-{os.getpid()}"
        self.heard = []
        for name in (self.path, self.abstract):
            one = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            one.bind(name)
            one.setblocking(False)
            self.heard.append(one)
        os.chmod(folder, 0o777)
        os.chmod(self.path, 0o777)

    def came(self):
        found = []
        for one in self.heard:
            try:
                found.append(one.recv(100))
            except BlockingIOError:
                continue
        return found

    def close(self):
        for one in self.heard:
            one.close()


@pytest.fixture
def host():
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        found = Host(folder)
        yield found
        found.close()


SENDS = {
    "sendto": "one.sendto(b'ESCAPED', name)",
    "sendto from a stream": "socket.socketpair()[0].sendto(b'ESCAPED', name)",
    "sendmsg": "one.sendmsg([b'ESCAPED'], [], 0, name)",
    "a descriptor": (
        "one.sendmsg([b'ESCAPED'],"
        " [(socket.SOL_SOCKET, socket.SCM_RIGHTS, (0).to_bytes(4, 'little'))], 0, name)"
    ),
    "connect": "one.connect(name); one.send(b'ESCAPED')",
    "connect of a pair's other end": "other.connect(name); other.send(b'ESCAPED')",
    "a socket of its own": "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'E', name)",
    "sendmmsg by the bare call": (
        "ctypes.CDLL(None).syscall(307, one.fileno(), messages(name), 1, 0)"
    ),
    "sendmsg by the bare call": ("ctypes.CDLL(None).syscall(46, one.fileno(), messages(name), 0)"),
    "a server": "one.bind(chr(0) + 'graphsearch-server'); one.listen()",
}
HEAD = """
import ctypes, socket
def messages(name):
    raw = (name if name[0] == chr(0) else name).encode()
    address = ctypes.create_string_buffer(b"\\x01\\x00" + raw, 2 + len(raw))
    text = ctypes.create_string_buffer(b"ESCAPED")
    part = (ctypes.c_size_t * 2)(ctypes.addressof(text), 7)
    kept.extend([address, text, part])
    return (ctypes.c_size_t * 8)(
        ctypes.addressof(address), 2 + len(raw), ctypes.addressof(part), 1, 0, 0, 0, 0
    )
kept = []
one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
"""


@pytest.mark.parametrize("how", SENDS)
def test_no_datagram_reaches_the_machine(weak, host, how):
    program = HEAD
    for name in (host.path, host.abstract):
        program += f"name = {name!r}\ntry:\n    {SENDS[how]}\nexcept OSError: pass\n"
    done = weak.run(program + "print('ended')")
    assert done.stdout == b"ended\n", done.stderr[-300:]
    assert host.came() == []


def test_a_pair_still_works(weak):
    text = (
        "import asyncio, socket\n"
        "for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):\n"
        "    one, other = socket.socketpair(socket.AF_UNIX, kind)\n"
        "    one.sendall(b'a'); one.send(b'b'); print(other.recv(1))\n"
        "asyncio.run(asyncio.sleep(0))"
    )
    assert weak.run(text).stdout == b"b'a'\n" * 3


NESTS = {
    "thousands of folders": (
        "for _ in range(5000):\n    os.mkdir('a'); os.chdir('a')\nopen('file', 'w').close()"
    ),
    "long names": ("for _ in range(200):\n    os.mkdir('a' * 250); os.chdir('a' * 250)"),
    "closed folders": (
        "os.makedirs('a/b/c')\nopen('a/b/file', 'w').close()\n"
        "os.chmod('a/b/c', 0); os.chmod('a/b', 0); os.chmod('a', 0); os.chmod('.', 0)"
    ),
    "many names": "for i in range(3000):\n    open(f'file{i}', 'w').close()",
    "its own folder is gone": "os.rmdir(os.getcwd())",
    "its own folder is elsewhere": "os.rename(os.getcwd(), os.getcwd() + '-2')",
    "links to outside": "os.mkdir('b'); os.symlink(OUTSIDE, 'b/b'); os.symlink(OUTSIDE, 'a')",
    "links in place of its folder": (
        "here = os.getcwd()\nos.rename(here, here + '-2')\nos.symlink(OUTSIDE, here)"
    ),
    "names that are no text": "os.mkdir(b'\\xff\\n'); open(b'\\xff\\n/\\xfe', 'w').close()",
}


@pytest.mark.parametrize("how", NESTS)
def test_what_a_program_leaves_behind_is_removed_and_loses_no_verdict(
    weak, tmp_path, how, monkeypatch
):
    folder = tmp_path / "temporary"
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    folder.mkdir()
    for opened in (tmp_path, folder, outside, tmp_path.parent, tmp_path.parent.parent):
        opened.chmod(0o777)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    steps = NESTS[how].replace("OUTSIDE", repr(str(outside))).replace("\n", "\n    ")
    program = (
        "import os, sys\nsys.setrecursionlimit(10**5)\n"
        f"try:\n    {steps}\nexcept OSError: pass\ndef f(x): return x * x"
    )
    checker = weak.checker(Limits(seconds=10))
    assert checker.check(Submission(program, ("assert f(2) == 4",))).state == "passed"
    assert checker.check(Submission(program, ("assert f(2) == 5",))).state == "failed"
    checker.close()
    assert list(folder.iterdir()) == []
    assert (outside / "kept").read_text() == "kept"


def test_a_program_signals_itself_alone(weak):
    victim = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=-1)
    program = (
        "import ctypes, os, signal\nlibc = ctypes.CDLL(None)\n"
        f"for number in ({victim.pid}, -{victim.pid}, {os.getpid()}):\n"
        "    for send in (os.kill, lambda n, s: libc.syscall(200, n, s),\n"
        "                 lambda n, s: libc.syscall(234, n, n, s),\n"
        "                 lambda n, s: libc.syscall(129, n, s, (ctypes.c_int * 32)(s, 0, -1))):\n"
        "        try: send(number, signal.SIGUSR1)\n"
        "        except OSError: pass\n"
        "signal.signal(signal.SIGUSR1, lambda *_: print('came'))\n"
        "os.kill(os.getpid(), signal.SIGUSR1)\nsignal.raise_signal(signal.SIGUSR1)"
    )
    done = weak.run(program)
    assert done.stdout == b"came\ncame\n", done.stderr
    assert victim.poll() is None
    victim.communicate()
