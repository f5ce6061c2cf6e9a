"""Studies: the loop around a searcher, its budgets and stop rules, and the result it ends in."""

from importlib import import_module
from typing import Any

_HOMES = {
    "Archive": "graphsearch.study.archive",
    "BreakEven": "graphsearch.study.result",
    "Difference": "graphsearch.study.evidence",
    "Evidence": "graphsearch.study.evidence",
    "Finalist": "graphsearch.study.result",
    "Experiment": "graphsearch.study.experiment",
    "Quote": "graphsearch.study.quote",
    "Result": "graphsearch.study.result",
    "Row": "graphsearch.study.result",
    "StopRule": "graphsearch.study.stop",
    "Stopped": "graphsearch.study.stop",
    "Study": "graphsearch.study.study",
    "Winner": "graphsearch.study.result",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'graphsearch.study' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
