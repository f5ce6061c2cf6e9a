"""Runs one program to its end and keeps what it prints."""

import os
import select
import signal
import subprocess
import time
from math import ceil
from typing import IO

from graphsearch.evaluators._patience import Patience, Spent
from graphsearch.evaluators.sandbox._jail import Jail
from graphsearch.evaluators.sandbox._levels import Level, Start, in_memory
from graphsearch.evaluators.sandbox._limits import START_SECONDS, Finished, Limits
from graphsearch.records.errors import GraderFailed

__all__ = ["run_once"]

_CHUNK = 65536
_SHOWN = 300


def run_once(level: Level, way: str, program: str, *, limits: Limits, stdin: bytes) -> Finished:
    """Run a program in a fresh sandbox.

    Raises:
        GraderFailed: it did not start, or the machine was too busy to run it in time.
    """
    reads, writes = os.pipe()
    given = in_memory(stdin)
    start = Start(
        ("script",),
        {"program": program, "writes": writes},
        limits,
        pass_fds=(writes,),
        cpu=ceil(limits.seconds) + 1,
    )
    try:
        jail = level.start(way, start, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        os.close(reads)
        raise GraderFailed(f"sandbox {level.name!r} did not start: {error}") from error
    finally:
        os.close(writes)
        os.close(given)
    with jail:
        try:
            _await_start(jail, reads, level)
        finally:
            os.close(reads)
        return _Watching(jail, limits).result()


def _await_start(jail: Jail, reads: int, level: Level) -> None:
    ready, _, _ = select.select([reads], [], [], START_SECONDS)
    if not ready or not os.read(reads, 1):
        jail.kill()
        said = jail.process.stderr.read(_CHUNK) if jail.process.stderr else b""
        raise GraderFailed(
            f"sandbox {level.name!r} did not start: {said.decode(errors='replace')[:_SHOWN]!r}"
        )


class _Watching:
    """Reads what a started program prints until it ends or passes a limit."""

    def __init__(self, jail: Jail, limits: Limits) -> None:
        self._jail = jail
        self._limits = limits
        self._texts: dict[IO[bytes], bytearray] = {}
        for pipe in (jail.process.stdout, jail.process.stderr):
            assert pipe is not None
            self._texts[pipe] = bytearray()

    def result(self) -> Finished:
        begun = time.monotonic()
        watch, patience = self._jail.stopwatch(), Patience(self._limits.seconds)
        how: str | None = None
        spent = Spent(0.0, None)
        open_pipes = set(self._texts)
        while open_pipes and how is None:
            ready, _, _ = select.select(list(open_pipes), [], [], patience.wait())
            if not ready and patience.over(spent := watch.spent()):
                how = "time"
            for pipe in ready:
                part = os.read(pipe.fileno(), _CHUNK)
                if not part:
                    open_pipes.discard(pipe)
                self._texts[pipe] += part
                if len(self._texts[pipe]) > self._limits.output_bytes:
                    how = "output"
        if how is None:  # it has closed its outputs, yet may go on
            while self._jail.wait(patience.wait()) is None and how is None:
                how = "time" if patience.over(watch.spent()) else None
        seconds = time.monotonic() - begun
        code = self._jail.process.returncode
        self._jail.kill()
        return self._finished(how, code, seconds, max(spent.cpu, self._jail.cpu or 0.0))

    def _finished(self, how: str | None, code: int | None, seconds: float, cpu: float) -> Finished:
        most = self._limits.output_bytes
        out, err = (bytes(text[:most]) for text in self._texts.values())
        if how == "output":
            return Finished("output", None, out, err, seconds, cpu)
        if how == "time" or code is None:
            return Finished("time", None, out, err, seconds, cpu)
        number = -code if code < 0 else code - 128 if code > 128 else None
        if number is None:
            return Finished("exit", code, out, err, seconds, cpu)
        if number == signal.SIGKILL and cpu >= self._limits.seconds:
            return Finished("time", None, out, err, seconds, cpu)
        return Finished("signal", number, out, err, seconds, cpu)
