"""How a model of a fleet is served by a vLLM of one's own: the option `serve` of its engine.

    - name: small
      parameters: 494_032_768
      layers: 24
      width: 896
      engine: http
      endpoint: http://127.0.0.1:8001/v1
      serve:
        weights: Qwen/Qwen2.5-0.5B-Instruct   # or a folder, or embedded:xs
        max_model_len: 8192
        args: [--enable-prefix-caching]

`graphsearch fleet up` starts a server of it at the endpoint's port; the engine `vllm` loads it
into the own process instead.
"""

import shlex
from os.path import normpath
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, Field, PrivateAttr, field_validator

from graphsearch.records.calls import digest
from graphsearch.records.errors import FleetError
from graphsearch.records.fields import Count, Text, Word
from graphsearch.records.models import ModelSpec
from graphsearch.records.options import EngineOptions, options_of

__all__ = ["Serve", "VllmOptions", "own_serve_of", "serve_of"]

_EMBEDDED: Final = "embedded:"
_IN_THE_DIGEST: Final = ("weights", "max_model_len", "dtype", "quantization", "env", "args")
_SECRETS: Final = frozenset({"KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIALS"})


def _variable(name: str) -> str:
    if not name.isidentifier():
        raise ValueError(f"{name!r} is no name of a variable")
    if any(part in _SECRETS for part in name.upper().split("_")):
        raise ValueError(
            "sounds like a secret, and a fleet is copied into run folders and bundles; set it in "
            "the environment of graphsearch, which the server inherits"
        )
    return name


