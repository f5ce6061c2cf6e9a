"""Frozen dataclasses that are written as JSON by the names of their fields, and read again."""

from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from types import NoneType
from typing import Any, Self, get_args, get_origin

__all__ = ["AsJson"]


class AsJson:
    """A base of dataclasses: `to_json` gives every field by name, `from_json` takes them.

    Values are read as their fields' types say: another record, an enum, a tuple of one type, or
    any of these or None. Types must stand there as such, not as strings. Fields that a record
    lacks have their defaults.
    """

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """All fields by name."""
        names = (one.name for one in fields(self))  # type: ignore[arg-type]
        return {name: _plain(getattr(self, name)) for name in names}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The record that `to_json` wrote.

        Raises:
            TypeError: it has fields that this class has not, or lacks some.
        """
        kinds = {one.name: one.type for one in fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: _read(kinds.get(name), value) for name, value in values.items()})


def _plain(value: Any) -> Any:
    """A value as JSON has it; what has a `to_json` of its own writes itself."""
    if hasattr(value, "to_json"):
        return value.to_json()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return dict(value) if isinstance(value, Mapping) else value


def _read(kind: Any, value: Any) -> Any:
    """A value of that type from its JSON."""
    assert not isinstance(kind, str), f"{kind} is quoted, so nobody knows how it is read"
    known = [one for one in get_args(kind) if one is not NoneType]
    if value is None:
        return None
    if get_origin(kind) is tuple:
        return tuple(_read(known[0], part) for part in value)
    if NoneType in get_args(kind):
        return _read(known[0], value)
    if hasattr(kind, "from_json"):
        return kind.from_json(value)
    return kind(value) if isinstance(kind, type) and issubclass(kind, Enum) else value
