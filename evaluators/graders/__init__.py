"""Graders by name.

A package adds its own by an entry point of the group `graphsearch.graders`: a callable that takes
options by keyword and returns a `Grader`. What is special about it (its prompts,
that it runs code) it declares by the class attributes that `Traits` lists.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final
from weakref import WeakKeyDictionary

from graphsearch.evaluators._options import check_options
from graphsearch.evaluators.graders._traits import Traits, traits_of
from graphsearch.records.calls import canonical_json
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Grader
from graphsearch.registry import Registry

__all__ = [
    "GRADERS",
    "Traits",
    "get_grader",
    "grader_names",
    "grader_recipe",
    "grader_traits",
    "traits_of",
]

GRADERS: Registry[Callable[..., Any]] = Registry(
    "graphsearch.graders",
    {
        "bbh": "graphsearch.evaluators.graders.bbh:BbhGrader",
        "choice": "graphsearch.evaluators.graders.choice:ChoiceGrader",
        "code": "graphsearch.evaluators.graders.code:CodeGrader",
        "contains": "graphsearch.evaluators.graders.contains:ContainsGrader",
        "exact": "graphsearch.evaluators.graders.exact:ExactGrader",
        "f1": "graphsearch.evaluators.graders.f1:F1Grader",
        "game24": "graphsearch.evaluators.graders.game24:Game24Grader",
        "llm-judge": "graphsearch.evaluators.graders.judge:JudgeGrader",
        "math": "graphsearch.evaluators.graders.math:MathGrader",
        "numeric": "graphsearch.evaluators.graders.numeric:NumericGrader",
        "puzzle": "graphsearch.evaluators.graders.puzzle:PuzzleGrader",
        "python": "graphsearch.evaluators.graders.python:PythonGrader",
        "recall": "graphsearch.evaluators.graders.recall:RecallGrader",
        "recorded": "graphsearch.evaluators.graders.recorded:RecordedGrader",
        "regex": "graphsearch.evaluators.graders.regex:RegexGrader",
    },
    kind="grader",
    error=TaskError,
)
_MADE: Final[WeakKeyDictionary[Grader, dict[str, Any]]] = WeakKeyDictionary()
"""How graders were made that still live."""


def grader_names() -> tuple[str, ...]:
    """Names that `get_grader` knows, sorted."""
    return GRADERS.names()


def get_grader(name: str, /, **options: Any) -> Grader:
    """Make a grader.

    Raises:
        TaskError: the name or an option is unknown.
    """
    maker = GRADERS.find(name)
    check_options(f"grader {name!r}", maker, options, "task.options.grader_options")
    grader = maker(**options)
    if not isinstance(grader, Grader):
        raise TaskError(f"grader {name!r}: its maker returned {type(grader).__name__}")
    with suppress(TypeError):  # not hashable or not weakly referable: its recipe stays unknown
        _MADE[grader] = {"name": name, "options": dict(options)}
    return grader


def grader_traits(name: str) -> Traits:
    """What the grader of that name declares of itself.

    Raises:
        TaskError: the name is unknown.
    """
    return traits_of(GRADERS.find(name))


def grader_recipe(grader: Grader) -> Mapping[str, Any] | None:
    """`name` and `options` that make an equal grader; None where no name or no JSON does.

    A grader that was not made by `get_grader` counts as made by its name without options when it
    equals what that makes.
    """
    made: dict[str, Any] | None = None
    with suppress(TypeError):
        made = _MADE.get(grader)
    if made is None:
        with suppress(TaskError):  # no such name, or one that wants options
            other = get_grader(grader.name)
            if type(other) is type(grader) and (
                other == grader
                or getattr(other, "__dict__", None) == getattr(grader, "__dict__", 0)
            ):
                made = {"name": grader.name, "options": {}}
    try:
        canonical_json(made)
    except (TypeError, ValueError):
        return None
    return made
