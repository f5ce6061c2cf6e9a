"""The thread that runs batches: jobs go in from event loops, replies come out in bulk.

A worker has an inbox and, for each model it was asked for, one `Batch`. It takes what came in,
makes one step of each batch, hands back what ended, and sleeps when there is nothing to do.
"""

import asyncio
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

from graphsearch.engines.embedded.batch import Batch
from graphsearch.engines.embedded.sequences import Sequence, prompt_text, reply_of, sequence_of
from graphsearch.records.calls import Call, Reply
from graphsearch.records.errors import Cancelled, EngineError, FleetError, Rejected, Unavailable

__all__ = ["Job", "Worker"]


@dataclass(slots=True, eq=False)
class Job:
    """One call on its way.

    Attributes:
        call: what to run.
        future: where the reply goes; belongs to `loop`.
        loop: the event loop that waits.
        born: `time.perf_counter()` when the call came in.
        sequence: what runs, once it runs.
        given_up: set by the waiting side when nobody wants the reply any more.
    """

    call: Call
    future: asyncio.Future[Reply]
    loop: asyncio.AbstractEventLoop
    born: float
    sequence: Sequence | None = None
    given_up: bool = False


_CLOSED = "the engine was closed"

_Result = tuple[Job, Reply | EngineError]


class Worker:
    """A thread with batches. It starts with the first job and ends with `close`.

    Args:
        new_batch: makes the batch of a model; may load it, and may raise `FleetError`.
        name: of the thread.
    """

    def __init__(self, new_batch: Callable[[str], Batch], *, name: str) -> None:
        self._new_batch = new_batch
        self._name = name
        self._inbox: deque[Job] = deque()
        self._dropped: deque[Job] = deque()
        self._wake = threading.Event()
        self._closing = False
        self._batches: dict[str, Batch] = {}
        self._open: dict[Job, None] = {}  # taken from the inbox and not settled, oldest first
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

    def give_up(self, job: Job) -> None:
        """Stop working on a job that nobody waits for any more."""
        job.given_up = True
        self._dropped.append(job)
        self._wake.set()

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
        self._deliver([(job, Cancelled(_CLOSED)) for job in [*self._open, *self._inbox]])

    def _turn(self) -> bool:
        """One step of everything; False when there was nothing to do."""
        self._take_dropped()
        self._deliver(self._take_inbox())
        busy = False
        for model, batch in list(self._batches.items()):
            if len(batch):
                busy = True
                self._deliver(self._step(model, batch))
        return busy

    def _step(self, model: str, batch: Batch) -> list[_Result]:
        """One step of a batch; if it breaks, its calls fail and the next call gets a new one."""
        try:
            ended = batch.step()
        except Exception as error:  # whatever it is, those who wait must hear of it
            del self._batches[model]
            return [(job, _failure(error)) for job in self._open if job.call.model == model]
        now = time.perf_counter()
        jobs: list[Job] = [sequence.owner for sequence in ended]
        return [
            (job, reply_of(sequence, seconds=now - job.born))
            for job, sequence in zip(jobs, ended, strict=True)
        ]

    def _take_inbox(self) -> list[_Result]:
        """Start the jobs that came in; returns those that failed at once."""
        failed: list[_Result] = []
        while self._inbox:
            job = self._inbox.popleft()
            if job.given_up:
                self._settled += 1
                continue
            self._open[job] = None
            try:
                self._start(job)
            except EngineError as error:
                failed.append((job, error))
            except FleetError as error:
                failed.append((job, Rejected(str(error))))
            except Exception as error:
                failed.append((job, _failure(error)))
        return failed

    def _start(self, job: Job) -> None:
        call = job.call
        batch = self._batches.get(call.model)
        if batch is None:
            batch = self._batches[call.model] = self._new_batch(call.model)
        job.sequence = sequence_of(
            batch.checkpoint,
            prompt_text(call),
            sampling=call.sampling,
            seed=call.seed,
            owner=job,
        )
        batch.join(job.sequence)

    def _take_dropped(self) -> None:
        unwanted: dict[str, list[Sequence]] = defaultdict(list)
        while self._dropped:
            job = self._dropped.popleft()
            if job in self._open and job.sequence is not None:
                del self._open[job]
                self._settled += 1
                unwanted[job.call.model].append(job.sequence)
        for model, sequences in unwanted.items():
            self._batches[model].drop(sequences)

    def _deliver(self, results: list[_Result]) -> None:
        """Settle jobs: resolve their futures, one visit to each event loop."""
        by_loop: dict[asyncio.AbstractEventLoop, list[_Result]] = defaultdict(list)
        for job, result in results:
            by_loop[job.loop].append((job, result))
            self._open.pop(job, None)
        self._settled += len(results)
        for loop, mine in by_loop.items():
            try:
                loop.call_soon_threadsafe(_resolve, mine)
            except RuntimeError:
                # The loop was closed while its calls ran: nobody is left to hear the replies.
                continue


def _failure(error: Exception) -> Unavailable:
    failure = Unavailable(f"the embedded engine failed: {error!r}")
    failure.__cause__ = error
    return failure


def _resolve(results: list[_Result]) -> None:
    for job, result in results:
        if job.future.done():
            continue
        if isinstance(result, Reply):
            job.future.set_result(result)
        else:
            job.future.set_exception(result)
