"""The levels of isolation, strongest first, and how a process is started in each."""

import marshal
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from types import CodeType
from typing import Any, Final

from graphsearch.evaluators.sandbox._jail import Jail
from graphsearch.evaluators.sandbox._limits import Limits
from graphsearch.evaluators.sandbox._seccomp import seccomp_program

__all__ = ["LEVELS", "Level", "Start"]

NOBODY: Final = 65534
_FIRST_FREE_USER: Final = 0x70000000  # from here on no system hands numbers out
_FREE_USERS: Final = 0x07FFFFFF
_serial = count(os.getpid() << 10)
_BOOT: Final = (
    "import sys,marshal;f=open(int(sys.argv[1]),'rb');p=marshal.load(f);f.close();n={};"
    "exec(p[0],n);n['enter'](*p[1],**p[2])"
)
_HOME: Final = "graphsearch.evaluators.sandbox.inside"
_SYSTEM: Final = ("/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/nix/store")
_ENVIRONMENT: Final = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "MALLOC_ARENA_MAX": "1",  # else threads use up the address space
    "PYTHONHASHSEED": "0",  # equal programs behave alike
}


@dataclass(frozen=True, slots=True)
class Start:
    """What is started.

    Attributes:
        main: module of `inside` whose `main` runs, the ones it needs before it.
        arguments: what `main` gets; must be what `marshal` takes.
        limits: limits of the process.
        pass_fds: descriptors that it inherits under the same numbers.
        forks: whether it may start processes.
        cpu: CPU seconds, None for no limit.
        guarded: whether it ends with the thread that starts it.
    """

    main: tuple[str, ...]
    arguments: dict[str, Any]
    limits: Limits
    pass_fds: tuple[int, ...] = ()
    forks: bool = False
    cpu: int | None = None
    guarded: bool = True


class Level:
    """One way to shut a process in.

    Attributes:
        name: how users call it.
        strong: whether it shuts a program off from files, network and other processes; what is
            not strong is used only when it is asked for by name.
        guarded: whether the direct child is a guard, which tells the number of the process.
        changes_inside: whether the process itself becomes another user, once it is shut in.
    """

    name: str
    strong: bool
    guarded: bool
    changes_inside = False

    def ways(self) -> Sequence[str]:
        """Variants that may work here, best first."""
        raise NotImplementedError

    def command(self, way: str, start: Start, inherit: list[int], told: int | None) -> list[str]:
        """What comes before the Python command.

        Args:
            way: one of `ways`.
            start: what is started.
            inherit: descriptors to hand over; the level adds its own, which the caller closes.
            told: descriptor on which a guard tells the number of the process.
        """
        return []

    def nest(self, way: str, start: Start, told: int | None) -> dict[str, Any] | None:
        """What `inside.nest` does first to shut the process in, None where it is already."""
        return None

    def seccomp_inside(self, start: Start) -> bytes | None:
        """A filter that the process takes on itself, None where it is on from the start."""
        return None

    def folder(self, user: int | None) -> str | None:
        """A folder of its own to start in, removed afterwards; None where the level has one."""
        return None

    def start(
        self,
        way: str,
        start: Start,
        *,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.DEVNULL,
        stderr: int = subprocess.PIPE,
    ) -> Jail:
        """Start a process.

        Args:
            way: one of `ways`.
            start: what is started.
            stdin: as for `subprocess.Popen`.
            stdout: the same.
            stderr: the same.

        Raises:
            OSError: it could not be started.
        """
        own: list[int] = []
        user = _user(way)
        folder = self.folder(user)
        try:
            facts, told = None, None
            if self.guarded:
                facts, told = os.pipe()
                own += [facts, told]
            command = self.command(way, start, own, told)
            become = user if self.changes_inside else None
            payload = in_memory(self._payload(way, become, start, told))
            own.append(payload)
            process = subprocess.Popen(
                [*command, python(), "-P", "-s", "-S", "-B", "-c", _BOOT, str(payload)],
                env=_ENVIRONMENT,
                cwd=folder or "/",
                pass_fds=(*start.pass_fds, *(fd for fd in own if fd != facts)),
                start_new_session=True,
                user=None if self.changes_inside else user,
                group=None if self.changes_inside else user,
                extra_groups=None if self.changes_inside or user is None else [],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
            )
            if told is not None:  # else the guard's end would not be seen
                own.remove(told)
                os.close(told)
            return Jail(process, facts, folder)
        except OSError:
            if folder is not None:
                shutil.rmtree(folder)
            raise
        finally:
            for descriptor in own:
                os.close(descriptor)

    def _payload(self, way: str, user: int | None, start: Start, told: int | None) -> bytes:
        limits = start.limits
        values = {
            "AS": limits.memory_mb * 2**20,
            "CORE": 0,
            "FSIZE": limits.file_mb * 2**20,
            "NOFILE": limits.open_files,
            "MEMLOCK": 0,
            "MSGQUEUE": 0,
        }
        if _counts_apart(way) and not start.forks:
            values["NPROC"] = limits.threads
        if start.cpu is not None:
            values["CPU"] = start.cpu
        # Guards see to it themselves, but for a user that changes afterwards.
        guarded = start.guarded and (user is not None or not self.guarded)
        options = {
            "limits": values,
            "become": user,
            "seccomp": self.seccomp_inside(start),
            "nest": self.nest(way, start, told),
            "guarded": guarded,
        }
        early = ["libc"] if guarded or options["seccomp"] or options["nest"] else []
        early += ["nest"] if options["nest"] else []
        given = (_modules(early), _modules(["wire", *start.main]), start.arguments)
        return marshal.dumps((_code("boot"), given, options))


