"""Searchers: what proposes graphs and learns from results.

`make_searcher` builds one by name; `design/searchers.md` says how each works and what it reaches.
"""

from graphsearch.searchers.base import Advice, Advisable, Agent, AgentView, Edit, Searcher
from graphsearch.searchers.registry import make_searcher, searcher_names

__all__ = [
    "Advice",
    "Advisable",
    "Agent",
    "AgentView",
    "Edit",
    "Searcher",
    "make_searcher",
    "searcher_names",
]
