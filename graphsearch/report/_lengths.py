"""How long prompts and replies were taken to be, and how long they were."""

from collections.abc import Mapping
from typing import Any

from graphsearch.report._numbers import UNKNOWN

__all__ = ["lengths"]

_SOURCES = {
    "assumed": "Costs were expected from the lengths that the task assumes.",
    "measured": "Costs were expected from lengths measured on the first questions of the search.",
    "told": "Costs were expected from lengths that were given for single models.",
}


def lengths(result: Mapping[str, Any]) -> dict[str, Any] | None:
    """A row a model; None where the record holds no lengths."""
    part = result.get("lengths")
    if part is None:
        return None
    return {
        "says": _SOURCES[part["source"]],
        "assumed": part["assumed"],
        "rows": [{"name": name, **found} for name, found in part["models"].items()],
        "off": {name: _off(found["error"]) for name, found in part["models"].items()},
        "off_assumed": {n: _off(found["error_assumed"]) for n, found in part["models"].items()},
    }


def _off(error: float | None) -> str:
    """By how much an expected cost was wrong, in percent."""
    if error is None:
        return UNKNOWN
    text = f"{100 * error:+.0f}"
    return "0 %" if text in {"+0", "-0"} else f"{text.replace('-', '−')} %"
