"""Tasks by name, from files, and from Python functions.

A package adds its own by an entry point of the group `graphsearch.tasks`: a callable that takes
options by keyword and returns a `graphsearch.records.tasks.Task`.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from graphsearch.evaluators._options import check_options
from graphsearch.evaluators.tasks.source import Source
from graphsearch.functions import reference
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Task
from graphsearch.registry import Registry
from graphsearch.rows import ENDINGS, ending

__all__ = [
    "TASKS",
    "get_task",
    "is_file",
    "load_task",
    "names_code",
    "source_of",
    "takes_path",
    "task_names",
]

TASKS: Registry[Callable[..., Any]] = Registry(
    "graphsearch.tasks",
    {
        "bbh": "graphsearch.evaluators.tasks.bbh:Bbh",
        "game24": "graphsearch.evaluators.tasks.game24:Game24",
        "gsm8k": "graphsearch.evaluators.tasks.gsm8k:Gsm8k",
        "hotpotqa": "graphsearch.evaluators.tasks.hotpotqa:HotpotQa",
        "humaneval": "graphsearch.evaluators.tasks.code:HumanEval",
        "local": "graphsearch.evaluators.tasks.local:LocalFile",
        "math": "graphsearch.evaluators.tasks.math:Math",
        "mbpp": "graphsearch.evaluators.tasks.code:Mbpp",
        "mmlu": "graphsearch.evaluators.tasks.mmlu:Mmlu",
        "mmlu-pro": "graphsearch.evaluators.tasks.mmlu:MmluPro",
        "puzzle": "graphsearch.evaluators.tasks.puzzle:load_puzzle",
        "recall": "graphsearch.evaluators.tasks.recall:load_recall",
        "replay": "graphsearch.evaluators.tasks.replay:Replay",
    },
    kind="task",
    error=TaskError,
)


def task_names() -> tuple[str, ...]:
    """Names that `get_task` knows, sorted."""
    return TASKS.names()


def get_task(name: str, /, **options: Any) -> Task:
    """Load a task.

    Args:
        name: a known name; `local` reads a file of the user's (`path=...`).
        **options: of that task's loader.

    Raises:
        TaskError: the name or an option is unknown, or the data is wrong.
    """
    return _loaded(name, _registered(name, options))


def load_task(task: str | Path, /, **options: Any) -> Task:
    """A task by its registered name, from a file of questions, or from a Python function.

    Args:
        task: a name; a file; or `path/to/file.py:function` or `module:function`, which returns a
            `Task` or rows of named fields. Such code is run in this process.
        **options: of the loader; those of a function are named `arguments`.

    Raises:
        TaskError: the name or an option is unknown, or the data is wrong.
    """
    return _loaded(str(task), _found(task, options))


def source_of(task: str | Path, /, **options: Any) -> Source | None:
    """The rows a task is made of, unread; None for a task that is not made of rows.

    Raises:
        TaskError: the name or an option is unknown.
    """
    found = _found(task, options)
    return found if isinstance(found, Source) else None


def takes_path(name: str) -> bool:
    """Whether a task by that name reads files from a path that the user gives.

    Raises:
        TaskError: the name is unknown.
    """
    return "path" in inspect.signature(TASKS.find(name)).parameters


def is_file(task: str | Path) -> bool:
    """Whether a task is named as a file of questions, not by a registered name."""
    return isinstance(task, Path) or ending(task) in ENDINGS


def names_code(task: str | Path) -> bool:
    """Whether a task is named as a Python function: `file.py:function`, `module:function`."""
    return reference(str(task)) is not None


def _loaded(task: str, found: Source | Callable[[], Any]) -> Task:
    made = found if isinstance(found, Source) else found()
    if isinstance(made, Source):
        made = made.load()
    if not isinstance(made, Task):
        raise TaskError(f"task {task!r}: its loader returned {type(made).__name__}, not a Task")
    return made


def _found(task: str | Path, options: Mapping[str, Any]) -> Source | Callable[[], Any]:
    """The rows a task is made of, or what makes it."""
    name = str(task)
    if names_code(task):
        return _of_function(name, options)
    looks_like_path = Path(name).suffix or "/" in name or "\\" in name or Path(name).is_file()
    if not is_file(task) and (name in task_names() or not looks_like_path):
        return _registered(name, options)
    if "path" in options:
        raise TaskError("the file is given as the task itself", where="task.options.path")
    return _registered("local", {"path": task, **options})


def _registered(name: str, options: Mapping[str, Any]) -> Source | Callable[[], Any]:
    maker = TASKS.find(name)
    check_options(f"task {name!r}", maker, options, "task.options")
    if isinstance(maker, type) and issubclass(maker, Source):
        made: Source = maker(**options)
        return made
    return partial(maker, **options)


def _of_function(task: str, options: Mapping[str, Any]) -> Source | Callable[[], Task]:
    """What the function of that name makes."""
    from graphsearch.evaluators.tasks.function import FunctionRows, call

    found = reference(task)
    assert found is not None
    rest = {"path": task, **options}
    arguments = rest.pop("arguments", {})
    if "path" in options or not isinstance(arguments, Mapping):
        raise TaskError(
            "unknown option 'path'" if "path" in options else "arguments must be a mapping",
            where="task.options",
        )
    made = call(found, arguments)
    if not isinstance(made, Task):
        check_options(f"task {task!r}", FunctionRows, rest, "task.options")
        return FunctionRows(**rest, given=made)
    if len(rest) > 1:
        raise TaskError(
            f"unknown option {min(rest.keys() - {'path'})!r} of a function that returns a Task; "
            "known: arguments",
            where="task.options",
        )
    return lambda: made
