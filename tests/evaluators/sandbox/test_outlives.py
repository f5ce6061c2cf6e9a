"""A program ends with its grader, however that ends and whatever the program does about it."""

import contextlib
import os
import select
import subprocess
import sys
import tempfile
import time

import pytest

from tests.evaluators.sandbox.conftest import comm, descendants
from tests.support import ROOT, sandbox

LEVELS = ("bubblewrap", "process")

# What makes a process forget the wish to end with its parent, or not follow it.
TRICKS = {
    "nothing": "",
    "takes the wish back": "libc.prctl(1, 0, 0, 0, 0)",
    "makes another wish": "libc.prctl(1, 23, 0, 0, 0)",
    "another program from a thread": (
        "again = [sys.executable, '-c', 'import ctypes, time;'"
        "    'ctypes.CDLL(None).prctl(15, b\"outlives\"); time.sleep(60)']\n"
        "threading.Thread(target=os.execv, args=(sys.executable, again)).start()\n"
        "time.sleep(0.5)"
    ),
    "the main thread ends": (
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "libc.prctl(15, b'outlives'); libc.pthread_exit(None)"
    ),
    "another user": "libc.setfsuid(65534); libc.setfsgid(65534); libc.setresuid(-1, 65534, -1)",
    "a user namespace": "libc.unshare(0x10000000)",
    "another session": (
        "for number in range(1, 65):\n"
        "    try: signal.signal(number, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\n"
        "try: os.setsid()\n"
        "except OSError: pass"
    ),
}

GRADER = """
import sys
from graphsearch.evaluators.sandbox import Limits, Submission, open_sandbox
sandbox = open_sandbox(sys.argv[1])
program, *tests = sys.argv[2:]
if tests:
    sandbox.checker(Limits(seconds=60)).check(Submission(program, tuple(tests)))
else:
    sandbox.run(program, limits=Limits(seconds=60))
"""


@pytest.fixture(autouse=True)
def temporary(monkeypatch):
    """Graders that are killed leave their temporary folders behind."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o711)
        monkeypatch.setenv("TMPDIR", folder)
        yield


def grading(level, *texts):
    """A process that runs a program (and tests), in a sandbox."""
    return subprocess.Popen(
        [sys.executable, "-c", GRADER, level, *texts],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def gone_after_kill(grader):
    """Kill a grader once its program has called itself `outlives`; whether all below it ends."""
    try:
        until = time.monotonic() + 30
        while not any(comm(number) == "outlives" for number in descendants(grader.pid)):
            assert grader.poll() is None, "the grader came to an end"
            assert time.monotonic() < until
            time.sleep(0.01)
        held = []
        for number in descendants(grader.pid):
            with contextlib.suppress(ProcessLookupError):  # it has ended already
                held.append(os.pidfd_open(number))
        assert held
    finally:
        grader.kill()
        grader.wait()
    ended = [bool(select.select([one], [], [], 20)[0]) for one in held]
    for one in held:
        os.close(one)
    return all(ended)


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("level", LEVELS)
def test_a_program_ends_with_its_grader(level, trick):
    sandbox(level)
    program = (
        "import ctypes, os, signal, sys, threading, time\n"
        f"libc = ctypes.CDLL(None)\n{TRICKS[trick]}\n"
        "libc.prctl(15, b'outlives')\ntime.sleep(60)"
    )
    assert gone_after_kill(grading(level, program))


@pytest.mark.parametrize("level", LEVELS)
def test_tests_that_hang_end_with_their_grader(level):
    sandbox(level)
    tests = "import ctypes, time\nctypes.CDLL(None).prctl(15, b'outlives')\ntime.sleep(60 + f(0))"
    assert gone_after_kill(grading(level, "def f(x): return x", tests))
