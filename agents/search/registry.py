"""Search agents by name."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, TypeAlias, cast

from graphsearch.records.calls import Message, Reply
from graphsearch.records.errors import ConfigError
from graphsearch.searchers.base import Agent

__all__ = ["Complete", "agent_names", "make_agent"]

GROUP = "graphsearch.search_agents"

Complete: TypeAlias = Callable[[Sequence[Message]], Awaitable[Reply]]
"""Sends messages to the agent's model. The study gives it, so that it books every call."""

_BUILT_IN = {
    "chat": "graphsearch.agents.search.chat:make",
    "rules": "graphsearch.agents.search.rules:make",
    "scripted": "graphsearch.agents.search.scripted:make",
}


def agent_names() -> tuple[str, ...]:
    """All registered names, those of outside packages included."""
    return tuple(sorted({*_BUILT_IN, *(point.name for point in entry_points(group=GROUP))}))


def make_agent(
    name: str,
    *,
    options: Mapping[str, Any] | None = None,
    complete: Complete | None = None,
) -> Agent:
    """An agent by name.

    Args:
        name: one of `agent_names()`.
        options: the agent's own options; a name it does not know is refused.
        complete: sends messages to a model; agents that speak through one need it.

    Raises:
        ConfigError: unknown agent or option, or a chat agent without `complete`.
    """
    make = _factory(name)
    return cast("Agent", make(dict(options or {}), complete))


def _factory(name: str) -> Callable[[dict[str, Any], Complete | None], Any]:
    if name in _BUILT_IN:
        module, _, function = _BUILT_IN[name].partition(":")
        return cast("Callable[..., Any]", getattr(import_module(module), function))
    for point in entry_points(group=GROUP):
        if point.name == name:
            return cast("Callable[..., Any]", point.load())
    known = ", ".join(agent_names())
    raise ConfigError(f"unknown search agent {name!r}; known: {known}", where="agent")