class Bubblewrap(Level):
    """Bubblewrap: namespaces of its own for all, a read-only system, and a filter of system calls.

    As root, bubblewrap runs as a user that nothing else belongs to, where such a one can read this
    Python. (That the program changes the user inside, as in `Namespaces`, is no way here: when the
    grader is killed, bubblewrap could not end a process of another user.)
    """

    name = "bubblewrap"
    strong = True
    guarded = True

    def ways(self) -> Sequence[str]:
        """As another user where root may, and in a user namespace."""
        if shutil.which("bwrap") is None:
            return ()
        return ("own", "user") if os.geteuid() == 0 else ("user",)

    def command(self, way: str, start: Start, inherit: list[int], told: int | None) -> list[str]:
        """The command line of bwrap."""
        found = [
            *(shutil.which("bwrap") or "bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc"),
            *("--unshare-uts", "--unshare-cgroup-try", "--as-pid-1", "--new-session"),
            *("--hostname", "sandbox"),
        ]
        found += ["--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY)]
        found += ["--cap-drop", "ALL"]
        if start.guarded:
            found.append("--die-with-parent")
        found += list(_mounts())
        size = str(start.limits.file_mb * 2**20)
        found += ["--perms", "1777", "--size", size, "--tmpfs", "/tmp"]
        found += ["--remount-ro", "/", "--chdir", "/tmp"]
        program = seccomp_program(forks=start.forks)
        if program is not None:
            inherit.append(in_memory(program))
            found += ["--seccomp", str(inherit[-1])]
        return [*found, "--info-fd", str(told), "--"]


class Namespaces(Level):
    """The same without bubblewrap: Python itself makes the namespaces (Linux 5.12 or newer).

    As root the program runs as a user that nothing else belongs to; else in a user namespace, where
    the kernel lets ordinary users have one.
    """

    name = "namespaces"
    strong = True
    guarded = True
    changes_inside = True

    def ways(self) -> Sequence[str]:
        """As another user where root may, and in a user namespace."""
        return ("own", "nobody", "user") if os.geteuid() == 0 else ("user",)

    def nest(self, way: str, start: Start, told: int | None) -> dict[str, Any] | None:
        """What the namespaces hold."""
        return {
            "tell": told,
            "guarded": start.guarded,
            "user": NOBODY if way == "user" else None,
            "binds": [(path, path.startswith("/dev/")) for path in _paths()],
            "links": list(_links()),
            "size": start.limits.file_mb * 2**20,
        }

    def seccomp_inside(self, start: Start) -> bytes | None:
        """The filter, taken on last."""
        return seccomp_program(forks=start.forks)


class Process(Level):
    """A process with limits alone: it sees the files and the network of its user.

    As root it becomes a user that nothing else belongs to, where such a one can read this Python.
    The filter of system calls is taken on where this processor's is known, so that network and
    further processes are denied.
    """

    name = "process"
    strong = False
    guarded = False

    def ways(self) -> Sequence[str]:
        """As another user where root may, and as this user."""
        return ("own", "nobody", "same") if os.geteuid() == 0 else ("same",)

    def folder(self, user: int | None) -> str | None:
        """An empty temporary folder that the program's user may write to."""
        found = tempfile.mkdtemp(prefix="graphsearch-")
        if user is not None:
            os.chown(found, user, user)
        return found

    def seccomp_inside(self, start: Start) -> bytes | None:
        """The same filter, taken on by the process itself."""
        return seccomp_program(forks=start.forks)


LEVELS: Final[tuple[Level, ...]] = (Bubblewrap(), Namespaces(), Process())


def in_memory(content: bytes) -> int:
    """A descriptor from which the content can be read, whatever its length."""
    descriptor = os.memfd_create("graphsearch")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _user(way: str) -> int | None:
    """Who the program becomes: for `own` a number of its own, so that none meets another."""
    if way == "own":
        return _FIRST_FREE_USER + next(_serial) % _FREE_USERS
    return NOBODY if way == "nobody" else None


def _counts_apart(way: str) -> bool:
    """Whether the kernel counts the process's threads apart from all others of its user.

    It does in a user namespace since Linux 5.14.
    """
    release = tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])
    return way == "own" or (way == "user" and release >= (5, 14))


