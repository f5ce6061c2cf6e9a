"""A task that a Python function makes.

The function is the user's own code and runs in this process: it may only be named from Python or on
the command line, and in a configuration where that is allowed (see `graphsearch.spec`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphsearch.evaluators.tasks.local import LocalFile
from graphsearch.functions import Reference, load_function
from graphsearch.records.errors import GraphsearchError, TaskError
from graphsearch.records.tasks import Task
from graphsearch.rows import Faults, Row, checked_rows

__all__ = ["FunctionRows", "call"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionRows(LocalFile):
    """Rows that a function returned, with fields named as those of a file."""

    given: Iterable[Any] = ()

    @property
    def title(self) -> str:
        """The task's name: the function's."""
        return self.name or self.origin.rpartition(":")[2]

    def rows(self, faults: Faults) -> Iterator[Row]:
        """All rows that can be used."""
        return checked_rows(Path(self.origin), self.given, faults)


def call(found: Reference, arguments: Mapping[str, Any]) -> "Task | Iterable[Any]":
    """What a function returns: a task, or rows.

    Args:
        found: the function.
        arguments: what it is given, by keyword.

    Raises:
        TaskError: it is not there, fails, or returns something else.
    """
    function = load_function(found)
    try:
        made = function(**arguments)
        if isinstance(made, Task):
            return made
        if isinstance(made, Iterable) and not isinstance(made, str | bytes | Mapping):
            return list(made)
    except GraphsearchError:
        raise
    except Exception as error:  # whatever code from outside may raise
        raise TaskError(f"raised {type(error).__name__}: {error}", where=str(found)) from error
    raise TaskError(
        f"returned {type(made).__name__}, must return a Task or rows of fields", where=str(found)
    )
