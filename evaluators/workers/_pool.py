"""A few workers that share one job."""

import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from graphsearch.evaluators.workers._process import Job, Worker, WorkerKilled
from graphsearch.evaluators.workers._records import Done, Stopped
from graphsearch.records.errors import GraderFailed

__all__ = ["WorkerPool"]

_PASSED_ON: Final = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ")
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerPool:
    """Processes for one job: started when first needed, replaced when lost, killed when late.

    Thread-safe: as many requests are worked on at once as there are workers, others wait.

    Args:
        job: module whose `start(setup)` returns the function that answers a request; it is imported
            in the workers alone.
        setup: argument of `start`, JSON.
        workers: the most processes; the machine's cores by default.
        seconds: the most own seconds (working or sleeping) for a request; what it waits for a CPU
            does not count.
        memory: the most bytes of address space a worker may have.
        environment: names of environment variables that workers see, beside the few that every
            program needs.
    """

    def __init__(
        self,
        job: str,
        setup: Any = None,
        *,
        workers: int | None = None,
        seconds: float = 5.0,
        memory: int = 2 << 30,
        environment: Sequence[str] = (),
    ) -> None:
        passed = {n: os.environ[n] for n in (*_PASSED_ON, *environment) if n in os.environ}
        self._job = Job(
            job,
            setup,
            seconds=seconds,
            memory=memory,
            environment={"PYTHONHASHSEED": "0", **dict.fromkeys(_THREADS, "1"), **passed},
        )
        self._most = workers or os.cpu_count() or 1
        self._free = threading.Condition()
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._taken = 0
        self._pid = os.getpid()
        self._end = weakref.finalize(self, _kill_all, self._all, self._pid)

    def ask(self, request: Any) -> Done | Stopped:
        """The answer to one request, JSON; waits for a free worker.

        A worker may be full of what earlier requests left behind, slow, or on its way out. So a
        limit that is passed and a process that ends are believed only of a second, fresh worker:
        a request that hangs takes twice its limit and the start of that one.

        Raises:
            GraderFailed: no worker can be had, or it got no time to work, or the pool was closed
                meanwhile.
            TaskError: the job itself cannot be started (a function that is not there).
        """
        with self._turn():
            with suppress(WorkerKilled):
                answer = self._ask(self._idle_one() or self._fresh_one(), request)
                if isinstance(answer, Done) or answer.why == "raised":
                    return answer
            return self._ask(self._fresh_one(), request)

    def close(self) -> None:
        """Kill all workers; idempotent. A later request starts new ones."""
        with self._free:
            idle, self._idle = self._idle, []
            busy = self._all.difference(idle)
            self._all.clear()
        for worker in idle:
            worker.kill()
        for worker in busy:  # the thread that asks it lets go of it
            worker.signal()

    def _ask(self, worker: Worker, request: Any) -> Done | Stopped:
        keep = False
        try:
            answer = worker.ask(request)
            keep = isinstance(answer, Done) or answer.why == "raised"
            return answer
        except WorkerKilled:
            if worker not in self._all:
                raise GraderFailed("the grader was closed while it worked") from None
            raise
        finally:
            with self._free:
                keep = keep and worker in self._all
                if keep:
                    self._idle.append(worker)
                else:
                    self._all.discard(worker)
            if not keep:
                worker.kill()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """The right to have one worker at work."""
        with self._free:
            if self._pid != os.getpid():  # a forked child: the parent's workers are not ours
                self._pid, self._idle, self._taken = os.getpid(), [], 0
                self._all.clear()
            while self._taken >= self._most:
                self._free.wait()
            self._taken += 1
        try:
            yield
        finally:
            with self._free:
                self._taken -= 1
                self._free.notify()

    def _idle_one(self) -> Worker | None:
        with self._free:
            while self._idle:
                worker = self._idle.pop()
                if worker.alive:
                    return worker
                self._all.discard(worker)
                worker.kill()
        return None

    def _fresh_one(self) -> Worker:
        with self._free:
            while len(self._idle) > self._most - self._taken:
                spare = self._idle.pop()
                self._all.discard(spare)
                spare.kill()
        worker = Worker(self._job)
        with self._free:
            self._all.add(worker)
        return worker


def _kill_all(workers: set[Worker], pid: int) -> None:
    if pid == os.getpid():
        for worker in workers:
            worker.kill()
