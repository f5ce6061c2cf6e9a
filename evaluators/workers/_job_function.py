"""The job of the `python` grader: a user's function. Runs in a worker."""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graphsearch.tasks import Item, Verdict

__all__ = ["start"]


def start(setup: Any) -> Callable[[Any], Any]:
    """The function that judges.

    Args:
        setup: `file` (a path) or `module` (a name), `function`, and `folder`, where modules are
            looked for.
    """
    found = _load(setup)
    for name in str(setup["function"]).split("."):
        found = getattr(found, name)
    if not callable(found):
        raise TypeError(f"{setup['function']} is a {type(found).__name__}, not a function")
    function: Callable[..., Any] = found

    def judge(request: Any) -> Any:
        return _plain(function(Item(**request["item"]), request["answer"]))

    return judge


def _load(setup: Any) -> Any:
    if setup["file"] is None:
        sys.path.insert(0, setup["folder"])
        return importlib.import_module(setup["module"])
    path = Path(setup["file"])
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location("graphsearch_users_grader", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _plain(result: Any) -> Any:
    """The result as JSON; NumPy's scalars become numbers."""
    if isinstance(result, Verdict):
        return {
            "score": result.score,
            "outcome": result.outcome.value,
            "parsed": result.parsed,
            "reason": result.reason,
        }
    if hasattr(result, "item") and not isinstance(result, dict):
        result = result.item()
    if isinstance(result, bool | int | float | dict):
        return result
    raise TypeError(f"returned {type(result).__name__}, not a bool, a number, a dict or a Verdict")
