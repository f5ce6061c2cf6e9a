"""The job of the `python` grader: a user's function. Runs in a worker."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graphsearch.functions import Reference, load_function
from graphsearch.records.tasks import Item, Verdict

__all__ = ["start"]


def start(setup: Any) -> Callable[[Any], Any]:
    """The function that judges.

    Args:
        setup: `file` (a path) or `module` (a name), `function`, and `folder`, where modules are
            looked for.
    """
    file = setup["file"]
    # Here for good: what the function imports while it judges is looked for there too.
    sys.path.insert(0, setup["folder"] if file is None else str(Path(file).parent))
    function = load_function(
        Reference(file or setup["module"], setup["function"]), folder=Path(setup["folder"])
    )

    def judge(request: Any) -> Any:
        result = function(Item(**request["item"]), request["answer"])
        if isinstance(result, Verdict):
            return {
                "score": result.score,
                "outcome": result.outcome.value,
                "parsed": result.parsed,
                "reason": result.reason,
            }
        if hasattr(result, "item") and not isinstance(result, dict):  # a scalar of NumPy
            result = result.item()
        if isinstance(result, bool | int | float | dict):
            return result
        kind = type(result).__name__
        raise TypeError(f"returned {kind}, not a bool, a number, a dict or a Verdict")

    return judge
