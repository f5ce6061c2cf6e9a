"""What `optimize`, `quote` and `open_study` take, checked: one error that names the argument."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from graphsearch.records.errors import ConfigError
from graphsearch.records.tasks import Task, TokenProfile
from graphsearch.study.settings import Settings

__all__ = ["check_arguments", "check_place", "check_space"]

_LONGEST_VALUE = 60


class _Kind(NamedTuple):
    """What an argument may be."""

    words: str
    fits: Callable[[Any], bool]


def check_arguments(given: Mapping[str, Any]) -> None:
    """Refuse arguments that are not of the kind they should be.

    Args:
        given: arguments of `join` by name; those it does not know are left alone.

    Raises:
        ConfigError: with the name of the first that is wrong.
    """
    _check(given, _kinds(), "")
    engines = given.get("engines")
    for name, engine in (engines or {}).items():
        if not hasattr(engine, "generate") or not hasattr(engine, "info"):
            raise _wrong(f"engines[{name!r}]", "an engine", engine)


def check_space(given: Mapping[str, Any]) -> None:
    """Refuse values of a space given as a mapping that are not of the kind they should be.

    Raises:
        ConfigError: with the path to the first that is wrong.
    """
    from graphsearch.space import RoleOption, SinkOption

    kinds = {
        "slots": _or_none(_WHOLE),
        "models": _or_none(_list_of("names of models", str)),
        "roles": _list_of("names of roles or RoleOptions", str, RoleOption),
        "sinks": _list_of("names of sinks or SinkOptions", str, SinkOption),
        "max_in_degree": _or_none(_WHOLE),
        "edges": _of("dag or star", str),
    }
    _check(given, kinds, "space.")


def check_place(out: Any, on_event: Any) -> None:
    """Refuse a run folder that is no path, and a listener that cannot be called.

    Raises:
        ConfigError: with the name of the argument.
    """
    listener = _or_none(_Kind("a function that takes an event", callable))
    _check({"out": out, "on_event": on_event}, {"out": _or_none(_PATH), "on_event": listener}, "")


def _check(given: Mapping[str, Any], kinds: Mapping[str, _Kind], at: str) -> None:
    for name, value in given.items():
        kind = kinds.get(name)
        if kind is not None and not kind.fits(value):
            raise _wrong(at + name, kind.words, value)


def _wrong(where: str, words: str, value: Any) -> ConfigError:
    shown = repr(value)
    shown = shown if len(shown) <= _LONGEST_VALUE else f"{shown[:_LONGEST_VALUE]}..."
    return ConfigError(f"must be {words}, got {shown}", where=where)


def _of(words: str, *types: type) -> _Kind:
    return _Kind(words, lambda value: isinstance(value, types))


def _list_of(words: str, *types: type) -> _Kind:
    return _Kind(
        f"a list of {words}", lambda v: _is_list(v) and all(isinstance(x, types) for x in v)
    )


def _or_none(kind: _Kind) -> _Kind:
    return _Kind(f"{kind.words}, or None", lambda value: value is None or kind.fits(value))


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _named(noun: str, *needed: str) -> _Kind:
    """A registered name, or a thing that has these methods."""
    words = f"a registered name, a mapping, or {noun}"
    return _Kind(words, lambda v: isinstance(v, str) or all(hasattr(v, name) for name in needed))


_WHOLE = _Kind("a whole number", _is_whole)
_PATH = _of("a path", str, Path)
_OPTIONS = _or_none(_of("a mapping of options", Mapping))


def _kinds() -> Mapping[str, _Kind]:
    from graphsearch.cost import Amount
    from graphsearch.execution import RetryPolicy
    from graphsearch.prices import PriceList
    from graphsearch.records.models import Fleet
    from graphsearch.space import Space

    amount = _of("an amount with its currency, such as '18 units'", str, Amount)
    amounts = _Kind(
        "an amount with its currency, such as '5 usd', or a list of them",
        lambda v: amount.fits(v) or (_is_list(v) and all(map(amount.fits, v))),
    )
    return {
        "task": _of("a name, a file of questions, a mapping, or a Task", str, Path, Task),
        "fleet": _of("the name of a fleet, a file, a mapping, or a Fleet", str, Path, Fleet),
        "prices": _or_none(_of("a file of prices or a PriceList", str, Path, PriceList)),
        "graph_budget": amount,
        "search_budget": amounts,
        "evaluation_budget": _or_none(amounts),
        "space": _or_none(_of("a mapping of arguments of Space.build or a Space", Mapping, Space)),
        "searcher": _named("a searcher", "ask", "tell"),
        "searcher_options": _OPTIONS,
        "agent": _or_none(_named("an agent", "advise")),
        "agent_options": _OPTIONS,
        "task_options": _OPTIONS,
        "prompt_set": _or_none(_of("the name of a prompt set or its folder", str, Path)),
        "profile": _or_none(_of("a mapping or a TokenProfile", TokenProfile)),
        "engines": _or_none(_of("a mapping from models to engines", Mapping)),
        "settings": _or_none(_of("a mapping or Settings", Settings)),
        "seed": _Kind("a whole number from 0 to 2**63", lambda v: _is_whole(v) and 0 <= v < 2**63),
        "concurrency": _or_none(_WHOLE),
        "retries": _or_none(_of("a mapping or a RetryPolicy", RetryPolicy)),
    }
