"""Options that a maker takes by keyword, checked against its signature."""

import inspect
import typing
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from graphsearch.records.errors import TaskError

__all__ = ["check_options"]

_LONGEST_VALUE = 60
_ARBITRARY = ConfigDict(arbitrary_types_allowed=True)


def check_options(
    owner: str, maker: Callable[..., Any], options: Mapping[str, Any], where: str
) -> None:
    """Refuse options that a maker does not take, or not with such values, and miss those it needs.

    Args:
        owner: who is made, for the error (`task 'puzzle'`).
        maker: a function or a class; what its signature leaves open is not checked.
        options: what the user wrote.
        where: path to the options.

    Raises:
        TaskError: with the path to the first bad option.
    """
    taken = inspect.signature(maker).parameters.values()
    known = {p.name for p in taken if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
    open_ended = any(p.kind is p.VAR_KEYWORD for p in taken)
    hints: Mapping[str, Any] = {}
    with suppress(NameError):  # names that only type checkers see: it checks its options itself
        hints = typing.get_type_hints(maker.__init__ if inspect.isclass(maker) else maker)
    for name, value in options.items():
        if name not in known:
            if open_ended:
                continue
            words = ", ".join(sorted(known)) or "none"
            raise TaskError(f"unknown option {name!r} of {owner}; known: {words}", where=where)
        if name in hints:
            try:
                adapter: TypeAdapter[Any] = TypeAdapter(hints[name], config=_ARBITRARY)
            except PydanticUserError:  # a dataclass or a model, which brings its own configuration
                adapter = TypeAdapter(hints[name])
            try:
                adapter.validate_python(value, strict=True)
            except ValidationError as error:
                fault = error.errors(include_url=False)[0]
                inner = "".join(f"[{p}]" for p in fault["loc"] if isinstance(p, int))
                shown = repr(fault["input"])
                shown = shown if len(shown) <= _LONGEST_VALUE else f"{shown[:_LONGEST_VALUE]}..."
                said = fault["msg"].replace("Input should be", "must be").rstrip(".")
                raise TaskError(f"{said}, got {shown}", where=f"{where}.{name}{inner}") from None
    for p in taken:
        if p.name in known and p.default is p.empty and p.name not in options:
            raise TaskError(f"{owner} needs the option {p.name!r}", where=where)
