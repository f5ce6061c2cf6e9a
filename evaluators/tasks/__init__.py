"""Tasks by name.

A package adds its own by an entry point of the group `graphsearch.tasks`: a callable that takes
options by keyword and returns a `graphsearch.tasks.Task`.
"""

from typing import Any

from graphsearch.errors import TaskError
from graphsearch.evaluators._registry import Registry
from graphsearch.tasks import Task

__all__ = ["get_task", "task_names"]

_TASKS = Registry(
    "task",
    "graphsearch.tasks",
    {
        "local": "graphsearch.evaluators.tasks.local:load_local",
        "puzzle": "graphsearch.evaluators.tasks.puzzle:load_puzzle",
        "recall": "graphsearch.evaluators.tasks.recall:load_recall",
    },
    options_at="task.options",
)


def task_names() -> tuple[str, ...]:
    """Names that `get_task` knows, sorted."""
    return _TASKS.names()


def get_task(name: str, /, **options: Any) -> Task:
    """Load a task.

    Args:
        name: a known name; `local` reads a file of the user's (`path=...`).
        **options: of that task's loader.

    Raises:
        TaskError: the name or an option is unknown, or the data is wrong.
    """
    task = _TASKS.make(name, options)
    if not isinstance(task, Task):
        raise TaskError(f"task {name!r}: its loader returned {type(task).__name__}, not a Task")
    return task
