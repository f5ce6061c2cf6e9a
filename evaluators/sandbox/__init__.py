"""Runs programs that nobody has read, so that nothing outside changes.

Two levels:

- `bubblewrap`: own namespaces for processes, network, IPC, host name and mounts, made by the
  program bubblewrap; the system's programs and libraries read-only; no settings, no homes, no
  /proc; an empty folder in memory; a filter of system calls without sockets and new processes; as
  root a user that nothing belongs to; limits on time, memory, files.
- `process`: limits, an empty folder and the filter alone. It reads and writes what its user may.
  Weak: taken only when it is asked for by name.

Whatever the level, a program has no environment of its caller's, prints to a cap, and is killed
with all that it started. What no level covers: faults of the kernel and of the processor (side
channels among them), the load it puts on the machine up to its limits, and what its *readers* do
with what it prints.
"""

from graphsearch.evaluators.sandbox._checker import Checked, Checker
from graphsearch.evaluators.sandbox._levels import LEVELS, Level
from graphsearch.evaluators.sandbox._limits import Finished, Limits
from graphsearch.evaluators.sandbox._probe import find
from graphsearch.evaluators.sandbox._run import run_once
from graphsearch.evaluators.sandbox._submission import Asked, Submission, asked_of_program
from graphsearch.records.errors import TaskError

__all__ = [
    "Asked",
    "Checked",
    "Checker",
    "Finished",
    "Limits",
    "Sandbox",
    "Submission",
    "asked_of_program",
    "level_fault",
    "level_names",
    "open_sandbox",
]


class Sandbox:
    """A level that can be had here.

    Attributes:
        name: name of the level.
        strong: whether it shuts programs off from files, network and other processes.
    """

    def __init__(self, level: Level, way: str) -> None:
        self._level = level
        self._way = way
        self.name = level.name
        self.strong = level.strong

    def run(self, program: str, *, limits: Limits | None = None, stdin: bytes = b"") -> Finished:
        """Run a Python program in a fresh sandbox, to its end.

        Args:
            program: its text.
            limits: what it may use.
            stdin: what it can read.

        Raises:
            GraderFailed: it could not be started, or the machine was too busy to run it.
        """
        return run_once(self._level, self._way, program, limits=limits or Limits(), stdin=stdin)

    def checker(self, limits: Limits | None = None) -> Checker:
        """Make what runs programs against tests; nothing is started yet."""
        return Checker(self._level, self._way, limits or Limits())


def level_names() -> tuple[str, ...]:
    """Names of all levels, strongest first."""
    return tuple(level.name for level in LEVELS)


def level_fault(name: str) -> str | None:
    """Why a level cannot be had here, None when it can.

    The first call for a level tries it, which takes a tenth of a second.

    Raises:
        TaskError: there is no such level.
    """
    return find(_level(name)).reason or None


def open_sandbox(name: str | None = None) -> Sandbox:
    """A sandbox of a level.

    Args:
        name: a level; None for `bubblewrap`, never a weak one.

    Raises:
        TaskError: it cannot be had here, or there is no such level.
    """
    level = _level(name or "bubblewrap")
    found = find(level)
    if found.way is not None:
        return Sandbox(level, found.way)
    what = "no strong sandbox" if name is None else f"the sandbox {name!r}"
    raise TaskError(
        f"programs cannot be graded: {what} can be had here ({level.name}: {found.reason}). "
        "Install bubblewrap, or accept a weaker level by name: grader_options: {sandbox: process} "
        "(on the command line: --grader-option sandbox=process)"
    )


def _level(name: str) -> Level:
    for level in LEVELS:
        if level.name == name:
            return level
    said = f"no sandbox {name!r}; known: {', '.join(level_names())}"
    if name == "namespaces":
        said = (
            "the sandbox 'namespaces' is no more: use 'bubblewrap' (install the package of that "
            "name), which is also what is taken when none is named"
        )
    raise TaskError(said, where="task.options.grader_options.sandbox")
