"""Errors of the parts, told with the file or option that the bad value stands in."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from graphsearch.config._models import Config
from graphsearch.records.errors import BudgetRefused, FleetError, InputError, TaskError

__all__ = ["option_of", "placed"]

_HOMES: tuple[tuple[type[InputError], str], ...] = ((TaskError, "task"), (FleetError, "fleet"))


@contextmanager
def placed(source: str | None, given: Mapping[str, Any]) -> Iterator[None]:
    """Say where a value stands that one of the parts refuses.

    A part knows its own name for a value at most (`searcher.options`); this adds the file, or
    names the option where the value came from the command line.

    Args:
        source: the configuration file, None where the command line says all.
        given: top-level keys that came from the command line, with their values.
    """
    try:
        yield
    except InputError as error:
        where = _place(error, source, given)
        if where == error.where:
            raise
        raise type(error)(error.message, where=where) from error
    except BudgetRefused as error:
        if source is None:
            raise
        raise BudgetRefused(f"{source}: {error}") from error


def option_of(key: str, value: Any, rest: str = "") -> str:
    """The option that brought a value: `--seed`, `--data`, `--grader-option`, `--model`, ...

    Args:
        key: top-level key of the configuration.
        value: what the command line gave for it.
        rest: path to the bad value within it.
    """
    if key == "fleet" and isinstance(value, Mapping):
        key = "model"
    elif key == "task":
        first, _, rest_of_it = rest.partition(".")
        inner, _, deeper = rest_of_it.partition(".")
        if first in {"profile", "prompt_set"}:
            key, rest = first, rest_of_it
        else:
            key, rest = (inner, deeper) if first == "options" and inner else ("data", rest)
            key = "grader-option" if key == "grader_options" else key
    option = "--" + key.replace("_", "-")
    return f"{option}: {rest}" if rest else option


def _place(error: InputError, source: str | None, given: Mapping[str, Any]) -> str | None:
    path = error.where
    if path is None:
        path = next((home for kind, home in _HOMES if isinstance(error, kind)), "")
    if isinstance(error, FleetError) and path.startswith("model "):
        path = f"fleet.{path}"
    key, rest = _split(path)
    if path and key not in Config.model_fields:
        return error.where  # a place of its own: another file, a line of the data
    if key in given:
        return option_of(key, given[key], rest)
    return ": ".join(part for part in (source, path) if part) or None


def _split(path: str) -> tuple[str, str]:
    """`space.models[1]` into `space` and `models[1]`."""
    key, _, rest = path.partition(".")
    return key.partition("[")[0], rest
