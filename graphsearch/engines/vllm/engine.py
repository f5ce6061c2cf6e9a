"""`VllmEngine`: models that vLLM runs in this process, without a server."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

from graphsearch.engines.base import EngineInfo
from graphsearch.engines.vllm._local import (
    LocalModel,
    VllmModel,
    load_models_plan,
    vllm_version,
)
from graphsearch.engines.vllm._worker import Job, Worker
from graphsearch.engines.vllm.plan import weights_of
from graphsearch.engines.vllm.serve import VllmOptions, own_serve_of
from graphsearch.records.calls import Call, Reply
from graphsearch.records.errors import Rejected
from graphsearch.records.models import ModelSpec

__all__ = ["VllmEngine"]


class _Options(VllmOptions):
    """Those of a vLLM in this process."""

    def may_run_code(self) -> tuple[str, ...]:
        """Flags and variables of vLLM may name code that it is to load."""
        if self.serve is None:
            return ()
        return (*self.serve.args, *(f"{name}={value}" for name, value in self.serve.env.items()))


class VllmEngine:
    """Runs models of a fleet with vLLM in this process; `engine: vllm` in a fleet.

    Calls that wait are run as one batch, and new ones join it between two steps. A model is loaded
    at its first call, in its thread, and freed by `aclose`. vLLM runs it in processes of its own,
    so a program that uses this must guard its main module (`if __name__ == "__main__"`).

    Args:
        specs: the models, each with a block `serve`; the memory is planned for all of them.
        load: loads a model, in place of vLLM.

    Raises:
        FleetError: a model has no block `serve`.
    """

    Options: ClassVar = _Options

    def __init__(
        self, specs: Sequence[ModelSpec], *, load: Callable[[ModelSpec], LocalModel] | None = None
    ) -> None:
        self._specs = {spec.name: spec for spec in specs}
        for spec in specs:
            own_serve_of(spec)
        self._load = load or self._load_by_vllm
        self._workers: dict[str, Worker] = {}
        self._tokenizers: dict[str, Any] = {}
        self._hiring = threading.Lock()
        self._counting = threading.Lock()

    @classmethod
    def for_models(cls, specs: Sequence[ModelSpec]) -> Self:
        """The engine of models of a fleet."""
        return cls(specs)

    def __repr__(self) -> str:
        return f"VllmEngine({', '.join(self._specs)})"

    def info(self, model: str) -> EngineInfo:
        """Facts about a model.

        Not deterministic: vLLM's arithmetic depends on what runs beside a call.

        Raises:
            FleetError: vLLM is not installed.
            Rejected: there is no such model.
        """
        spec = self._spec(model)
        mark = f"vllm {vllm_version()} {own_serve_of(spec).weights} {own_serve_of(spec).digest}"
        return EngineInfo(
            "vllm", mark, concurrency=own_serve_of(spec).max_num_seqs, message_overhead=64
        )

    def count_tokens(self, model: str, text: str) -> int:
        """Tokens of a text, by the model's tokenizer, which is loaded at the first question."""
        with self._counting:
            if model not in self._tokenizers:
                from transformers import AutoTokenizer

                spec = self._spec(model)
                weights = weights_of(own_serve_of(spec), model)
                revision = None if own_serve_of(spec).folder is not None else spec.revision
                self._tokenizers[model] = AutoTokenizer.from_pretrained(weights, revision=revision)
            return len(self._tokenizers[model](text, add_special_tokens=False).input_ids)

    async def generate(self, call: Call) -> Reply:
        """Make one call.

        Raises:
            Rejected: no such model, one that cannot be loaded, or a call that vLLM refuses.
            ContextTooLong: prompt and reply do not fit; said before anything is run.
            Unavailable: vLLM broke; the next call loads the model anew.
            Cancelled: the engine was closed meanwhile.
        """
        reply: Reply = await self._run(call.model, call)
        return reply

    async def open(self) -> None:
        """Load all models, which takes a minute or more; the first calls would.

        Raises:
            Rejected: one of them cannot be loaded.
        """
        await asyncio.gather(*(self._run(model, None) for model in self._specs))

    async def _run(self, model: str, call: Call | None) -> Any:
        loop = asyncio.get_running_loop()
        job = Job(call, loop.create_future(), loop)
        worker = self._worker(model)
        worker.submit(job)
        try:
            return await job.future
        except asyncio.CancelledError:
            worker.give_up(job)
            raise

    async def aclose(self) -> None:
        """End the models; calls still running raise `Cancelled`. A later call loads them again."""
        with self._hiring:
            workers = list(self._workers.values())
            self._workers.clear()
        for worker in workers:
            worker.stop()
        for worker in workers:
            await asyncio.to_thread(worker.join)

    def _spec(self, model: str) -> ModelSpec:
        spec = self._specs.get(model)
        if spec is None:
            raise Rejected(f"there is no model {model!r} here; there are {', '.join(self._specs)}")
        return spec

    def _worker(self, model: str) -> Worker:
        spec = self._spec(model)
        with self._hiring:
            if model not in self._workers:
                name = f"graphsearch-vllm-{model}"
                self._workers[model] = Worker(lambda: self._load(spec), name=name)
            return self._workers[model]

    def _load_by_vllm(self, spec: ModelSpec) -> LocalModel:
        vllm_version()  # says how to install it where it is not
        flags, env = load_models_plan(list(self._specs.values()))[spec.name]
        return VllmModel(spec, flags, env)
