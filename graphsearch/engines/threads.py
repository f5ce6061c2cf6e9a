"""The thread behind engines that run models in this process.

Calls come from event loops, join the batch of their model between two steps, and leave it when they
end or are given up. Replies go back in bulk, one visit to each event loop a step.
"""

import asyncio
import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from graphsearch.engines.refusals import short
from graphsearch.records.calls import Call, Reply
from graphsearch.records.errors import Cancelled, EngineError, Unavailable

__all__ = ["Ended", "Job", "Model", "Worker"]

_CLOSED = "the engine was closed"


@dataclass(slots=True, eq=False)
class Job:
    """One call on its way.

    Attributes:
        model: the model it is for.
        call: what to run; None when the model shall only be loaded.
        future: where the reply goes (None for no call); belongs to `loop`.
        loop: the event loop that waits.
        born: `time.perf_counter()` when it came in.
        running: what the model made of it, once it runs.
        given_up: set by the waiting side when nobody wants the reply any more.
    """

    model: str
    call: Call | None
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    born: float = field(default_factory=time.perf_counter)
    running: Any = None
    given_up: bool = False


class Ended(NamedTuple):
    """A job and what became of it."""

    job: Job
    result: Reply | EngineError | None


class Model(Protocol):
    """A model with a running batch; used from one thread."""

    def start(self, job: Job) -> None:
        """Let a call join the batch; raises `EngineError` where it cannot be run."""
        ...

    def step(self) -> list[Ended]:
        """Write a token of each reply; those that ended."""
        ...

    def drop(self, jobs: Sequence[Job]) -> None:
        """Forget calls that were started and have not ended."""
        ...

    def close(self) -> None:
        """Free what the model holds."""
        ...


class Worker:
    """A thread with models. It starts with the first job and ends with `stop`.

    A model that raises in a step, or in anything else that should not fail, is closed, its calls
    fail with `Unavailable`, and the next call loads it anew.

    Args:
        load: makes a model; called in the thread; raises `EngineError` where it cannot.
        name: of the thread.
        what: begins the message of a model that broke, such as `vLLM`.
    """

    def __init__(self, load: Callable[[str], Model], *, name: str, what: str) -> None:
        self._load = load
        self._name = name
        self._what = what
        self._inbox: deque[Job] = deque()
        self._dropped: deque[Job] = deque()
        self._wake = threading.Event()
        self._closing = False
        self._models: dict[str, Model] = {}
        self._running: defaultdict[str, dict[Job, None]] = defaultdict(dict)  # oldest first
        self._thread: threading.Thread | None = None
        self._taking = threading.Lock()  # several loops, so several threads, may bring jobs
        self._taken = 0
        self._settled = 0  # written by the worker's thread alone

    @property
    def load(self) -> int:
        """Jobs taken and not yet settled."""
        return self._taken - self._settled

    def submit(self, job: Job) -> None:
        """Take a job; its future is resolved in its loop.

        Raises:
            Cancelled: the worker is closing.
        """
        with self._taking:
            if self._closing:
                raise Cancelled(_CLOSED)
            self._taken += 1
            self._inbox.append(job)
            if self._thread is None:
                # A daemon: an engine nobody closed must not keep the interpreter from ending.
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        self._wake.set()

    async def reply(self, model: str, call: Call | None) -> Any:
        """Run a call in the thread and wait for its reply; given up when this is cancelled.

        Raises:
            EngineError: the call brought no reply.
        """
        loop = asyncio.get_running_loop()
        job = Job(model, call, loop.create_future(), loop)
        self.submit(job)
        try:
            return await job.future
        except asyncio.CancelledError:
            job.given_up = True
            self._dropped.append(job)
            self._wake.set()
            raise

    def stop(self) -> None:
        """Ask the thread to end; what it still has fails with `Cancelled`."""
        with self._taking:  # so that no job slips in behind the last look into the inbox
            self._closing = True
        self._wake.set()

    def join(self) -> None:
        """Wait for the end of the thread, if there is one."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closing:
            if not self._turn():
                self._wake.wait()
                self._wake.clear()
        left = [job for jobs in self._running.values() for job in jobs]
        self._deliver([Ended(job, Cancelled(_CLOSED)) for job in [*left, *self._inbox]])
        for model in self._models.values():
            _close(model)

    def _turn(self) -> bool:
        """Forget what was given up, start what came in, one step of all; False when idle."""
        unwanted: dict[str, list[Job]] = defaultdict(list)
        while self._dropped:
            job = self._dropped.popleft()
            if job in self._running[job.model]:
                del self._running[job.model][job]
                self._settled += 1
                unwanted[job.model].append(job)
        for name, jobs in unwanted.items():
            try:
                self._models[name].drop(jobs)
            except Exception as error:
                self._deliver(self._broken(name, error))
        self._deliver(self._started())
        busy = False
        for name in [name for name, jobs in self._running.items() if jobs]:
            busy = True
            try:
                ended = self._models[name].step()
            except Exception as error:  # whatever it is, those who wait must get it
                ended = self._broken(name, error)
            self._deliver(ended)
        return busy

    def _started(self) -> list[Ended]:
        """Start the jobs that came in; returns those that ended at once."""
        ended: list[Ended] = []
        while self._inbox:
            job = self._inbox.popleft()
            if job.given_up:
                self._settled += 1
                continue
            try:
                if job.model not in self._models:
                    self._models[job.model] = self._load(job.model)
                if job.call is None:
                    ended.append(Ended(job, None))
                else:
                    self._models[job.model].start(job)
                    self._running[job.model][job] = None
            except EngineError as error:
                ended.append(Ended(job, error))
            except Exception as error:
                ended.append(Ended(job, self._failure(error)))
        return ended

    def _broken(self, name: str, error: Exception) -> list[Ended]:
        """Close a model that raised; its calls fail."""
        _close(self._models.pop(name))
        return [Ended(job, self._failure(error)) for job in self._running[name]]

    def _failure(self, error: Exception) -> Unavailable:
        failure = Unavailable(f"{self._what} failed: {short(str(error) or type(error).__name__)}")
        failure.__cause__ = error
        return failure

    def _deliver(self, results: list[Ended]) -> None:
        """Settle jobs: resolve their futures, one visit to each event loop."""
        by_loop: dict[asyncio.AbstractEventLoop, list[Ended]] = defaultdict(list)
        for ended in results:
            by_loop[ended.job.loop].append(ended)
            self._running[ended.job.model].pop(ended.job, None)
        self._settled += len(results)
        for loop, mine in by_loop.items():
            try:
                loop.call_soon_threadsafe(_resolve, mine)
            except RuntimeError:
                # The loop was closed while its calls ran: nobody is left to get the replies.
                continue


def _close(model: Model) -> None:
    """End a model, even one that broke; what it raises then helps nobody who waits."""
    try:
        model.close()
    except Exception as error:
        logging.getLogger(__name__).warning("a model did not end cleanly: %r", error)


def _resolve(results: list[Ended]) -> None:
    for job, result in results:
        if job.future.done():
            continue
        if isinstance(result, EngineError):
            job.future.set_exception(result)
        else:
            job.future.set_result(result)
