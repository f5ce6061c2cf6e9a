"""Options of searchers and agents, read with plain errors."""

from collections.abc import Mapping
from typing import Any

from graphsearch.records.errors import ConfigError

__all__ = ["read_options"]


def read_options(owner: str, given: Mapping[str, Any], **defaults: Any) -> dict[str, Any]:
    """`defaults` overlaid with `given`; names and types are checked.

    A default of None accepts any type; a float accepts a whole number too.

    Args:
        owner: who is configured, for the error (`searcher random`).
        given: what the user wrote.
        **defaults: every option there is.

    Raises:
        ConfigError: an unknown option (the known ones are listed) or a value of another type.
    """
    where = f"{owner.split(' ')[0]}.options"
    for name, value in given.items():
        if name not in defaults:
            known = ", ".join(sorted(defaults)) or "none"
            raise ConfigError(f"unknown option {name!r} of {owner}; known: {known}", where=where)
        if not _fits(value, defaults[name]):
            wanted = type(defaults[name]).__name__
            raise ConfigError(f"must be of type {wanted}, not {value!r}", where=f"{where}.{name}")
    return {**defaults, **given}


def _fits(value: Any, default: Any) -> bool:
    if default is None or value is None:
        return default is None
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    return isinstance(value, type(default))
