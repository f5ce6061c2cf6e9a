"""Traces of proposals that are not told yet, so that most need not be walked again."""

from collections.abc import Mapping
from typing import Any

from graphsearch.space import Distribution, Space, Trace

__all__ = ["TraceCache"]


class TraceCache:
    """Keeps traces by their JSON.

    A proposal carries its trace as JSON, which is all that a search that goes on finds on disk.
    Walking those decisions again takes some milliseconds, so the process that drew a trace keeps
    it.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._traces: dict[str, Trace] = {}

    def info(self, trace: Trace) -> dict[str, Any]:
        """Keep a trace; what a proposal of it carries."""
        data = trace.to_json()
        self._traces[str(data)] = trace
        return {"trace": data}

    def trace(self, data: Mapping[str, Any]) -> Trace:
        """The trace of `info(...)["trace"]`, kept or walked again."""
        found = self._traces.get(str(data))
        return found if found is not None else Distribution(self._space).replay(data)

    def clear(self) -> None:
        """Drop all."""
        self._traces.clear()
