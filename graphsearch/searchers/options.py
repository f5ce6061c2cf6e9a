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
        kind = type(defaults[name])
        fits = isinstance(value, (int, float) if kind is float else kind)
        if isinstance(value, bool):
            fits = kind is bool
        if defaults[name] is not None and not fits:
            raise ConfigError(
                f"must be of type {kind.__name__}, not {value!r}", where=f"{where}.{name}"
            )
    return {**defaults, **given}
