"""A task that a Python function makes.

The function is the user's own code and runs in this process: it may only be named from Python or on
the command line, and in a configuration where that is allowed (see `graphsearch.config`).
"""

import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from graphsearch.calls import digest
from graphsearch.errors import GraphsearchError, TaskError
from graphsearch.evaluators.tasks.local import LocalFile
from graphsearch.rows import Faults, Row, checked_rows
from graphsearch.tasks import Task

__all__ = ["FunctionRows", "Reference", "call", "reference"]

_REFERENCE: Final = re.compile(r"(?P<home>.+\.py|[A-Za-z_]\w*(?:\.\w+)*):(?P<name>[A-Za-z_]\w*)")


class Reference(NamedTuple):
    """A function by name: `path/to/file.py:function` or `package.module:function`."""

    home: str
    name: str

    def __str__(self) -> str:
        """As it was written."""
        return f"{self.home}:{self.name}"


def reference(text: str) -> Reference | None:
    """The function that a text names, None where it names none."""
    found = _REFERENCE.fullmatch(text)
    return Reference(found["home"], found["name"]) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionRows(LocalFile):
    """Rows that a function returned, with fields named as those of a file."""

    given: Iterable[Any] = ()

    @property
    def title(self) -> str:
        """The task's name: the function's."""
        return self.name or str(self.path).rpartition(":")[2]

    def rows(self, faults: Faults) -> Iterator[Row]:
        """All rows that can be used."""
        return checked_rows(Path(self.path), self.given, faults)


def call(found: Reference, arguments: Mapping[str, Any]) -> "Task | Iterable[Any]":
    """What a function returns: a task, or rows.

    Args:
        found: the function.
        arguments: what it is given, by keyword.

    Raises:
        TaskError: it is not there, fails, or returns something else.
    """
    function = _load(found)
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


def _load(found: Reference) -> Callable[..., Any]:
    try:
        if found.home.endswith(".py"):
            module = _module(Path(found.home))
        else:
            module = importlib.import_module(found.home)
    except TaskError:
        raise
    except Exception as error:  # a module may raise anything when it is imported
        raise TaskError(
            f"cannot be imported: {type(error).__name__}: {error}", where=found.home
        ) from error
    function = getattr(module, found.name, None)
    if not callable(function):
        raise TaskError(f"has no function {found.name!r}", where=found.home)
    made: Callable[..., Any] = function
    return made


def _module(path: Path) -> Any:
    """A module of a file, which needs no place on the path of modules."""
    if not path.is_file():
        raise TaskError("cannot be read: No such file or directory", where=str(path))
    name = f"graphsearch_task_{digest(str(path.resolve()), size=8)}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles of the file look themselves up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
