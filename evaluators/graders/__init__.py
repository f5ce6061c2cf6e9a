"""Graders by name.

A package adds its own by an entry point of the group `graphsearch.graders`: a callable that takes
options by keyword and returns a `graphsearch.tasks.Grader`.
"""

from typing import Any

from graphsearch.errors import TaskError
from graphsearch.evaluators._registry import Registry
from graphsearch.tasks import Grader

__all__ = ["get_grader", "grader_names"]

_GRADERS = Registry(
    "grader",
    "graphsearch.graders",
    {
        "choice": "graphsearch.evaluators.graders.choice:ChoiceGrader",
        "exact": "graphsearch.evaluators.graders.exact:ExactGrader",
        "numeric": "graphsearch.evaluators.graders.numeric:NumericGrader",
        "puzzle": "graphsearch.evaluators.graders.puzzle:PuzzleGrader",
        "recall": "graphsearch.evaluators.graders.recall:RecallGrader",
    },
    options_at="task.options.grader_options",
)


def grader_names() -> tuple[str, ...]:
    """Names that `get_grader` knows, sorted."""
    return _GRADERS.names()


def get_grader(name: str, /, **options: Any) -> Grader:
    """Make a grader.

    Raises:
        TaskError: the name or an option is unknown.
    """
    grader = _GRADERS.make(name, options)
    if not isinstance(grader, Grader):
        raise TaskError(f"grader {name!r}: its maker returned {type(grader).__name__}")
    return grader