@cache
def python() -> str:
    """The interpreter itself, not a link in a virtual environment."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


@cache
def _code(name: str) -> CodeType:
    path = Path(__file__).parent / "inside" / f"{name}.py"
    return compile(path.read_text(encoding="utf-8"), f"<{name}>", "exec", dont_inherit=True)


def _modules(names: Iterable[str]) -> list[tuple[str, CodeType]]:
    return [(f"{_HOME}.{name}", _code(name)) for name in names]


def _mounts() -> Iterable[str]:
    """The files inside, as arguments of bwrap."""
    for folder, target in _links():
        yield from ("--symlink", target, folder)
    made: set[str] = set()
    for path in _paths():
        for parent in reversed(Path(path).parents[:-1]):  # else only root could pass through
            if str(parent) not in made:
                made.add(str(parent))
                yield from ("--perms", "0755", "--dir", str(parent))
        yield from ("--dev-bind" if path.startswith("/dev/") else "--ro-bind", path, path)


def _links() -> Iterable[tuple[str, str]]:
    """Folders of the system that are links, and where they lead."""
    for folder in _SYSTEM:
        if os.path.islink(folder):
            yield folder, os.readlink(folder)


def _paths() -> Iterable[str]:
    """What is seen inside: programs, libraries, two devices; no settings, nobody's files.

    Where this Python is not the system's: its binary and its library, nothing beside them.
    """
    yield from (folder for folder in _SYSTEM if os.path.isdir(folder) and folder not in _linked())
    yield from ("/dev/null", "/dev/urandom")
    if os.path.exists("/etc/ld.so.cache"):
        yield "/etc/ld.so.cache"
    prefixes = {os.path.realpath(sys.base_prefix), os.path.realpath(sys.base_exec_prefix)}
    wanted = [Path(python())]
    wanted += [Path(prefix, folder) for prefix in prefixes for folder in ("lib", "lib64")]
    for path in wanted:
        if path.exists() and not path.is_relative_to("/usr") and path.parent != Path("/"):
            yield str(path)


def _linked() -> set[str]:
    return {folder for folder, _ in _links()}
