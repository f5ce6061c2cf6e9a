"""What a program may use, and what became of it."""

from dataclasses import dataclass
from typing import Literal

from graphsearch.records.errors import TaskError

__all__ = ["CPU_ACCOUNT", "START_SECONDS", "Finished", "Limits"]

START_SECONDS = 20.0
"""How long a sandbox may take to start; longer is a fault of the machine."""

CPU_ACCOUNT = 0.8
"""Part of the CPU limit from which on a SIGKILL is taken for the limit's: the kernel counts ticks
for it, and tells afterwards what it has measured, which on a virtual machine is less."""

_LEAST_MEMORY_MB = 64
_MOST_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use.

    Attributes:
        seconds: time from its first line on, waiting for a core left out; its CPU time, over all
            threads, may not pass this either (rounded up to whole seconds).
        memory_mb: address space, MB (2**20 bytes).
        output_bytes: what it prints, standard output and error each; printing more ends it.
        file_mb: size of one file and of all files together, MB.
        open_files: files open at a time.
        threads: threads at a time, where the kernel counts them apart from those of other
            processes; further processes are never allowed.
    """

    seconds: float = 5.0
    memory_mb: int = 512
    output_bytes: int = 1_000_000
    file_mb: int = 16
    open_files: int = 64
    threads: int = 64

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= _MOST_SECONDS:
            raise TaskError(
                f"seconds {self.seconds} of the sandbox are not above 0, at most {_MOST_SECONDS}"
            )
        if self.memory_mb < _LEAST_MEMORY_MB:
            raise TaskError(
                f"memory_mb {self.memory_mb} of the sandbox is less than the {_LEAST_MEMORY_MB} "
                "that Python needs to start"
            )
        for name in ("output_bytes", "file_mb", "open_files", "threads"):
            if getattr(self, name) < 1:
                raise TaskError(f"{name} {getattr(self, name)} of the sandbox is less than 1")


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended.

    Attributes:
        how: `exit` by itself, `signal` (a crash, or killed for its memory), `time` or `output`
            when it passed that limit.
        code: exit status, or number of the signal; None where a limit ended it.
        stdout: what it printed, at most `Limits.output_bytes`.
        stderr: the same of standard error.
        seconds: wall time from its start.
        cpu: seconds of CPU, as far as known.
    """

    how: Literal["exit", "signal", "time", "output"]
    code: int | None
    stdout: bytes
    stderr: bytes
    seconds: float
    cpu: float
