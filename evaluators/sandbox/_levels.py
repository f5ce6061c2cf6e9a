"""The levels of isolation, strongest first, and how a process is started in each."""

import marshal
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from types import CodeType
from typing import Any, Final

from graphsearch.evaluators.sandbox._jail import Jail, remove
from graphsearch.evaluators.sandbox._limits import Limits
from graphsearch.evaluators.sandbox.seccomp import SELF, seccomp_program
from graphsearch.records.errors import GraderFailed

__all__ = ["LEVELS", "Level", "Start"]

_NOBODY: Final = 65534
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


@dataclass(frozen=True, slots=True)
class Level:
    """One way to shut a process in.

    Attributes:
        name: how users call it.
        strong: whether it shuts a program off from files, network and other processes, by
            bubblewrap; else it has limits, a folder and the filter of system calls alone. What is
            not strong is used only when it is asked for by name.
    """

    name: str
    strong: bool

    def ways(self) -> tuple[str, ...]:
        """Users as whom a process may run here, best first: `own`, `nobody`, `same`.

        As root it runs as a user that nothing else belongs to, where such a one can read this
        Python. Bubblewrap itself is started as that user: when the grader is killed, it could not
        end a process of another one.
        """
        if self.strong and shutil.which("bwrap") is None:
            return ()
        if os.geteuid() != 0:
            return ("same",)
        return ("own", "same") if self.strong else ("own", "nobody", "same")

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
            GraderFailed: it could not be started.
        """
        user = {
            "own": _FIRST_FREE_USER + next(_serial) % _FREE_USERS,
            "nobody": _NOBODY,
            "same": None,
        }[way]
        own: list[int] = []
        command: list[str] = []
        facts, told, folder = None, None, None
        try:
            own.append(payload := in_memory(self._payload(way, start)))
            if self.strong:
                facts, told = os.pipe()
                own += [facts, told]
                command = _bubblewrap(start, told)
            else:
                folder = _folder(user)
            process = subprocess.Popen(
                [*command, python(), "-P", "-s", "-S", "-B", "-c", _BOOT, str(payload)],
                env=_ENVIRONMENT,
                cwd="/" if folder is None else folder / "tmp",
                pass_fds=(*start.pass_fds, *(fd for fd in own if fd != facts)),
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
            )
            if told is not None:  # else the end of bubblewrap would not be seen
                own.remove(told)
                os.close(told)
            return Jail(process, facts, folder)
        except OSError as error:
            if folder is not None:
                remove(folder)
            raise GraderFailed(f"sandbox {self.name!r} did not start: {error}") from error
        finally:
            for descriptor in own:
                os.close(descriptor)

    def _payload(self, way: str, start: Start) -> bytes:
        """What `_BOOT` reads: the code of `boot`, and what its `enter` is called with."""
        limits = start.limits
        values = {
            "AS": limits.memory_mb * 2**20,
            "CORE": 0,
            "FSIZE": limits.file_mb * 2**20,
            "NOFILE": limits.open_files,
            "MEMLOCK": 0,
            "MSGQUEUE": 0,
        }
        # The threads of a user namespace are counted apart from others since Linux 5.14.
        release = tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])
        if (way == "own" or (self.strong and release >= (5, 14))) and not start.forks:
            values["NPROC"] = limits.threads
        if start.cpu is not None:
            values["CPU"] = start.cpu
        options = {
            "limits": values,
            "seccomp": seccomp_program(forks=start.forks),
            "itself": SELF,
            "parent": os.getpid() if start.guarded and not self.strong else None,
        }
        modules = [(f"{_HOME}.{name}", _code(name)) for name in ("libc", *start.main)]
        return marshal.dumps((_code("boot"), (modules, start.arguments), options))


LEVELS: Final = (Level("bubblewrap", strong=True), Level("process", strong=False))


def in_memory(content: bytes) -> int:
    """A descriptor from which the content can be read, whatever its length."""
    descriptor = os.memfd_create("graphsearch")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def python() -> str:
    """The interpreter itself, not a link in a virtual environment."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


@cache
def _code(name: str) -> CodeType:
    path = Path(__file__).parent / "inside" / f"{name}.py"
    return compile(path.read_text(encoding="utf-8"), f"<{name}>", "exec", dont_inherit=True)


def _folder(user: int | None) -> Path:
    """A temporary folder, and in it an empty one, `tmp`, that the program's user may write to.

    The outer one stays ours: what lies at a path that we remove is not for the program to say.
    """
    found = Path(tempfile.mkdtemp(prefix="graphsearch-"))
    found.chmod(0o711)
    (found / "tmp").mkdir(mode=0o700)
    if user is not None:
        os.chown(found / "tmp", user, user)
    return found


def _bubblewrap(start: Start, told: int) -> list[str]:
    """The command line of bwrap: own namespaces for all, a read-only system, an empty /tmp.

    Args:
        start: what is started.
        told: descriptor on which bwrap tells the number of the process.
    """
    size = str(start.limits.file_mb * 2**20)
    return [
        *(shutil.which("bwrap") or "bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc"),
        *("--unshare-uts", "--unshare-cgroup-try", "--as-pid-1", "--new-session"),
        *("--hostname", "sandbox", "--cap-drop", "ALL"),
        *("--unshare-user", "--uid", str(_NOBODY), "--gid", str(_NOBODY)),
        *(("--die-with-parent",) if start.guarded else ()),
        *_mounts(),
        *("--perms", "1777", "--size", size, "--tmpfs", "/tmp", "--remount-ro", "/"),
        *("--chdir", "/tmp", "--info-fd", str(told), "--"),
    ]


def _mounts() -> Iterator[str]:
    """What is seen inside: programs, libraries, two devices; no settings, nobody's files.

    Where this Python is not the system's: its binary and its library, nothing beside them.
    """
    seen = []
    for folder in _SYSTEM:
        if os.path.islink(folder):
            yield from ("--symlink", os.readlink(folder), folder)
        elif os.path.isdir(folder):
            seen.append(Path(folder))
    prefixes = {os.path.realpath(sys.base_prefix), os.path.realpath(sys.base_exec_prefix)}
    wanted = [Path(python())]
    wanted += [Path(prefix, folder) for prefix in prefixes for folder in ("lib", "lib64")]
    seen += [p for p in wanted if not p.is_relative_to("/usr") and p.parent != Path("/")]
    seen += [Path(name) for name in ("/dev/null", "/dev/urandom", "/etc/ld.so.cache")]
    made: set[Path] = set()
    for path in seen:
        if path.exists():
            for parent in reversed(path.parents[:-1]):  # else only root could pass through
                if parent not in made:
                    made.add(parent)
                    yield from ("--perms", "0755", "--dir", str(parent))
            how = "--dev-bind" if path.is_relative_to("/dev") else "--ro-bind"
            yield from (how, str(path), str(path))
