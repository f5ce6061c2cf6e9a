"""Runs programs against tests: a checker that outlives them, a fresh sandbox for each of them."""

import json
import marshal
import os
import select
import signal
import socket
import threading
from dataclasses import dataclass
from math import ceil
from typing import Any, Final, Literal

from graphsearch.evaluators.patience import Patience
from graphsearch.evaluators.sandbox._jail import Jail
from graphsearch.evaluators.sandbox._levels import Level, Start
from graphsearch.evaluators.sandbox._limits import CPU_ACCOUNT, START_SECONDS, Limits
from graphsearch.evaluators.sandbox._submission import Submission, asked_of_program
from graphsearch.records.errors import GraderFailed

__all__ = ["Checked", "Checker"]

_CHUNK: Final = 65536
_CHECKER_MEMORY_MB: Final = 2048
_CHECKER_FILES: Final = 256
_LAST_WORDS: Final = 0.5
_SHOWN: Final = 300


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a submission.

    Attributes:
        state: `passed`; `failed` by a test; `load` when the program itself broke; `gone` when it
            ended before the tests did; `time` when it took too long; `unfit` when the tests do
            what cannot be done between two processes, or never ask anything of the program.
        reason: the error or the limit, with the line of the tests.
    """

    state: Literal["passed", "failed", "load", "gone", "time", "unfit"]
    reason: str


class Checker:
    """A pool of processes that run tests, one for each thread that asks; thread-safe.

    Nothing is started before the first submission. `close` ends them.

    Args:
        level: where tests and programs run, each apart.
        way: variant of it.
        limits: limits of a program. The tests have the same time.
    """

    def __init__(self, level: Level, way: str, limits: Limits) -> None:
        self._level = level
        self._way = way
        self._limits = limits
        self._idle: list[_TestProcess] = []
        self._lock = threading.Lock()

    def check(self, submission: Submission) -> Checked:
        """Run a program against its tests; a machine that fails or starves it is asked once more.

        Raises:
            GraderFailed: the machinery failed twice.
        """
        try:
            return self._check(submission)
        except GraderFailed:
            return self._check(submission)

    def close(self) -> None:
        """End all idle processes; further submissions start new ones."""
        with self._lock:
            idle, self._idle = self._idle, []
        for tests in idle:
            tests.close()

    def _check(self, submission: Submission) -> Checked:
        tests = self._process()
        try:
            checked = self._run(submission, tests)
        except BaseException:
            tests.close()
            raise
        if tests.usable:
            with self._lock:
                self._idle.append(tests)
        else:
            tests.close()
        return checked

    def _process(self) -> "_TestProcess":
        with self._lock:
            while self._idle:
                tests = self._idle.pop()
                if tests.jail.wait(0) is None:
                    return tests
                tests.close()
        return _TestProcess(self._level, self._way, self._limits)

    def _run(self, submission: Submission, tests: "_TestProcess") -> Checked:
        """Start the program in its own sandbox, let the tests run, and end it."""
        to_program, from_tests = os.pipe()
        to_tests, from_program = os.pipe()
        cpu = ceil(self._limits.seconds) + 1
        start = Start(
            ("wire", "candidate"),
            {"reads": to_program, "writes": from_program, "program": submission.program},
            self._limits,
            pass_fds=(to_program, from_program),
            cpu=cpu,
        )
        job = {
            "tests": submission.tests,
            "prelude": submission.prelude,
            "entry_point": submission.entry_point,
            "call": submission.call,
            "asked": submission.asked,
            "objects": any(name[:1].isupper() for name in asked_of_program(submission).names),
            "cpu": cpu,
        }
        try:
            try:
                jail = self._level.start(self._way, start)
            finally:
                os.close(to_program)
                os.close(from_program)
            with jail:
                tests.send(job, [to_tests, from_tests])
                return self._watched(jail, tests)
        finally:
            for mine in (to_tests, from_tests):
                os.close(mine)

    def _watched(self, jail: Jail, tests: "_TestProcess") -> Checked:
        """Wait for the verdict, or for the end of the program's time."""
        if tests.line(START_SECONDS) != b"started":
            raise GraderFailed(f"sandbox {self._level.name!r} did not start: {jail.last_words()!r}")
        # What tests this program is a fork of the process of the tests, below bubblewrap.
        program, checker = jail.stopwatch(), tests.jail.stopwatch(descends=True)
        seconds, patience = self._limits.seconds, Patience(self._limits.seconds)
        while (line := tests.line(patience.wait())) is None:
            if patience.over(spent := program.spent(), checker.spent()):
                # Without the program the tests soon come to an end, unless they hang.
                jail.kill()
                tests.usable = tests.line(_LAST_WORDS) not in (None, b"")
                return Checked("time", f"took longer than {seconds:g} s (CPU {spent.cpu:.1f} s)")
        if not line:
            raise GraderFailed("the process of the tests is gone")
        said = json.loads(line)
        reason = "".join(c if c.isprintable() else " " for c in said["reason"])[:_SHOWN]
        if said["state"] == "ended":
            if said["cpu"] >= seconds * CPU_ACCOUNT:
                return Checked("time", f"the tests took longer than {seconds:g} s")
            raise GraderFailed(f"the tests ended without a verdict: {reason}")
        if said["state"] == "gone":
            return self._gone(reason, jail)
        return Checked(said["state"], reason)

    def _gone(self, reason: str, jail: Jail) -> Checked:
        """The program ended: by its own doing, but for a SIGKILL that its limits do not explain."""
        code = jail.wait(_LAST_WORDS)
        if code is None:
            return Checked("gone", f"{reason} (it closed its pipes)")
        if code == -signal.SIGKILL and (jail.cpu or 0.0) >= self._limits.seconds * CPU_ACCOUNT:
            return Checked("time", f"took too much time (CPU {jail.cpu:.1f} s)")
        if code == -signal.SIGKILL and self._level.strong:
            raise GraderFailed("the program was killed from outside (is memory short here?)")
        how = f"signal {-code}" if code < 0 else f"exit status {code}"
        return Checked("gone", f"{reason} ({how})")


