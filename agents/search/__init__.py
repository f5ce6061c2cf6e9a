"""Search agents: what gives a searcher feedback in words.

`rules` needs no model, `scripted` says what a test wrote down, `chat` asks any chat model. Outside
packages add their own under the entry point group `graphsearch.search_agents`.
"""

from importlib import import_module
from typing import Any

from graphsearch.agents.search.registry import Complete, agent_names, make_agent

_HOMES = {
    "ChatAgent": "graphsearch.agents.search.chat",
    "RulesAgent": "graphsearch.agents.search.rules",
    "ScriptedAgent": "graphsearch.agents.search.scripted",
}

__all__ = ["ChatAgent", "Complete", "RulesAgent", "ScriptedAgent", "agent_names", "make_agent"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'graphsearch.agents.search' has no attribute {name!r}")
    return getattr(import_module(home), name)
