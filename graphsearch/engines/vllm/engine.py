"""`VllmEngine`: models that vLLM runs in this process, without a server."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

from graphsearch.engines.base import EngineInfo
from graphsearch.engines.refusals import kind_of, short
from graphsearch.engines.threads import Ended, Job, Worker
from graphsearch.engines.vllm.local import (
    LocalModel,
    VllmModel,
    load_models_plan,
    vllm_version,
)
from graphsearch.engines.vllm.plan import weights_of
from graphsearch.engines.vllm.serve import VllmOptions, own_serve_of
from graphsearch.records.calls import Call, Outcome, Reply, Usage
from graphsearch.records.errors import BadRequest, BrokenReply, ContextTooLong, Rejected
from graphsearch.records.models import ModelSpec

__all__ = ["VllmEngine"]

_BAD_REQUEST = 400


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
        reply: Reply = await self._worker(call.model).reply(call.model, call)
        return reply

    async def open(self) -> None:
        """Load all models, which takes a minute or more; the first calls would.

        Raises:
            Rejected: one of them cannot be loaded.
        """
        await asyncio.gather(*(self._worker(name).reply(name, None) for name in self._specs))

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
                self._workers[model] = Worker(_Loader(spec, self._load), name=name, what="vLLM")
            return self._workers[model]

    def _load_by_vllm(self, spec: ModelSpec) -> LocalModel:
        vllm_version()  # says how to install it where it is not
        flags, env = load_models_plan(list(self._specs.values()))[spec.name]
        return VllmModel(spec, flags, env)


class _Loader:
    """Loads a model when its first call comes, and again when it broke."""

    def __init__(self, spec: ModelSpec, load: Callable[[ModelSpec], LocalModel]) -> None:
        self._spec = spec
        self._load = load
        self._unloadable: Rejected | None = None

    def __call__(self, name: str) -> "_Running":
        if self._unloadable is None:
            try:
                return _Running(self._load(self._spec))
            except Exception as error:
                # What cannot be loaded now will not be a minute later, and trying takes that long.
                said = short(str(error) or type(error).__name__)
                self._unloadable = Rejected(f"vLLM cannot load the model: {said}")
                self._unloadable.__cause__ = error
        raise self._unloadable


class _Running:
    """A model of vLLM, as the worker's thread drives it."""

    def __init__(self, model: LocalModel) -> None:
        self._model = model
        self._jobs: dict[str, Job] = {}
        self._count = 0
        self.close = model.close

    def start(self, job: Job) -> None:
        call, context = job.call, self._model.context
        assert call is not None
        try:
            prompt = self._model.prompt(call.messages)
        except Exception as error:  # whatever a template from the hub may raise
            raise BadRequest(f"the model's chat template fails: {short(str(error))}") from error
        if len(prompt) >= context:
            raise ContextTooLong(
                f"the prompt has {len(prompt)} tokens, the model's context is {context} and must "
                "hold the reply too"
            )
        self._count += 1
        job.running = str(self._count)
        try:
            self._model.submit(job.running, prompt, call)
        except ValueError as error:
            said = str(error)
            raise kind_of(_BAD_REQUEST, said)(f"vLLM refuses the call: {short(said)}") from error
        self._jobs[job.running] = job

    def step(self) -> list[Ended]:
        ended = []
        for done in self._model.step():
            job = self._jobs.pop(done.id)
            if done.reason not in {"stop", "length"}:
                ended.append(Ended(job, BrokenReply(f"vLLM gave up the reply ({done.reason})")))
                continue
            outcome = Outcome.TRUNCATED if done.reason == "length" else Outcome.ANSWERED
            text = done.text
            if not text.strip():
                text, outcome = "", Outcome.EMPTY
            usage = Usage(done.prompt_tokens, done.completion_tokens, calls=1)
            detail = {"finish_reason": done.reason}
            seconds = time.perf_counter() - job.born
            ended.append(Ended(job, Reply(text, usage, outcome, seconds, detail)))
        return ended

    def drop(self, jobs: Sequence[Job]) -> None:
        names = [job.running for job in jobs]
        for name in names:
            del self._jobs[name]
        self._model.give_up(names)