class _TestProcess:
    """A process that runs tests, in a fork of itself for each submission."""

    def __init__(self, level: Level, way: str, limits: Limits) -> None:
        self.usable = True
        self.control, theirs = socket.socketpair()
        self._said = b""
        own = Limits(
            seconds=limits.seconds,
            memory_mb=_CHECKER_MEMORY_MB,
            file_mb=limits.file_mb,
            open_files=_CHECKER_FILES,
            threads=limits.threads,
        )
        start = Start(
            ("wire", "remote", "checker"),
            {"control": theirs.fileno()},
            own,
            pass_fds=(theirs.fileno(),),
            forks=True,
            guarded=False,  # it outlives the thread; the end of the socket ends it
        )
        try:
            with theirs:
                self.jail = level.start(way, start)
        except BaseException:
            self.control.close()
            raise
        if self.line(START_SECONDS) != b"ready":
            said = self.jail.last_words()
            self.close()
            raise GraderFailed(f"the process of the tests did not start: {said!r}")

    def send(self, job: dict[str, Any], descriptors: list[int]) -> None:
        """Give it a job."""
        content = marshal.dumps(job)
        try:
            socket.send_fds(self.control, [len(content).to_bytes(8, "big")], descriptors)
            self.control.sendall(content)
        except OSError as error:
            raise GraderFailed(f"the process of the tests is gone: {error}") from error

    def line(self, seconds: float) -> bytes | None:
        """The next line it says; None when it says none in time, b"" when it is gone."""
        while b"\n" not in self._said:
            if not select.select([self.control], [], [], seconds)[0]:
                return None
            try:
                part = self.control.recv(_CHUNK)
            except OSError:
                return b""
            if not part:
                return b""
            self._said += part
        line, _, self._said = self._said.partition(b"\n")
        return line

    def close(self) -> None:
        """End it."""
        self.usable = False
        self.control.close()
        self.jail.close()
