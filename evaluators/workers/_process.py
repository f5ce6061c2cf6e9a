"""One worker process, as its parent sees it."""

import json
import os
import secrets
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Final

import graphsearch
from graphsearch.evaluators.patience import Patience, Stopwatch
from graphsearch.evaluators.workers._records import Done, Stopped
from graphsearch.records.errors import GraderFailed, TaskError

__all__ = ["Job", "Worker", "WorkerKilled"]

_ROOT: Final = Path(graphsearch.__file__).parents[1]
_SERVE: Final = Path(__file__).with_name("_serve.py")
_LOOK_SECONDS: Final = 0.02
_START_SECONDS: Final = 60.0
_MOST_TIMES: Final = 10
_MOST_MORE: Final = 30.0
"""Seconds on the clock that a busy machine may take over a request, by its limit. An answer that
needs all of its limit must come to a verdict at five busy processes a core too."""

_END_SECONDS: Final = 0.5
_LONGEST_ANSWER: Final = 1 << 20
_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is for, and what it may take.

    Attributes:
        module: the module whose `start(setup)` returns the function that answers requests.
        setup: its argument, JSON.
        seconds: the most own seconds (working or sleeping) for a request.
        memory: bytes of address space.
        environment: all the environment variables it has.
    """

    module: str
    setup: Any
    seconds: float
    memory: int
    environment: Mapping[str, str]


class WorkerKilled(GraderFailed):
    """Someone else ended the worker: the system, for want of memory, or a person."""


class Worker:
    """A process that has started and knows its job.

    Raises:
        GraderFailed: it cannot be started.
        TaskError: it says that its job cannot be done at all.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._gone = False
        # As isolated as -I, but that would not see the PYTHONHASHSEED in the environment given.
        command = [sys.executable, "-s", "-P", str(_SERVE), str(_ROOT), job.module]
        try:
            self._process = subprocess.Popen(
                [*command, str(job.memory), str(job.seconds)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=dict(job.environment),
                start_new_session=True,
            )
        except OSError as error:
            raise GraderFailed(f"no worker can be started: {error}") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        try:
            said = self._exchange(job.setup, _START_SECONDS)
            if isinstance(said, Stopped):
                how = "did not start" if said.why == "time" else "ended while it started"
                raise GraderFailed(f"a worker {how}: it {said.reason}")
            if "refused" in said:
                raise TaskError(str(said["refused"]))
        except BaseException:
            self.kill()
            raise

    def ask(self, request: Any) -> Done | Stopped:
        """One request; after anything but `Done`, or "raised", the worker is to be killed.

        Raises:
            WorkerKilled: from outside.
            GraderFailed: the machine gave the worker too little time to work.
        """
        said = self._exchange(request, self._job.seconds)
        if isinstance(said, Stopped):
            return said
        if "raised" in said:
            return Stopped("raised", str(said["raised"]))
        if "memory" in said:
            return Stopped("memory", f"wanted more than {self._job.memory // _MIB} MiB of memory")
        return Done(said.get("value"))

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return _status(self._process.pid) is None

    def signal(self) -> None:
        """End the process and all it has started; whoever asks it hears that it ended."""
        if not self._gone:
            with suppress(ProcessLookupError):  # all of them have ended
                os.killpg(self._process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """End it, and let go of its pipes; idempotent. Not while another thread asks it."""
        self.signal()
        self._gone = True
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _exchange(self, request: Any, seconds: float) -> dict[str, Any] | Stopped:
        """Send a line, and the answer to it.

        The job shares the pipe with whatever it starts (a thread, a fork) and leaves behind; only
        what bears this request's nonce is its answer.
        """
        nonce = secrets.token_hex(16)
        left = memoryview(json.dumps([nonce, request]).encode() + b"\n")
        read = bytearray()
        watch = Stopwatch(self._process.pid)
        patience = Patience(seconds, most=_MOST_MORE + _MOST_TIMES * seconds)
        poller = select.poll()
        poller.register(self._out, select.POLLIN)
        poller.register(self._in, select.POLLOUT)
        while True:
            wait = patience.wait()
            ready = dict(poller.poll(ceil(wait * 1000)))
            try:
                if self._in in ready:
                    left = left[os.write(self._in, left) :]
                    if not left:
                        poller.unregister(self._in)
                if self._out in ready:
                    part = os.read(self._out, 1 << 16)
                    if not part:
                        return self._died()
                    read += part
            except BlockingIOError:
                continue
            except BrokenPipeError:
                return self._died()
            # What has come is read before the clock is: the reader may be late itself.
            if read.endswith(b"\n"):
                break
            if len(read) > _LONGEST_ANSWER:
                return Stopped("flooded", f"wrote more than {_LONGEST_ANSWER // _MIB} MiB")
            if not wait and patience.over(watch.spent()):
                return Stopped("time", f"took more than {seconds:g} s")
        try:
            said = json.loads(read)
        except (ValueError, RecursionError):
            said = None
        if isinstance(said, dict) and said.get("nonce") == nonce:
            return said
        return Stopped("died", "wrote into the worker's own pipe")

    def _died(self) -> Stopped:
        """How the process ended; it is not reaped yet, so that its group's number stays its own."""
        until = time.monotonic() + _END_SECONDS
        status = _status(self._process.pid)
        while status is None and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
            status = _status(self._process.pid)
        if status is None:
            return Stopped("died", "closed the worker's pipe")
        if status == -signal.SIGXCPU:
            return Stopped("time", f"took more than {self._job.seconds:g} s")
        if status == -signal.SIGKILL:
            raise WorkerKilled("a worker was killed from outside; is the machine out of memory?")
        how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        return Stopped("died", f"ended its process {how}")


def _status(pid: int) -> int | None:
    """How a child ended (a signal as a negative number), None while it lives."""
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if found is None:
        return None
    return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
