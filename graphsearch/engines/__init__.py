"""Engines: where a model's calls go.

`make_engine` builds one by name, `engines_for` those that a fleet names. Other packages add theirs
with an entry point of the group `graphsearch.engines`, which names a class, or a callable with
these attributes, all of which may be left out:

    Options            a subclass of `EngineOptions`, which checks what a fleet says of a model in
                       `options`; without it the engine takes none
    for_models(specs)  makes the engine of models of one endpoint and key, and finds their options
                       by `Options.of(spec)`; without it the engine is called with `endpoint`, where
                       the fleet has one, and the options as keywords
    spans_endpoints    true where `for_models` takes all models of the engine at once
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
from graphsearch.records.calls import canonical_json
from graphsearch.records.errors import FleetError
from graphsearch.records.models import Fleet, ModelSpec
from graphsearch.records.options import ENGINES, EngineOptions, options_of

__all__ = [
    "ENGINES",
    "Engine",
    "EngineInfo",
    "EngineOptions",
    "ListsModels",
    "Opens",
    "TakesTurns",
    "WantsKeys",
    "engine_names",
    "engines_for",
    "make_engine",
]


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
    factory: Callable[..., Engine] = ENGINES.find(name)
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
    groups: dict[tuple[str | None, ...], list[ModelSpec]] = {}
    for spec in map(fleet.model, dict.fromkeys(models)):
        with _named(spec):
            factory = ENGINES.find(spec.engine)
            options_of(spec)
        place: tuple[str | None, ...] = (spec.endpoint, spec.api_key_env)
        if not hasattr(factory, "for_models"):
            place = (*place, canonical_json(spec.options))
        elif getattr(factory, "spans_endpoints", False):
            place = ()
        groups.setdefault((spec.engine, *place), []).append(spec)
    made: dict[str, Engine] = {}
    for specs in groups.values():
        first = specs[0]
        with _named(first):
            factory = ENGINES.find(first.engine)
            if hasattr(factory, "for_models"):
                engine = factory.for_models(specs)
            else:
                options = options_of(first)
                given = {name: getattr(options, name) for name in first.options}
                if first.endpoint is not None:
                    given["endpoint"] = first.endpoint
                engine = make_engine(first.engine, **given)
        made.update(dict.fromkeys((spec.name for spec in specs), engine))
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
