"""The engine `litellm`: every provider that LiteLLM reaches."""

from graphsearch.engines.litellm.engine import LitellmEngine

__all__ = ["LitellmEngine"]
