"""Search agents by name."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from graphsearch.records.calls import Message, Reply
from graphsearch.records.errors import ConfigError
from graphsearch.registry import Registry
from graphsearch.searchers.base import Agent

__all__ = ["SEARCH_AGENTS", "Complete", "agent_names", "make_agent"]

Complete: TypeAlias = Callable[[Sequence[Message]], Awaitable[Reply]]
"""Sends messages to the agent's model. The study gives it, so that it books every call."""

SEARCH_AGENTS: Registry[Callable[[dict[str, Any], Complete | None], Agent]] = Registry(
    "graphsearch.search_agents",
    {
        "chat": "graphsearch.agents.search.chat:make",
        "rules": "graphsearch.agents.search.rules:make",
        "scripted": "graphsearch.agents.search.scripted:make",
    },
    kind="search agent",
    error=ConfigError,
    where="agent",
    unknown="unknown {kind} {name!r}; known: {known}",
)
"""What makes each agent: `make(options, complete)`."""


def agent_names() -> tuple[str, ...]:
    """All registered names, those of outside packages included."""
    return SEARCH_AGENTS.names()


def make_agent(
    name: str,
    *,
    options: Mapping[str, Any] | None = None,
    complete: Complete | None = None,
) -> Agent:
    """An agent by name: what looks at a search after each round and says what to change.

    Outside packages add agents under the entry point group `graphsearch.search_agents`: a function
    `make(options, complete)` that returns a `searchers.base.Agent`.

    Args:
        name: one of `agent_names()`.
        options: the agent's own options; a name it does not know is refused.
        complete: sends messages to a model; agents that speak through one need it.

    Raises:
        ConfigError: unknown agent or option, or a chat agent without `complete`.
    """
    return SEARCH_AGENTS.find(name)(dict(options or {}), complete)
