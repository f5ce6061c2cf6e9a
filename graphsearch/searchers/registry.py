"""Searchers by name."""

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from graphsearch.records.errors import ConfigError
from graphsearch.searchers.base import Searcher

if TYPE_CHECKING:
    from graphsearch.space import Space

__all__ = ["make_searcher", "searcher_names"]

GROUP = "graphsearch.searchers"

_BUILT_IN = {
    "agent-reinforce": "graphsearch.searchers.agent_reinforce:make",
    "exhaustive": "graphsearch.searchers.exhaustive:make",
    "optuna": "graphsearch.searchers.optuna_search:make",
    "random": "graphsearch.searchers.random_search:make",
    "reinforce": "graphsearch.searchers.reinforce:make",
}


def searcher_names() -> tuple[str, ...]:
    """All registered names, those of outside packages included."""
    return tuple(sorted({*_BUILT_IN, *(point.name for point in entry_points(group=GROUP))}))


def make_searcher(
    name: str,
    space: "Space",
    *,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    folder: Path | None = None,
) -> Searcher:
    """A searcher by name.

    Outside packages add searchers under the entry point group `graphsearch.searchers`: a function
    `make(space, *, seed, options, folder)`.

    Args:
        name: one of `searcher_names()`.
        space: what graphs are allowed, and the graph budget.
        seed: the same seed and the same results bring the same proposals.
        options: the searcher's own options.
        folder: the run folder, for a searcher that keeps a file of its own there (`optuna`).

    Raises:
        ConfigError: unknown searcher, option or value.
    """
    return _factory(name)(space, seed=seed, options=dict(options or {}), folder=folder)


def _factory(name: str) -> Callable[..., Searcher]:
    if name in _BUILT_IN:
        module, _, function = _BUILT_IN[name].partition(":")
        return cast("Callable[..., Searcher]", getattr(import_module(module), function))
    for point in entry_points(group=GROUP):
        if point.name == name:
            return cast("Callable[..., Searcher]", point.load())
    known = ", ".join(searcher_names())
    raise ConfigError(f"unknown searcher {name!r}; known: {known}", where="searcher")