class Serve(EngineOptions):
    """What vLLM is told about one model.

    Attributes:
        weights: a name on the Hugging Face hub; a folder, which begins with `.`, `/` or `~` and is
            relative to the fleet's file; or `embedded:NAME`, a model of the embedded fleet.
        max_model_len: most tokens of prompt and reply together; None for the model's own.
        max_num_seqs: most replies written at once; None leaves it to vLLM.
        dtype: what is computed in (`auto`, `float32`, `bfloat16`, ...); None leaves it to vLLM.
        quantization: vLLM's name of it, None for what the weights say.
        gpu_memory: share of a GPU's memory, in (0, 1]; None has it planned.
        kv_width: elements of a token's keys in one layer (key heads times head size), for
            planning; None takes it from a local folder, or assumes the width.
        devices: GPUs it is spread over by tensor parallelism; empty has one chosen.
        group: with the engine `vllm-sleep`, models of one group are awake together; None puts a
            model in a group of its own.
        env: variables of the server's environment; no secrets.
        args: further flags.
        python: the Python of vLLM's environment, a path as `weights`.
        command: what takes the place of `vllm serve`, in words.
    """

    weights: Annotated[Text, Field(description="a name on the hub, a folder, or embedded:NAME")]
    max_model_len: Count | None = None
    max_num_seqs: Count | None = None
    dtype: Text | None = None
    quantization: Text | None = None
    gpu_memory: float | None = None
    kv_width: Count | None = None
    devices: tuple[int, ...] = ()
    group: Text | None = None
    env: dict[Annotated[str, AfterValidator(_variable)], Word] = Field(default_factory=dict)
    args: tuple[Word, ...] = ()
    python: Text | None = None
    command: tuple[Word, ...] = ()
    _home: Path | None = PrivateAttr(None)

    @field_validator("gpu_memory", mode="before")
    @classmethod
    def _share(cls, value: Any) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
            raise ValueError(f"expected a share above 0 and at most 1, got {value!r}")
        return float(value)

    @field_validator("devices", mode="before")
    @classmethod
    def _gpus(cls, value: Any) -> Any:
        found = value if isinstance(value, (list, tuple)) else ()
        if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in found):
            raise ValueError(f"expected numbers of GPUs, got {value!r}")
        if len(set(found)) < len(found):
            raise ValueError(f"names a GPU twice: {value!r}")
        return value

    @field_validator("command", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            words = shlex.split(value)
        except ValueError as error:
            raise ValueError(f"is no command line ({error})") from error
        if not words:
            raise ValueError(f"expected a text, got {value!r}")
        return words

    @property
    def digest(self) -> str:
        """Changes when the server's replies may: part of the identity of a call.

        It says what was asked for, so weights that change in one place need another `revision`,
        and a flag without influence makes calls anew. How the memory is shared out is left out.
        """
        return digest(self.identity(), size=6)

    def identity(self) -> dict[str, Any]:
        """What was told of that which may change replies, by name."""
        told = self.to_json()
        return {name: told[name] for name in _IN_THE_DIGEST if name in told}

    def to_json(self) -> dict[str, Any]:
        """What was told, by name; what was not is left out."""
        told = self.model_dump(mode="json", exclude_defaults=True)
        if self.env:
            told["env"] = dict(sorted(self.env.items()))
        return told

    @property
    def home(self) -> Path:
        """The folder that paths are relative to."""
        return (self._home or Path(".")).resolve()

    @property
    def folder(self) -> Path | None:
        """Where the weights lie, None when they are on the hub. Nobody looks whether it is there.

        Raises:
            FleetError: `embedded:` is followed by a path.
        """
        if self.weights.startswith(_EMBEDDED):
            from graphsearch.engines.embedded.checkpoint import builtin_folder

            name = self.weights.removeprefix(_EMBEDDED)
            if not name or Path(name).name != name:
                raise FleetError(f"{self.weights!r} names no embedded model", where="serve.weights")
            return builtin_folder(name)
        return self.path(self.weights) if self.weights[0] in "./~" else None

    def path(self, written: str) -> Path:
        """A path as the fleet's file means it; links are followed in its folder alone."""
        # A Python is often a link into another environment: following it would leave its own.
        try:
            return Path(normpath(self.home / Path(written).expanduser()))
        except RuntimeError as error:
            raise FleetError(f"{written!r}: {error}", where="serve") from None

    def at(self, home: Path) -> Self:
        """The same, with paths relative to `home`."""
        placed = self.model_copy()
        placed._home = home
        return placed

    def absolute(self) -> Self:
        """The same, with paths that hold in any folder."""
        paths: dict[str, Any] = {}
        if self.weights[0] in "./~":
            paths["weights"] = str(self.path(self.weights))
        if self.python is not None:
            paths["python"] = str(self.path(self.python))
        return self.model_copy(update=paths)


class VllmOptions(EngineOptions):
    """Options of engines whose models a vLLM of one's own may serve.

    Attributes:
        serve: how, None where somebody else does.
    """

    serve: Serve | None = None

    def at(self, home: Path) -> Self:
        """The same, with paths relative to `home`."""
        return self._with(None if self.serve is None else self.serve.at(home))

    def absolute(self) -> Self:
        """The same, with paths that hold in any folder."""
        return self._with(None if self.serve is None else self.serve.absolute())

    def identity(self) -> dict[str, Any]:
        """What may change replies; how the memory is shared out does not."""
        return {} if self.serve is None else {"serve": self.serve.identity()}

    def to_json(self) -> dict[str, Any]:
        """What was told."""
        return {} if self.serve is None else {"serve": self.serve.to_json()}

    def _with(self, serve: Serve | None) -> Self:
        return self.model_copy(update={"serve": serve})


def serve_of(spec: ModelSpec) -> Serve | None:
    """How a vLLM of one's own serves a model; None where somebody else does.

    Raises:
        FleetError: its options are not such.
    """
    options = options_of(spec) if spec.options else None
    return options.serve if isinstance(options, VllmOptions) else None


def own_serve_of(spec: ModelSpec) -> Serve:
    """How a vLLM of one's own serves a model.

    Raises:
        FleetError: the fleet does not say, or its options are not such.
    """
    serve = serve_of(spec)
    if serve is None:
        raise FleetError(
            "needs a block 'serve' with its weights, such as serve: {weights: org/name}",
            where=f"model {spec.name}",
        )
    return serve
