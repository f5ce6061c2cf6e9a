"""Records whose fields pydantic checks: a fault is one plain sentence with the path to the value.

`Checked` is the base of everything a user writes: strict types (a text is no number), no unknown
key, and `ConfigError` in place of pydantic's own error.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from graphsearch.records.errors import ConfigError
from graphsearch.records.fields import model_at

__all__ = ["BadValue", "Checked", "Fault", "fault_of", "joined", "shown", "unknown_key"]

_LONGEST_VALUE = 60
_PLAIN: Mapping[str, str] = {
    "missing": "is required",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "is too large",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "string_too_short": "must not be empty",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "dataclass_type": "must be a mapping",
    "callable_type": "must be a function",
    "invalid_key": "is no key; keys are texts",
}
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("gt", "must be above"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than": ("lt", "must be below"),
    "less_than_equal": ("le", "must be at most"),
}
_UNKNOWN = frozenset({"extra_forbidden", "unexpected_keyword_argument"})
_WITHOUT_VALUE = _UNKNOWN | {"invalid_key", "missing", "string_too_short", "value_error"}


class Checked(BaseModel):
    """A frozen record that is checked when it is made.

    Raises:
        ConfigError: a field is unknown or has a bad value; with its path.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            fault = fault_of(error, type(self))
            raise ConfigError(fault.sentence, where=fault.path or None) from error

    # Only a call makes a ConfigError; within another record, pydantic collects the faults of all.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


class BadValue(ValueError):
    """What a validator raises where it knows the place of the fault within its value."""

    def __init__(self, message: str, where: str | None = None) -> None:
        super().__init__(message)
        self.where = where


class Fault(NamedTuple):
    """What is wrong first in a value that was checked: path to it, "" for the whole, and why."""

    path: str
    sentence: str


def fault_of(error: ValidationError, model: type[BaseModel]) -> Fault:
    """The first fault in a validation error, as one sentence.

    Args:
        error: what pydantic raised.
        model: the model that was validated; its fields are what an unknown key is compared with.
    """
    faults = error.errors(include_url=False)
    fault = min(faults, key=lambda f: f["type"] != "extra_forbidden")  # a typo explains the rest
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    path = ""
    for part in fault["loc"]:
        path = joined(path, f"[{part}]" if isinstance(part, int) else part)
    kind, context, loc = fault["type"], fault.get("ctx", {}), fault["loc"]
    within = getattr(context.get("error"), "where", None)
    if kind in _UNKNOWN:
        inner = model_at(model, loc[:-1])
        fields = {} if inner is None else inner.model_fields
        # Keys that only Python can give are not told.
        known = [field.alias or name for name, field in fields.items() if not field.exclude]
        said = unknown_key(str(loc[-1]), known)
    elif kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        said = f"{words} {context[name]}"
    elif kind in {"too_short", "too_long"}:
        side, number = ("least", "min_length") if kind == "too_short" else ("most", "max_length")
        count = "one entry" if context[number] == 1 else f"{context[number]} entries"
        said = f"must have at {side} {count}"
    elif kind == "literal_error":
        said = f"must be {context['expected']}"
    elif kind == "value_error":
        said = str(context["error"])
    else:
        said = _PLAIN.get(kind, fault["msg"][0].lower() + fault["msg"][1:])
    got = "" if kind in _WITHOUT_VALUE else f", got {shown(fault['input'])}"
    return Fault(joined(path, within or ""), said + got + more)


def joined(path: str, rest: str) -> str:
    """A path and a path within its value: `space` and `models[1]`, `blocks` and `[0]`."""
    return path + rest if not path or not rest or rest[0] == "[" else f"{path}.{rest}"


def unknown_key(key: str, known: Iterable[str]) -> str:
    """The sentence for a key nobody knows, with the nearest one that exists."""
    names = list(known)
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.6)
    if near:
        return f"unknown key; did you mean {near[0]!r}?"
    return f"unknown key; known are {', '.join(names)}" if names else "unknown key"


def shown(value: Any) -> str:
    """A value as an error shows it: on one line, and not all of it where it is long."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    try:
        text = repr(value)
    except ValueError:  # an integer with more digits than Python prints
        return "a number that is too large"
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
