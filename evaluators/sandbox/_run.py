"""Runs one program to its end and keeps what it prints."""

import os
import select
import signal
import subprocess
import time
from math import ceil
from typing import Literal

from graphsearch.evaluators.patience import Patience
from graphsearch.evaluators.sandbox._jail import Jail
from graphsearch.evaluators.sandbox._levels import Level, Start, in_memory
from graphsearch.evaluators.sandbox._limits import CPU_ACCOUNT, START_SECONDS, Finished, Limits
from graphsearch.records.errors import GraderFailed

__all__ = ["run_once"]

_CHUNK = 65536


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
        try:
            jail = level.start(
                way, start, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        finally:
            os.close(writes)
            os.close(given)
        with jail:
            ready, _, _ = select.select([reads], [], [], START_SECONDS)
            if not ready or not os.read(reads, 1):
                raise GraderFailed(f"sandbox {level.name!r} did not start: {jail.last_words()!r}")
            return _watched(jail, limits)
    finally:
        os.close(reads)


def _watched(jail: Jail, limits: Limits) -> Finished:
    """Read what a started program prints until it ends or passes a limit."""
    begun, watch, patience = time.monotonic(), jail.stopwatch(), Patience(limits.seconds)
    pipes = [pipe for pipe in (jail.process.stdout, jail.process.stderr) if pipe is not None]
    texts = {pipe.fileno(): bytearray() for pipe in pipes}
    left, used = set(texts), 0.0
    passed: Literal["time", "output"] | None = None
    while left and passed is None:
        ready, _, _ = select.select(list(left), [], [], patience.wait())
        if not ready and patience.over(spent := watch.spent()):
            passed, used = "time", spent.cpu
        for number in ready:
            part = os.read(number, _CHUNK)
            if not part:
                left.discard(number)
            texts[number] += part
            if len(texts[number]) > limits.output_bytes:
                passed = "output"
    if passed is None:  # it has closed its outputs, yet may go on
        while jail.wait(patience.wait()) is None and passed is None:
            passed = "time" if patience.over(watch.spent()) else None
    seconds, code = time.monotonic() - begun, jail.process.returncode
    jail.kill()
    used = max(used, jail.cpu or 0.0)
    out, err = (bytes(text[: limits.output_bytes]) for text in texts.values())
    if code == -signal.SIGKILL and used >= limits.seconds * CPU_ACCOUNT:  # by its limit on CPU time
        passed = passed or "time"
    if passed is not None or code is None:
        return Finished(passed or "time", None, out, err, seconds, used)
    how: Literal["exit", "signal"] = "exit" if code >= 0 else "signal"
    return Finished(how, abs(code), out, err, seconds, used)
