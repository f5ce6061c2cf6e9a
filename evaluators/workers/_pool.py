"""A few workers that share one job."""

import os
import threading
import weakref
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from graphsearch.errors import GraderFailed
from graphsearch.evaluators.workers._process import Job, Worker, WorkerKilled
from graphsearch.evaluators.workers._records import Done, Stopped

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
            patience=30 + 10 * seconds,
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

        Raises:
            GraderFailed: no worker can be had, or it got no time to work, or the pool was closed
                meanwhile.
            TaskError: the job itself cannot be started (a function that is not there).
        """
        # Once more where the worker died: it may have been on its way out already.
        try:
            answer = self._ask(request)
        except WorkerKilled:
            return self._ask(request)
        if isinstance(answer, Stopped) and answer.why == "died":
            return self._ask(request)
        return answer

    def ask_all(self, requests: Iterable[Any]) -> list[Done | Stopped]:
        """Answers in the order of the requests, on all workers side by side."""
        with ThreadPoolExecutor(self._most) as threads:
            return list(threads.map(self.ask, requests))

    @property
    def workers(self) -> int:
        """The most processes at a time."""
        return self._most

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

    def _ask(self, request: Any) -> Done | Stopped:
        worker = self._take()
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
            self._give_back(worker, keep=keep)

    def _take(self) -> Worker:
        with self._free:
            if self._pid != os.getpid():  # a forked child: the parent's workers are not ours
                self._pid, self._idle, self._taken = os.getpid(), [], 0
                self._all.clear()
            while self._taken >= self._most:
                self._free.wait()
            self._taken += 1
            while self._idle:
                worker = self._idle.pop()
                if worker.alive:
                    return worker
                self._all.discard(worker)
                worker.kill()
        try:
            worker = Worker(self._job)
        except BaseException:
            with self._free:
                self._taken -= 1
                self._free.notify()
            raise
        with self._free:
            self._all.add(worker)
        return worker

    def _give_back(self, worker: Worker, *, keep: bool) -> None:
        with self._free:
            keep = keep and worker in self._all
            if keep:
                self._idle.append(worker)
            else:
                self._all.discard(worker)
            self._taken -= 1
            self._free.notify()
        if not keep:
            worker.kill()


def _kill_all(workers: set[Worker], pid: int) -> None:
    if pid == os.getpid():
        for worker in workers:
            worker.kill()
