"""Find the best team of language models for a task and a compute budget.

Everything public is listed in `__all__` and loaded when first used: importing the package does no
work, opens no connection and reads no environment.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Amount": "graphsearch.cost",
    "CollaborationGraph": "graphsearch.graph",
    "Distribution": "graphsearch.space",
    "Fleet": "graphsearch.records.models",
    "ModelSpec": "graphsearch.records.models",
    "Node": "graphsearch.graph",
    "Result": "graphsearch.study",
    "Space": "graphsearch.space",
    "Study": "graphsearch.study",
    "Task": "graphsearch.records.tasks",
    "optimize": "graphsearch.api",
    "quote": "graphsearch.api",
}

__all__ = sorted(["__version__", *_HOMES])


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'graphsearch' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
