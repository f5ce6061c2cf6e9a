"""From pydantic's errors to one plain sentence with the path to the bad value."""

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from graphsearch.config._place import option_of
from graphsearch.records.errors import ConfigError

__all__ = ["explain"]

_LONGEST_VALUE = 60
_PLAIN: Mapping[str, str] = {
    "missing": "is required",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "is too large",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "string_too_short": "must not be empty",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "invalid-json-value": "must be a JSON value",
    "invalid_key": "is no key; keys are texts",
}
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("gt", "must be above"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than": ("lt", "must be below"),
    "less_than_equal": ("le", "must be at most"),
}
_WITHOUT_VALUE = frozenset({"invalid_key", "missing", "string_too_short", "value_error"})


def explain(
    error: ValidationError,
    model: type[BaseModel],
    source: str | None,
    *,
    given: Mapping[str, Any],
) -> ConfigError:
    """The first fault in a validation error, as one sentence.

    Args:
        error: what pydantic raised.
        model: the model that was validated; its fields are what an unknown key is compared with.
        source: the file, or None for values from Python.
        given: top-level keys that came from the command line; their faults name the option.
    """
    faults = error.errors(include_url=False)
    fault = min(faults, key=lambda f: f["type"] != "extra_forbidden")  # a typo explains the rest
    loc = fault["loc"]
    if loc and loc[0] in given:
        key = str(loc[0])
        source, loc = option_of(key, given[key], _path(loc[1:])), ()
    where = ": ".join(part for part in (source, _path(loc)) if part) or None
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return ConfigError(_sentence(fault, model) + more, where=where)


def _path(loc: tuple[int | str, ...]) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _sentence(fault: Any, model: type[BaseModel]) -> str:
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(str(fault["loc"][-1]), _known(model, fault["loc"][:-1]))
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        said = f"{words} {context[name]}"
    elif kind == "too_short":
        said = f"must have at least {_count(context['min_length'])}"
    elif kind == "too_long":
        said = f"must have at most {_count(context['max_length'])}"
    elif kind == "literal_error":
        said = f"must be {context['expected']}"
    elif kind == "value_error":
        said = str(context["error"])
    else:
        said = _PLAIN.get(kind, fault["msg"][0].lower() + fault["msg"][1:])
    return said if kind in _WITHOUT_VALUE else f"{said}, got {_shown(fault['input'])}"


def unknown_key(key: str, known: list[str]) -> str:
    """The sentence for a key nobody knows, with the nearest one that exists."""
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    if near:
        return f"unknown key; did you mean {near[0]!r}?"
    return f"unknown key; known are {', '.join(known)}" if known else "unknown key"


def _known(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    current: Any = model
    for part in loc:
        if isinstance(part, int):
            continue
        field = current.model_fields.get(part)
        current = None if field is None else _model_in(field.annotation)
        if current is None:
            return []
    return list(current.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None


def _count(number: int) -> str:
    return "one entry" if number == 1 else f"{number} entries"


def _shown(value: Any) -> str:
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
