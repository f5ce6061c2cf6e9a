"""The engine `http`: any server that speaks OpenAI's chat completions."""

from graphsearch.engines.http.engine import HttpEngine

__all__ = ["HttpEngine"]
