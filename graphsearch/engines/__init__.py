"""Engines: where a model's calls go.

`make_engine` builds one by name, `engines_for` those that a fleet names. Other packages add theirs
with an entry point of the group `graphsearch.engines`, which names a callable that takes the
engine's options as keywords. Where it has an attribute `for_models`, that is called instead with
the list of `ModelSpec` to serve, all of one endpoint and key; of all of them, where it has a true
attribute `spans_endpoints`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from graphsearch.engines.base import (
    Engine,
    EngineInfo,
    ListsModels,
    Opens,
    TakesTurns,
    WantsKeys,
)
from graphsearch.records.errors import FleetError
from graphsearch.records.models import Fleet, ModelSpec
from graphsearch.registry import Registry

__all__ = [
    "ENGINES",
    "Engine",
    "EngineInfo",
    "ListsModels",
    "Opens",
    "TakesTurns",
    "WantsKeys",
    "engine_names",
    "engines_for",
    "make_engine",
]

ENGINES: Registry[Callable[..., Engine]] = Registry(
    "graphsearch.engines",
    {
        "embedded": "graphsearch.engines.embedded.engine:EmbeddedEngine",
        "faulty": "graphsearch.engines.faulty:FaultyEngine",
        "http": "graphsearch.engines.http:HttpEngine",
        "litellm": "graphsearch.engines.litellm:LitellmEngine",
        "replay": "graphsearch.engines.replay:ReplayEngine",
        "scripted": "graphsearch.engines.scripted:ScriptedEngine",
        "vllm": "graphsearch.engines.vllm.engine:VllmEngine",
        "vllm-sleep": "graphsearch.engines.vllm.turns:SleepingServers",
    },
    kind="engine",
    error=FleetError,
    where="engine",
    unknown="there is no {kind} {name!r}; known are {known}",
)
"""The class, or the maker, of each engine."""


def engine_names() -> tuple[str, ...]:
    """Names that `make_engine` knows, in alphabetical order."""
    return ENGINES.names()


def make_engine(name: str, **options: Any) -> Engine:
    """Build an engine by its registered name; loads no model and opens no connection.

    Args:
        name: `embedded`, `http`, `litellm`, `vllm`, `vllm-sleep`, `replay`, `scripted`, `faulty`,
            or a name that an installed package registered.
        **options: the engine's own keyword arguments.

    Raises:
        FleetError: no such engine, or options it does not take.
    """
    factory = ENGINES.find(name)
    try:
        return factory(**options)
    except TypeError as error:
        raise FleetError(f"engine {name!r} cannot be made so: {error}", where="engine") from error


def engines_for(fleet: Fleet, models: Sequence[str]) -> dict[str, Engine]:
    """An engine for each model; models of one engine, endpoint and key share it.

    Loads no model and opens no connection.

    Raises:
        FleetError: the fleet has no such model, there is no such engine, or it lacks something.
    """
    groups: dict[tuple[str, str | None, str | None], list[ModelSpec]] = {}
    for spec in map(fleet.model, dict.fromkeys(models)):
        with _named(spec):
            apart = not getattr(ENGINES.find(spec.engine), "spans_endpoints", False)
        place = (spec.endpoint, spec.api_key_env) if apart else (None, None)
        groups.setdefault((spec.engine, *place), []).append(spec)
    made: dict[str, Engine] = {}
    for specs in groups.values():
        with _named(specs[0]):
            made.update(dict.fromkeys((spec.name for spec in specs), _of(specs)))
    return {name: made[name] for name in models}


@contextmanager
def _named(spec: ModelSpec) -> Iterator[None]:
    """An engine knows not for whom it is made: say which model of the fleet is wrong."""
    try:
        yield
    except FleetError as error:
        where, at = error.where, f"model {spec.name}"
        if where is not None and where.startswith("model "):
            raise
        raise FleetError(error.message, where=f"{at}: {where}" if where else at) from error


def _of(specs: list[ModelSpec]) -> Engine:
    build: Callable[[list[ModelSpec]], Engine] | None = getattr(
        ENGINES.find(specs[0].engine), "for_models", None
    )
    if build is not None:
        return build(specs)
    endpoint = specs[0].endpoint
    return make_engine(specs[0].engine, **({} if endpoint is None else {"endpoint": endpoint}))
