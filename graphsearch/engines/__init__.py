"""Engines: where a model's calls go.

`make_engine` builds one by name. Other packages add theirs with an entry point of the group
`graphsearch.engines`, which names a callable that takes the engine's options as keywords.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from graphsearch.engines.base import Engine, EngineInfo
from graphsearch.errors import FleetError

__all__ = ["Engine", "EngineInfo", "engine_names", "make_engine"]

_GROUP = "graphsearch.engines"
_BUILTIN = {
    "embedded": "graphsearch.engines.embedded.engine:EmbeddedEngine",
    "faulty": "graphsearch.engines.faulty:FaultyEngine",
    "scripted": "graphsearch.engines.scripted:ScriptedEngine",
}


def engine_names() -> tuple[str, ...]:
    """Names that `make_engine` knows, in alphabetical order."""
    return tuple(sorted({*_BUILTIN, *(point.name for point in entry_points(group=_GROUP))}))


def make_engine(name: str, **options: Any) -> Engine:
    """Build an engine by its registered name; loads no model and opens no connection.

    Args:
        name: `embedded`, `scripted`, `faulty`, or a name that an installed package registered.
        **options: the engine's own keyword arguments.

    Raises:
        FleetError: no such engine, or options it does not take.
    """
    factory = _factory(name)
    try:
        return factory(**options)
    except TypeError as error:
        raise FleetError(f"engine {name!r} cannot be made so: {error}", where="engine") from error


def _factory(name: str) -> Callable[..., Engine]:
    if name in _BUILTIN:
        module, attribute = _BUILTIN[name].split(":")
        factory: Callable[..., Engine] = getattr(import_module(module), attribute)
        return factory
    for point in entry_points(group=_GROUP, name=name):
        loaded: Callable[..., Engine] = point.load()
        return loaded
    known = ", ".join(engine_names())
    raise FleetError(f"there is no engine {name!r}; known are {known}", where="engine")
