"""Runs programs against tests: a judge that outlives them, a fresh sandbox for each of them."""

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

from graphsearch.evaluators._patience import Patience, Spent
from graphsearch.evaluators.sandbox._jail import Jail
from graphsearch.evaluators.sandbox._levels import Level, Start
from graphsearch.evaluators.sandbox._limits import START_SECONDS, Limits
from graphsearch.records.errors import GraderFailed

__all__ = ["Judged", "Judges", "Trial"]

_CHUNK: Final = 65536
_JUDGE_MEMORY_MB: Final = 2048
_JUDGE_FILES: Final = 256
_LAST_WORDS: Final = 0.5
_LEAST_CPU_LIMIT: Final = 0.9
_SHOWN: Final = 300


@dataclass(frozen=True, slots=True)
class Trial:
    """A program and the tests that it must pass.

    Attributes:
        program: its text.
        tests: texts that run one after the other, in one namespace that the program cannot reach;
            what they do not define is asked of the program.
        prelude: texts that run before them, there too.
        entry_point: the program's function, where the tests name one.
        call: function of the tests that is called with the entry point, None for none.
        asked: names that mean the program's even where Python has a function of that name. All
            other built-in names are Python's own, whatever the program defines.
    """

    program: str
    tests: tuple[str, ...]
    prelude: tuple[str, ...] = ()
    entry_point: str | None = None
    call: str | None = None
    asked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a trial.

    Attributes:
        state: `passed`; `failed` by a test; `load` when the program itself broke; `gone` when it
            ended before the tests did; `time` when it took too long; `unfit` when the tests do
            what cannot be done between two processes.
        reason: the error or the limit, with the line of the tests.
    """

    state: Literal["passed", "failed", "load", "gone", "time", "unfit"]
    reason: str


class Judges:
    """A pool of judge processes; thread-safe. `close` ends them.

    Args:
        level: where judges and programs run, each apart.
        way: variant of it.
        limits: limits of a program. The tests have the same time.
    """

    def __init__(self, level: Level, way: str, limits: Limits) -> None:
        self._level = level
        self._way = way
        self._limits = limits
        self._idle: list[_Judge] = []
        self._lock = threading.Lock()

    def judge(self, trial: Trial) -> Judged:
        """Run a program against its tests; a machine that fails or starves it is asked once more.

        Raises:
            GraderFailed: the machinery failed twice.
        """
        try:
            return self._judge(trial)
        except GraderFailed:
            return self._judge(trial)

    def close(self) -> None:
        """End all idle judges; further trials start new ones."""
        with self._lock:
            idle, self._idle = self._idle, []
        for judge in idle:
            judge.close()

    def _judge(self, trial: Trial) -> Judged:
        judge = self._take()
        try:
            judged = _Hearing(self._level, self._way, self._limits, judge, trial).held()
        except BaseException:
            judge.close()
            raise
        if judge.usable:
            with self._lock:
                self._idle.append(judge)
        else:
            judge.close()
        return judged

    def _take(self) -> "_Judge":
        with self._lock:
            while self._idle:
                judge = self._idle.pop()
                if judge.jail.wait(0) is None:
                    return judge
                judge.close()
        return _Judge(self._level, self._way, self._limits)


class _Judge:
    """One judge process, which forks for each trial."""

    def __init__(self, level: Level, way: str, limits: Limits) -> None:
        self.usable = True
        self.control, theirs = socket.socketpair()
        self._said = b""
        own = Limits(
            seconds=limits.seconds,
            memory_mb=_JUDGE_MEMORY_MB,
            file_mb=limits.file_mb,
            open_files=_JUDGE_FILES,
            threads=limits.threads,
        )
        start = Start(
            ("judge",),
            {"control": theirs.fileno()},
            own,
            pass_fds=(theirs.fileno(),),
            forks=True,
            guarded=False,  # it outlives the thread; the end of the socket ends it
        )
        try:
            with theirs:
                self.jail = level.start(way, start)
        except OSError as error:
            self.control.close()
            raise GraderFailed(f"sandbox {level.name!r} did not start: {error}") from error
        if self.line(START_SECONDS) != b"ready":
            said = _stderr(self.jail)
            self.close()
            raise GraderFailed(f"the judge did not start: {said!r}")

    def send(self, job: dict[str, Any], descriptors: list[int]) -> None:
        """Give it a job."""
        content = marshal.dumps(job)
        try:
            socket.send_fds(self.control, [len(content).to_bytes(8, "big")], descriptors)
            self.control.sendall(content)
        except OSError as error:
            raise GraderFailed(f"the judge is gone: {error}") from error

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


class _Hearing:
    """One trial: the program in its sandbox, the judge in its own, and the clock."""

    def __init__(self, level: Level, way: str, limits: Limits, judge: _Judge, trial: Trial) -> None:
        self._level = level
        self._way = way
        self._limits = limits
        self._judge = judge
        self._trial = trial

    def held(self) -> Judged:
        """Start the program, let the judge work, and end both."""
        to_program, from_judge = os.pipe()
        to_judge, from_program = os.pipe()
        start = Start(
            ("candidate",),
            {"reads": to_program, "writes": from_program, "program": self._trial.program},
            self._limits,
            pass_fds=(to_program, from_program),
            cpu=ceil(self._limits.seconds) + 1,
        )
        try:
            jail = self._level.start(self._way, start)
        except OSError as error:
            for mine in (to_judge, from_judge):
                os.close(mine)
            raise GraderFailed(f"sandbox {self._level.name!r} did not start: {error}") from error
        finally:
            for theirs in (to_program, from_program):
                os.close(theirs)
        with jail:
            try:
                self._judge.send(self._job(), [to_judge, from_judge])
            finally:
                for mine in (to_judge, from_judge):
                    os.close(mine)
            return self._heard(jail)

    def _job(self) -> dict[str, Any]:
        trial = self._trial
        return {
            "tests": trial.tests,
            "prelude": trial.prelude,
            "entry_point": trial.entry_point,
            "call": trial.call,
            "asked": trial.asked,
            "cpu": ceil(self._limits.seconds) + 1,
        }

    def _heard(self, jail: Jail) -> Judged:
        line = self._judge.line(START_SECONDS)
        if line != b"started":
            said = _stderr(jail)
            raise GraderFailed(f"sandbox {self._level.name!r} did not start: {said!r}")
        # What judges this program is a fork of the judge, below whatever guards it.
        program, judge = jail.stopwatch(), self._judge.jail.stopwatch(descends=True)
        patience = Patience(self._limits.seconds)
        line = self._judge.line(patience.wait())
        while line is None:
            if patience.over(spent := program.spent(), judge.spent()):
                return self._late(jail, spent)
            line = self._judge.line(patience.wait())
        if not line:
            raise GraderFailed("the judge is gone")
        return self._ruled(json.loads(line), jail)

    def _late(self, jail: Jail, spent: Spent) -> Judged:
        """Too slow. Without the program the judge soon comes to an end, unless the tests hang."""
        jail.kill()
        self._judge.usable = self._judge.line(_LAST_WORDS) not in (None, b"")
        return Judged(
            "time", f"took longer than {self._limits.seconds:g} s (CPU {spent.cpu:.1f} s)"
        )

    def _ruled(self, said: dict[str, Any], jail: Jail) -> Judged:
        state = said["state"]
        reason = "".join(c if c.isprintable() else " " for c in said["reason"])[:_SHOWN]
        if state == "judge-ended":
            if said.get("cpu", 0) >= self._limits.seconds:
                return Judged("time", f"the tests took longer than {self._limits.seconds:g} s")
            raise GraderFailed(f"the judge broke: {reason}")
        if state == "gone":
            return self._gone(reason, jail)
        return Judged(state, reason)

    def _gone(self, reason: str, jail: Jail) -> Judged:
        code = jail.wait(_LAST_WORDS)
        if code is None:
            return Judged("gone", f"{reason} (it closed its pipes)")
        number = -code if code < 0 else code - 128
        if number == signal.SIGKILL and (jail.cpu or 0.0) >= _LEAST_CPU_LIMIT:
            return Judged("time", f"took too much time (CPU {jail.cpu:.1f} s)")
        if number == signal.SIGKILL and self._level.strong:
            # Nothing in there can send this but a limit on CPU time, of a second at least.
            raise GraderFailed("the program was killed from outside (is memory short here?)")
        how = f"signal {number}" if number > 0 else f"exit status {code}"
        return Judged("gone", f"{reason} ({how})")


def _stderr(jail: Jail) -> str:
    jail.kill()
    pipe = jail.process.stderr
    said = pipe.read(_CHUNK) if pipe is not None else b""
    return said.decode(errors="replace").strip()[-_SHOWN:]
