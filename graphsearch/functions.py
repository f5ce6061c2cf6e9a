"""Functions of a user's own by name: `path/to/file.py:function` or `package.module:function`.

Loading one runs its file. So only Python and the command line may name one, and a configuration
where that is allowed (see `graphsearch.spec`).
"""

import importlib
import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

from graphsearch.records.calls import digest
from graphsearch.records.errors import TaskError

__all__ = ["Reference", "load_function", "reference"]

_NAME: Final = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_REFERENCE: Final = re.compile(rf"(?P<home>.+\.py|{_NAME}):(?P<name>{_NAME})")


class Reference(NamedTuple):
    """A function by name.

    Attributes:
        home: the file it is in, ending in `.py`, or its module.
        name: its name there; `Class.method` too.
    """

    home: str
    name: str

    def __str__(self) -> str:
        """As it was written."""
        return f"{self.home}:{self.name}"

    @property
    def file(self) -> Path | None:
        """The file it is in, None where a module is named."""
        return Path(self.home).expanduser() if self.home.endswith(".py") else None


def reference(text: str) -> Reference | None:
    """The function that a text names, None where it names none."""
    found = _REFERENCE.fullmatch(text)
    return Reference(found["home"], found["name"]) if found else None


def load_function(found: Reference, *, folder: Path | None = None) -> Callable[..., Any]:
    """The function itself.

    Args:
        found: its name.
        folder: where modules are looked for too; the current folder when None. A file finds the
            modules beside it.

    Raises:
        TaskError: it is not there, or what it is in cannot be imported.
    """
    file = found.file
    if file is not None and not file.is_file():
        raise TaskError("cannot be read: No such file or directory", where=found.home)
    before = list(sys.path)
    try:
        home = (folder or Path.cwd()) if file is None else file.resolve().parent
        sys.path.insert(0, str(home))
        made: Any = importlib.import_module(found.home) if file is None else _module(file)
    except Exception as error:  # a module may raise anything when it is imported
        raise TaskError(
            f"cannot be imported: {type(error).__name__}: {error}", where=found.home
        ) from error
    finally:
        sys.path[:] = before
    for part in found.name.split("."):
        made = getattr(made, part, None)
    if not callable(made):
        raise TaskError(f"has no function {found.name!r}", where=found.home)
    function: Callable[..., Any] = made
    return function


def _module(path: Path) -> ModuleType:
    """The module of a file, which needs no place on the path of modules."""
    name = f"graphsearch_user_{digest(str(path.resolve()), size=8)}"
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
