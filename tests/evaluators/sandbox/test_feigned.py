"""What a program does to itself is its own failure, never one of the machine: no `GraderFailed`."""

import os
import signal
import threading

import pytest

from graphsearch.evaluators.sandbox import Limits, Submission
from graphsearch.records.errors import GraderFailed
from tests.evaluators.sandbox._attacks import EVERYTHING
from tests.evaluators.sandbox.conftest import comm, descendants
from tests.support import sandbox

HEAD = "import ctypes, os, resource, signal, sys, threading, time\nlibc = ctypes.CDLL(None)\n"

# A test run takes every fourth, `make test-sandbox` all of them.
ENDINGS = {
    "the status of a SIGKILL": "os._exit(137)",
    "the status of another signal": "os._exit(139)",
    "the lowest status of a signal": "os._exit(129)",
    "a status of which eight bits are kept": "os._exit(137 + 256)",
    "a status below 0": "os._exit(-119)",
    "the status at the end of C": "libc.exit(137)",
    "the status of a thread": "libc.syscall(60, 137)",
    "the status by the bare call": "libc.syscall(231, 137)",
    "the status from another thread": (
        "threading.Thread(target=os._exit, args=(137,)).start(); time.sleep(9)"
    ),
    "a CPU limit of 0": ("resource.setrlimit(resource.RLIMIT_CPU, (0, 0))\n    while True: pass"),
    "a CPU limit of 0 for a process": (
        "resource.prlimit(os.getpid(), resource.RLIMIT_CPU, (0, 0))\n    while True: pass"
    ),
    "a CPU limit of 0 by the bare call": (
        "libc.syscall(160, 0, (ctypes.c_long * 2)(0, 0))\n    while True: pass"
    ),
    "a CPU limit that is lowered while it runs": (
        "resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\n    while True: pass"
    ),
    "SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
    "SIGKILL with a value": ("libc.syscall(129, os.getpid(), 9, (ctypes.c_int * 32)(9, 0, -1))"),
    "SIGKILL from a thread": ("signal.pthread_kill(threading.main_thread().ident, signal.SIGKILL)"),
    "SIGXCPU": (
        "signal.signal(signal.SIGXCPU, signal.SIG_DFL)\n    os.kill(os.getpid(), signal.SIGXCPU)"
    ),
    "a real-time limit": "resource.setrlimit(resource.RLIMIT_RTTIME, (1, 1))",
    "a strict filter": "libc.prctl(22, 1, 0, 0, 0)",
    "another program": "os.execv('/bin/sh', ['sh', '-c', 'exit 137'])",
    "another program's end": "os.execv('/bin/sh', ['sh', '-c', 'kill -9 $$'])",
    "no memory": "resource.setrlimit(resource.RLIMIT_AS, (0, 0)); return bytes(10**8)",
}


@pytest.fixture(scope="module", params=["bubblewrap", "process"])
def checker(request):
    found = sandbox(request.param).checker(Limits(seconds=1, memory_mb=400))
    yield found
    found.close()


@pytest.mark.parametrize("ending", ENDINGS if EVERYTHING else list(ENDINGS)[::4])
def test_a_program_that_ends_itself_has_failed(checker, ending):
    program = f"{HEAD}def f(x):\n    {ENDINGS[ending]}\n    return 0"
    checked = checker.check(Submission(program, ("assert f(2) == 4",)))
    assert checked.state in ("failed", "gone", "time"), checked


@pytest.mark.parametrize("ending", ["the status of a SIGKILL", "a CPU limit of 0", "SIGKILL"])
def test_a_program_that_ends_while_it_is_loaded_has_failed(checker, ending):
    program = HEAD + ENDINGS[ending].replace("\n    ", "\n")
    checked = checker.check(Submission(program, ("assert f(2) == 4",)))
    assert checked.state in ("load", "gone", "time", "failed"), checked


def test_a_limit_of_its_own_does_no_harm(checker):
    limit = "resource.setrlimit(resource.RLIMIT_CPU, (5, 5))"
    program = f"{HEAD}{limit}\ndef f(x): return x * x"
    assert checker.check(Submission(program, ("assert f(2) == 4",))).state == "passed"


@pytest.mark.skipif(not EVERYTHING, reason="takes a gigabyte and half a minute")
@pytest.mark.parametrize("kept", ["[]", "str(i) * 3", "kept[-1:] * 2"])
def test_tests_that_a_program_makes_fill_their_memory_come_to_a_verdict(kept):
    checker = sandbox().checker(Limits(seconds=15))
    fill = f"kept = []\nfor i in f(2):\n    kept.append({kept})\nassert 0"
    checked = checker.check(Submission("def f(x): return range(10**9)", (fill,)))
    assert checked.state in ("failed", "time"), checked
    checker.close()


def test_what_others_do_to_a_program_is_none_of_its_doing():
    checker, done = sandbox().checker(Limits(seconds=30)), threading.Event()

    def kill_all_that_sleep():
        while not done.wait(0.05):
            for number in descendants(os.getpid()):
                if comm(number) == "sleeps":
                    os.kill(number, signal.SIGKILL)

    killer = threading.Thread(target=kill_all_that_sleep)
    killer.start()
    program = f"{HEAD}libc.prctl(15, b'sleeps')\ntime.sleep(20)"
    with pytest.raises(GraderFailed, match="killed from outside"):
        checker.check(Submission(program, ("f(2)",)))
    done.set()
    killer.join()
    checker.close()
