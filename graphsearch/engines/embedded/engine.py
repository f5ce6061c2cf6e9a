"""`EmbeddedEngine`: the package's own models behind the interface that every engine has."""

import asyncio
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

from graphsearch.engines.base import EngineInfo
from graphsearch.engines.embedded.batch import Batch
from graphsearch.engines.embedded.checkpoint import Checkpoint, builtin_folder, model_digest
from graphsearch.engines.embedded.decoder import Decoder
from graphsearch.engines.embedded.sequences import prompt_text, reply_of, sequence_of
from graphsearch.engines.threads import Ended, Job, Worker
from graphsearch.records.calls import Call, Reply
from graphsearch.records.errors import Cancelled, FleetError, Rejected

__all__ = ["EmbeddedEngine"]

_FORMAT = "embedded-1"  # part of the fingerprint: raise it when equal weights draw other tokens


class EmbeddedEngine:
    """Runs Llama models of a few hundred thousand parameters in this process, with NumPy.

    Deterministic: a call's reply depends on its model, messages, sampling and seed alone, not on
    what runs beside it, in what order calls come, or how many threads there are. Nothing is read
    and no thread is started before the first call. One instance serves several event loops, one
    after another or at once.

    Args:
        folders: folder of each model; a model not named here is one of the package's own.
        batch_size: most calls of one model that a worker runs at once.
        workers: threads; each has batches of its own. One is right for small models: two share
            the interpreter's lock and gain little (see `design/embedded-engine.md`).
    """

    def __init__(
        self,
        folders: Mapping[str, Path | str] | None = None,
        *,
        batch_size: int = 256,
        workers: int = 1,
    ) -> None:
        if workers < 1 or batch_size < 1:
            raise ValueError("workers and batch_size must be 1 or more")
        self._folders = {name: Path(folder) for name, folder in (folders or {}).items()}
        self._batch_size = batch_size
        self._count = workers
        self._workers: list[Worker] = []
        self._models: dict[str, tuple[Checkpoint, Decoder]] = {}
        self._digests: dict[str, str] = {}
        self._loading = threading.Lock()
        self._hiring = threading.Lock()
        # Threads of an engine that is forgotten without `aclose` end with it.
        weakref.finalize(self, _stop, self._workers)

    def info(self, model: str) -> EngineInfo:
        """Facts about a model.

        Raises:
            FleetError: there is no such model.
        """
        if model not in self._digests:
            self._digests[model] = model_digest(self._folder(model))
        return EngineInfo(
            name="embedded",
            fingerprint=f"{_FORMAT}:{self._digests[model]}",
            deterministic=True,
            concurrency=2 * self._batch_size * self._count,
            weights=self._digests[model],
        )

    def count_tokens(self, model: str, text: str) -> int:
        """Tokens of a text: its words, whatever the model."""
        return len(text.split())

    async def generate(self, call: Call) -> Reply:
        """Make one call.

        Raises:
            Rejected: no such model, an unknown word, a prompt too long, or senseless sampling.
            Unavailable: the engine broke.
            Cancelled: the engine was closed meanwhile.
        """
        reply: Reply = await self._least_busy().reply(call.model, call)
        return reply

    async def aclose(self) -> None:
        """End the threads and free the models; calls still running raise `Cancelled`.

        A call made later starts the engine again.
        """
        with self._hiring:
            workers = list(self._workers)
            self._workers.clear()
        _stop(workers)
        for worker in workers:
            await asyncio.to_thread(worker.join)
        self._models.clear()
        self._digests.clear()

    def _least_busy(self) -> Worker:
        with self._hiring:
            if not self._workers:
                reference = weakref.ref(self)  # a thread shall not keep its engine alive

                def load(model: str) -> _Running:
                    alive = reference()
                    if alive is None:
                        raise Cancelled("the engine is gone")
                    return alive._load(model)

                self._workers += [
                    Worker(load, name=f"graphsearch-embedded-{index}", what="the embedded engine")
                    for index in range(self._count)
                ]
            return min(self._workers, key=lambda worker: worker.load)

    def _folder(self, model: str) -> Path:
        if model in self._folders:
            folder = self._folders[model]
        elif Path(model).name == model:
            folder = builtin_folder(model)
        else:
            raise FleetError(f"no embedded model {model!r}: a name cannot be a path")
        if not folder.is_dir():
            raise FleetError(f"no embedded model {model!r}: there is no folder {folder}")
        return folder

    def _load(self, model: str) -> "_Running":
        with self._loading:  # workers share a model's weights
            if model not in self._models:
                try:
                    checkpoint = Checkpoint.load(self._folder(model))
                except FleetError as error:
                    raise Rejected(str(error)) from error
                self._models[model] = (checkpoint, Decoder(checkpoint))
            checkpoint, decoder = self._models[model]
        return _Running(Batch(checkpoint, decoder, size=self._batch_size))


class _Running:
    """A batch, as the worker's thread drives it."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def start(self, job: Job) -> None:
        call = job.call
        assert call is not None
        job.running = sequence_of(
            self._batch.checkpoint,
            prompt_text(call),
            sampling=call.sampling,
            seed=call.seed,
            owner=job,
        )
        self._batch.join(job.running)

    def step(self) -> list[Ended]:
        ended = self._batch.step()
        now = time.perf_counter()
        return [Ended(s.owner, reply_of(s, seconds=now - s.owner.born)) for s in ended]

    def drop(self, jobs: Sequence[Job]) -> None:
        self._batch.drop(job.running for job in jobs)

    def close(self) -> None:
        """Nothing but memory, which goes with it."""


def _stop(workers: list[Worker]) -> None:
    for worker in workers:
        worker.stop()
