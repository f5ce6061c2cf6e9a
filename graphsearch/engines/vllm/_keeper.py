"""The process that stands between graphsearch and one server, and lives as long as it does.

It is run as a file of its own, without graphsearch around it, in a session of its own, with the log
as its output: `python -I _keeper.py --token T --parent PID --grace SECONDS -- COMMAND ...`.

A server of vLLM is a family of processes that do not always end together: when the one that listens
is killed, those that hold the model stay. So the keeper adopts every orphan below it, and ends them
all when its server ends, when it is asked to (SIGTERM), and when its parent is gone (where one is
named). When it is killed itself, the kernel kills its server.
"""

import argparse
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time

_SET_PDEATHSIG, _SET_CHILD_SUBREAPER = 1, 36
_ENDING = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_SIGNALS = {*_ENDING, signal.SIGCHLD}
_LOOK_EVERY = 0.5
_GRACE_OF_ORPHANS = 2.0


def main() -> int:
    """Keep a server; returns its exit code as a shell tells it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--token", required=True)
    parser.add_argument("--parent", type=int, default=0)
    parser.add_argument("--grace", type=float, default=10.0)
    parser.add_argument("--cwd", default=".")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    told = parser.parse_args()
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    _prctl(_SET_CHILD_SUBREAPER, 1)

    def in_the_child() -> None:
        # It unblocks what the keeper blocks, and ends with the keeper.
        _prctl(_SET_PDEATHSIG, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    try:
        server = subprocess.Popen(
            told.command[1:],
            stdin=subprocess.DEVNULL,
            cwd=told.cwd,
            preexec_fn=in_the_child,
        )
    except OSError as error:
        sys.stdout.write(f"{told.command[1]}: {error.strerror}\n")
        return 127
    code = _wait(server.pid, told.parent)
    if code is None:
        os.kill(server.pid, signal.SIGTERM)
        code = _wait(server.pid, 0, until=time.monotonic() + told.grace)
    _end_the_rest(0.0 if code is None else _GRACE_OF_ORPHANS)
    return 0 if code is None else code


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl failed")


def _wait(server: int, parent: int, *, until: float | None = None) -> int | None:
    """Its exit code, or None when it shall end (or has not, `until` that time)."""
    while True:
        code = _reap(server)
        if code is not None:
            return code
        left = _LOOK_EVERY if until is None else min(_LOOK_EVERY, until - time.monotonic())
        if left <= 0:
            return None
        got = signal.sigtimedwait(_SIGNALS, left)
        ending = got is not None and got.si_signo in _ENDING
        if until is None and (ending or (parent and os.getppid() != parent)):
            return None


def _reap(server: int) -> int | None:
    """Bury all children that ended; the server's exit code if it is among them."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == server:
            found = os.waitstatus_to_exitcode(status)
            code = found if found >= 0 else 128 - found


def _end_the_rest(grace: float) -> None:
    """End whoever is left, now that orphans are our children: asked once, killed after `grace`."""
    asked: set[int] = set()
    until = time.monotonic() + grace
    while children := _children():
        late = time.monotonic() >= until
        for pid in children if late else children - asked:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        asked |= children
        signal.sigtimedwait({signal.SIGCHLD}, 0.05)
        _reap(0)


def _children() -> set[int]:
    """Processes whose parent we are; not every kernel lists them by parent."""
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as file:
                # The name before the last bracket may hold anything, blanks among it.
                parent = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == os.getpid():
            found.add(int(name))
    return found


if __name__ == "__main__":
    sys.exit(main())
