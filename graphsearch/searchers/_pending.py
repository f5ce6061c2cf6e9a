"""Traces of graphs that are out, so that most need not be walked again."""

from collections.abc import Mapping
from typing import Any

from graphsearch.space import Space, Trace

__all__ = ["Pending"]


class Pending:
    """Remembers traces by their JSON.

    A proposal carries its trace as JSON, which is all a resumed search needs; walking those
    decisions again takes some milliseconds, so the process that drew the trace keeps it as well.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._traces: dict[str, Trace] = {}

    def info(self, trace: Trace) -> dict[str, Any]:
        """Remember a trace; what a proposal of it carries."""
        data = trace.to_json()
        self._traces[str(data)] = trace
        return {"trace": data}

    def trace(self, data: Mapping[str, Any]) -> Trace:
        """The trace of `info(...)["trace"]`, remembered or walked again."""
        found = self._traces.get(str(data))
        return found if found is not None else Trace.from_json(self._space, data)

    def clear(self) -> None:
        """Forget all."""
        self._traces.clear()
