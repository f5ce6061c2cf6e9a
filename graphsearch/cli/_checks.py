"""The checks of `graphsearch doctor`."""

import asyncio
import importlib.metadata
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from graphsearch.calls import Call, Message, Reply, Sampling
from graphsearch.engines.base import Engine
from graphsearch.errors import AccessDenied, FleetError, GraphsearchError
from graphsearch.fleet import Fleet, ModelSpec

__all__ = ["Check", "run_checks"]

State = Literal["ok", "poor", "bad"]
LEAST_PYTHON = (3, 11)
LEAST_DISK = 500_000_000
ANSWER_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.

    Attributes:
        name: what was looked at.
        state: `ok`, `poor` (works, but badly) or `bad`.
        found: what was found.
        advice: what to do, "" when all is well.
    """

    name: str
    state: State
    found: str
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        """All fields by name."""
        return asdict(self)


def run_checks(fleet: str, *, engine: Callable[[str], Engine] | None = None) -> list[Check]:
    """All checks, in order.

    Args:
        fleet: name of a fleet, or a path to one.
        engine: makes an engine by name; the registry when left out.

    Raises:
        FleetError: the fleet itself cannot be read.
    """
    models = Fleet.load(fleet)
    make = (lambda spec: engine(spec.engine)) if engine is not None else _engine
    checks = [_python(), *_packages(), _cores(), _disk(Path.cwd())]
    return checks + [_model(spec, make) for spec in models.models]


def _python() -> Check:
    found = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info[:2] >= LEAST_PYTHON:
        return Check("python", "ok", found)
    least = ".".join(map(str, LEAST_PYTHON))
    return Check("python", "bad", found, f"install Python {least} or newer")


def _packages() -> Iterator[Check]:
    for text in importlib.metadata.requires("graphsearch") or ():
        if "extra ==" in text:
            continue
        name = text.split(";")[0].strip()
        bare = name.split("=")[0].split(">")[0].split("<")[0].split("!")[0].split("~")[0].strip()
        try:
            yield Check(f"package {bare}", "ok", importlib.metadata.version(bare))
        except importlib.metadata.PackageNotFoundError:
            yield Check(f"package {bare}", "bad", "not installed", f"pip install '{name}'")


def _cores() -> Check:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if cores is None or cores >= 2:
        return Check("cores", "ok", "unknown" if cores is None else str(cores))
    return Check("cores", "poor", "1", "searches on the embedded fleet want two cores or more")


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    found = f"{free / 1e9:.1f} GB free in {folder}"
    if free >= LEAST_DISK:
        return Check("disk", "ok", found)
    return Check("disk", "poor", found, f"free {LEAST_DISK / 1e6:.0f} MB for run folders")


def _model(spec: ModelSpec, make: Callable[[ModelSpec], Engine]) -> Check:
    """Make one real call of the model."""
    name = f"model {spec.name}"
    try:
        engine = make(spec)
    except FleetError as error:
        advice = f"install what brings the engine {spec.engine!r}, or give the model another one"
        return Check(name, "bad", _first_line(error), advice)
    try:
        found = asyncio.run(_ask(spec, engine))
    except TimeoutError:
        advice = f"see whether {_where(spec)} is busy or stuck"
        return Check(name, "bad", f"no answer within {ANSWER_WITHIN:.0f} s", advice)
    except (GraphsearchError, OSError, ValueError, KeyError) as error:
        return Check(name, "bad", _first_line(error), _advice(spec, error))
    return Check(name, "ok", found)


async def _ask(spec: ModelSpec, engine: Engine) -> str:
    started = time.perf_counter()
    call = Call(spec.name, (Message("user", _question(spec)),), Sampling(0.0, max_tokens=24))
    try:
        reply: Reply = await asyncio.wait_for(engine.generate(call), ANSWER_WITHIN)
        info = engine.info(spec.name)
        mark = "" if info.name == "http" else info.fingerprint  # http knows a name, no weights
    finally:
        await engine.aclose()
    taken = time.perf_counter() - started
    weights = f", weights {mark.rpartition(':')[2][:12]}" if mark else ""
    return f"answers in {taken:.2f} s ({reply.usage.completion_tokens} tokens{weights})"


def _question(spec: ModelSpec) -> str:
    """The embedded models know no words but those of their tasks."""
    return "S P 2 7 9 10 > 36 :" if spec.engine == "embedded" else "Reply with the word ready."


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _where(spec: ModelSpec) -> str:
    return spec.endpoint or f"engine {spec.engine}"


def _advice(spec: ModelSpec, error: Exception) -> str:
    if isinstance(error, AccessDenied):
        return "put the key in an environment variable and name it as api_key_env in the fleet"
    if spec.engine == "embedded":
        return "reinstall graphsearch, or make the weights anew with: graphsearch fleet train"
    return f"check that {_where(spec)} is up and serves {spec.served_name or spec.name}"


def _engine(spec: ModelSpec) -> Engine:
    from graphsearch.engines import engines_for

    return engines_for(Fleet("one", (spec,), spec.name), [spec.name])[spec.name]
