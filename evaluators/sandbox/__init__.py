"""Runs programs that nobody has read, so that nothing outside changes.

Levels, strongest first (as root one in which programs belong to another user goes before):

- `bubblewrap`: Debian's and Fedora's `bubblewrap`. Own namespaces for processes, network, IPC,
  host name and mounts; the system's programs and libraries read-only; no settings, no homes, no
  /proc; an empty folder in memory; a filter of system calls without sockets and new processes; as
  root a user that nothing belongs to, else a user namespace; limits on time, memory, files.
- `namespaces`: the same, made by Python itself where bubblewrap is missing and the kernel lets this
  user have namespaces.
- `process`: limits, an empty folder and the filter alone. It reads and writes what its user may.
  Weak: taken only when it is asked for by name.

Whatever the level, a program has no environment of its caller's, prints to a cap, and is killed
with all that it started. What no level covers: faults of the kernel and of the processor (side
channels among them), the load it puts on the machine up to its limits, and what its *readers* do
with what it prints.
"""

from graphsearch.evaluators.sandbox._judges import Judged, Judges, Trial
from graphsearch.evaluators.sandbox._levels import LEVELS, Level
from graphsearch.evaluators.sandbox._limits import Finished, Limits
from graphsearch.evaluators.sandbox._probe import find
from graphsearch.evaluators.sandbox._run import run_once
from graphsearch.records.errors import TaskError

__all__ = [
    "Finished",
    "Judged",
    "Judges",
    "Limits",
    "Sandbox",
    "Trial",
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

    def judges(self, limits: Limits | None = None) -> Judges:
        """Make what runs programs against tests; nothing is started yet."""
        return Judges(self._level, self._way, limits or Limits())


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
    """A sandbox of a level, or of the strongest there is.

    Args:
        name: a level, accepted by its name; None for the strongest that is not weak.

    Raises:
        TaskError: it cannot be had here, or there is no such level.
    """
    chosen = [level for level in LEVELS if level.strong] if name is None else [_level(name)]
    reasons = []
    second: Sandbox | None = None
    for level in chosen:
        found = find(level)
        if found.way is None:
            reasons.append(f"{level.name}: {found.reason}")
            continue
        if found.best or name is not None:
            return Sandbox(level, found.way)
        second = second or Sandbox(level, found.way)
    if second is not None:
        return second
    what = "no strong sandbox" if name is None else f"the sandbox {name!r}"
    raise TaskError(
        f"programs cannot be graded: {what} can be had here ({'; '.join(reasons)}). Install "
        "bubblewrap, or accept a weaker level by name: grader_options: {sandbox: process} "
        "(on the command line: --grader-option sandbox=process)"
    )


def _level(name: str) -> Level:
    for level in LEVELS:
        if level.name == name:
            return level
    raise TaskError(
        f"no sandbox {name!r}; known: {', '.join(level_names())}",
        where="task.options.grader_options.sandbox",
    )
