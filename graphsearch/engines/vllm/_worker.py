"""The thread that runs one model: calls come in from event loops, join its batch, and go back."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphsearch.engines.refusals import kind_of, short
from graphsearch.engines.vllm._local import Finished, LocalModel
from graphsearch.records.calls import Call, Outcome, Reply, Usage
from graphsearch.records.errors import (
    BadRequest,
    BrokenReply,
    Cancelled,
    ContextTooLong,
    EngineError,
    Rejected,
    Unavailable,
)

__all__ = ["Job", "Worker"]

_BAD_REQUEST = 400


@dataclass(slots=True, eq=False)
class Job:
    """One call on its way.

    Attributes:
        call: what to run; None when the model shall only be loaded.
        future: where the reply goes (None for no call); belongs to `loop`.
        loop: the event loop that waits.
        born: `time.perf_counter()` when it came in.
        given_up: nobody wants the reply any more.
        prompt_tokens: of its prompt.
    """

    call: Call | None
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    born: float = field(default_factory=time.perf_counter)
    given_up: bool = False
    prompt_tokens: int = 0


class Worker:
    """Runs one model in a thread, which starts with the first job and ends with `stop`.

    Args:
        load: loads the model; called in the thread.
        name: of the thread.
    """

    def __init__(self, load: Callable[[], LocalModel], *, name: str) -> None:
        self._load = load
        self._inbox: deque[Job] = deque()
        self._dropped: deque[Job] = deque()
        self._wake = threading.Event()
        self._taking = threading.Lock()
        self._closing = False
        self._running: dict[str, Job] = {}
        self._count = 0
        self._unloadable: EngineError | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def submit(self, job: Job) -> None:
        """Take a job; its future is resolved in its loop.

        Raises:
            Cancelled: the worker is closing.
        """
        with self._taking:
            if self._closing:
                raise Cancelled("the engine was closed")
            self._inbox.append(job)
            if self._thread.ident is None:
                self._thread.start()
        self._wake.set()

    def give_up(self, job: Job) -> None:
        """Stop working on a job that nobody waits for any more."""
        job.given_up = True
        self._dropped.append(job)
        self._wake.set()

    def stop(self) -> None:
        """Ask the thread to end; what it still has fails with `Cancelled`."""
        with self._taking:
            self._closing = True
        self._wake.set()

    def join(self) -> None:
        """Wait for the end of the thread, if it was started."""
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        model: LocalModel | None = None
        while not self._closing:
            self._wake.wait()
            self._wake.clear()
            while not self._closing and (self._inbox or self._running):
                try:
                    model = self._loaded() if model is None else model
                    self._turn(model)
                except Rejected as error:
                    self._fail(error)
                except Exception as error:
                    self._fail(_as(Unavailable, "vLLM failed", error))
                    _close(model)
                    model = None  # the next call loads it anew
        _close(model)
        self._fail(Cancelled("the engine was closed"))

    def _loaded(self) -> LocalModel:
        if self._unloadable is not None:
            raise self._unloadable
        try:
            return self._load()
        except Exception as error:
            # What cannot be loaded now will not be a minute later, and trying takes that minute.
            self._unloadable = _as(Rejected, "vLLM cannot load the model", error)
            raise self._unloadable from error

    def _turn(self, model: LocalModel) -> None:
        """Take what came in and make one step."""
        while self._inbox:
            job = self._inbox.popleft()
            if job.given_up:
                continue
            try:
                self._start(model, job)
            except EngineError as error:
                _resolve(job, error)
        self._take_dropped(model)
        if self._running:
            for done in model.step():
                job = self._running.pop(done.id)
                _resolve(job, _outcome(done, job))

    def _start(self, model: LocalModel, job: Job) -> None:
        call = job.call
        if call is None:
            _resolve(job, None)
            return
        try:
            prompt = model.prompt(call.messages)
        except Exception as error:  # whatever a template from the hub may raise
            raise BadRequest(f"the model's chat template fails: {short(str(error))}") from error
        if len(prompt) >= model.context:
            raise ContextTooLong(
                f"the prompt has {len(prompt)} tokens, the model's context is {model.context} and "
                "must hold the reply too"
            )
        self._count += 1
        request, job.prompt_tokens = str(self._count), len(prompt)
        try:
            model.submit(request, prompt, call)
        except ValueError as error:
            said = str(error)
            raise kind_of(_BAD_REQUEST, said)(f"vLLM refuses the call: {short(said)}") from error
        self._running[request] = job

    def _take_dropped(self, model: LocalModel) -> None:
        gone = {self._dropped.popleft() for _ in range(len(self._dropped))}
        names = [name for name, job in self._running.items() if job in gone]
        if names:
            model.give_up(names)
        for name in names:
            del self._running[name]

    def _fail(self, error: EngineError) -> None:
        jobs = [*self._running.values(), *(self._inbox.popleft() for _ in range(len(self._inbox)))]
        self._running.clear()
        for job in jobs:
            _resolve(job, error)


def _outcome(done: Finished, job: Job) -> Reply | EngineError:
    if done.reason not in {"stop", "length"}:
        return BrokenReply(f"vLLM gave up the reply ({done.reason})")
    outcome = Outcome.TRUNCATED if done.reason == "length" else Outcome.ANSWERED
    text = done.text
    if not text.strip():
        text, outcome = "", Outcome.EMPTY
    usage = Usage(done.prompt_tokens, done.completion_tokens, calls=1)
    seconds = time.perf_counter() - job.born
    return Reply(text, usage, outcome, seconds, {"finish_reason": done.reason})


def _as(kind: type[EngineError], what: str, error: Exception) -> EngineError:
    failure = kind(f"{what}: {short(str(error) or type(error).__name__)}")
    failure.__cause__ = error
    return failure


def _close(model: LocalModel | None) -> None:
    """End a model, even one that broke; what it says then helps nobody who waits."""
    if model is None:
        return
    try:
        model.close()
    except Exception as error:
        logging.getLogger(__name__).warning("a model did not end cleanly: %r", error)


def _resolve(job: Job, result: Reply | EngineError | None) -> None:
    def settle() -> None:
        if job.future.done():
            return
        if isinstance(result, EngineError):
            job.future.set_exception(result)
        else:
            job.future.set_result(result)

    try:
        job.loop.call_soon_threadsafe(settle)
    except RuntimeError:
        # The loop was closed while its calls ran: nobody is left to hear the replies.
        return
