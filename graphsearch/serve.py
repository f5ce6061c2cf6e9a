"""How a model of a fleet is served by a vLLM of one's own: the block `serve` of a `ModelSpec`.

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

import math
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from os.path import normpath
from pathlib import Path
from typing import Any, Final

from graphsearch.records.errors import FleetError

__all__ = ["Serve"]

_EMBEDDED: Final = "embedded:"
_IN_THE_DIGEST: Final = ("weights", "max_model_len", "dtype", "quantization", "env", "args")
_SECRETS: Final = frozenset({"KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIALS"})


@dataclass(frozen=True, slots=True)
class Serve:
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
        home: folder that paths are relative to (of the fleet's file), None for the current one.
    """

    weights: str
    max_model_len: int | None = None
    max_num_seqs: int | None = None
    dtype: str | None = None
    quantization: str | None = None
    gpu_memory: float | None = None
    kv_width: int | None = None
    devices: tuple[int, ...] = ()
    group: str | None = None
    env: tuple[tuple[str, str], ...] = ()
    args: tuple[str, ...] = ()
    python: str | None = None
    command: tuple[str, ...] = ()
    home: str | None = field(default=None, compare=False)

    @property
    def digest(self) -> str:
        """Changes when the server's replies may: part of the identity of a call.

        It says what was asked for, so weights that change in one place need another `revision`,
        and a flag without influence makes calls anew. How the memory is shared out is left out.
        """
        from graphsearch.records.calls import digest

        return digest(self.identity(), size=6)

    def identity(self) -> dict[str, Any]:
        """What was told of that which may change replies, by name."""
        told = self.to_json()
        return {name: told[name] for name in _IN_THE_DIGEST if name in told}

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
            return Path(normpath(Path(self.home or ".").resolve() / Path(written).expanduser()))
        except RuntimeError as error:
            raise FleetError(f"{written!r}: {error}", where="serve") from None

    def at(self, home: Path) -> "Serve":
        """The same, with paths relative to `home`."""
        return replace(self, home=str(home))

    def to_json(self) -> dict[str, Any]:
        """What was told, by name; what was not is left out."""
        out: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name != "home" and value not in (None, ()):
                out[f.name] = list(value) if isinstance(value, tuple) else value
        if self.env:
            out["env"] = dict(self.env)
        return out

    @classmethod
    def from_json(cls, data: Any, where: str = "serve") -> "Serve":
        """Read a block and check every field.

        Raises:
            FleetError: with the path to the bad value.
        """
        if not isinstance(data, Mapping):
            raise FleetError(f"expected a mapping, got {data!r}", where=where)
        for name in data:
            if name not in _READERS:
                known = ", ".join(sorted(_READERS))
                raise FleetError(f"unknown key; known are {known}", where=f"{where}.{name}")
        if data.get("weights") is None:
            raise FleetError(
                "weights is missing: a name on the hub, a folder, or embedded:NAME", where=where
            )
        values = {
            name: _READERS[name](value, f"{where}.{name}")
            for name, value in data.items()
            if value is not None
        }
        return cls(**values)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise FleetError(f"expected a text, got {value!r}", where=where)
    return value


def _count(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise FleetError(f"expected a whole number above 0, got {value!r}", where=where)
    return value


def _share(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise FleetError(f"expected a share above 0 and at most 1, got {value!r}", where=where)
    return float(value)


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise FleetError(f"expected a list, got {value!r}", where=where)
    return value


def _devices(value: Any, where: str) -> tuple[int, ...]:
    found = _list(value, where)
    if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in found):
        raise FleetError(f"expected numbers of GPUs, got {value!r}", where=where)
    if len(set(found)) < len(found):
        raise FleetError(f"names a GPU twice: {value!r}", where=where)
    return tuple(found)


def _word(value: Any, where: str) -> str:
    """One word of a command line; YAML reads many of them as numbers."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise FleetError(f"expected a text, got {value!r}", where=where)
    if isinstance(value, float) and not math.isfinite(value):
        raise FleetError(f"expected a text, got {value!r}", where=where)
    return str(value)


def _words(value: Any, where: str) -> tuple[str, ...]:
    return tuple(_word(one, f"{where}[{i}]") for i, one in enumerate(_list(value, where)))


def _command(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, str):
        return _words(value, where)
    try:
        return tuple(shlex.split(_text(value, where)))
    except ValueError as error:
        raise FleetError(f"is no command line ({error})", where=where) from error


def _env(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Mapping):
        raise FleetError(f"expected a mapping, got {value!r}", where=where)
    for name in value:
        if not isinstance(name, str) or not name.isidentifier():
            raise FleetError(f"{name!r} is no name of a variable", where=where)
        if any(part in _SECRETS for part in name.upper().split("_")):
            raise FleetError(
                "sounds like a secret, and a fleet is copied into run folders and bundles; set it "
                "in the environment of graphsearch, which the server inherits",
                where=f"{where}.{name}",
            )
    return tuple(sorted((name, _word(one, f"{where}.{name}")) for name, one in value.items()))


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "weights": _text,
    "max_model_len": _count,
    "max_num_seqs": _count,
    "dtype": _text,
    "quantization": _text,
    "gpu_memory": _share,
    "kv_width": _count,
    "devices": _devices,
    "group": _text,
    "env": _env,
    "args": _words,
    "python": _text,
    "command": _command,
}
