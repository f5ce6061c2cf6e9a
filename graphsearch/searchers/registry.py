"""Searchers by name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphsearch.records.errors import ConfigError
from graphsearch.registry import Registry
from graphsearch.searchers.base import Searcher

if TYPE_CHECKING:
    from graphsearch.space import Space

__all__ = ["SEARCHERS", "make_searcher", "searcher_names"]

SEARCHERS: Registry[Callable[..., Searcher]] = Registry(
    "graphsearch.searchers",
    {
        "agent-reinforce": "graphsearch.searchers.agent_reinforce:make",
        "exhaustive": "graphsearch.searchers.exhaustive:make",
        "optuna": "graphsearch.searchers.optuna_search:make",
        "random": "graphsearch.searchers.random_search:make",
        "reinforce": "graphsearch.searchers.reinforce:make",
    },
    kind="searcher",
    error=ConfigError,
    where="searcher",
    unknown="unknown {kind} {name!r}; known: {known}",
)
"""What makes each searcher: `make(space, *, seed, options, folder)`."""


def searcher_names() -> tuple[str, ...]:
    """All registered names, those of outside packages included."""
    return SEARCHERS.names()


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
    return SEARCHERS.find(name)(space, seed=seed, options=dict(options or {}), folder=folder)
