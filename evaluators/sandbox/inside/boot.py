"""First lines inside a sandbox: set limits, then go on in a module handed over.

Runs before any untrusted line, in a Python started with `-P -s -S -B` and a scrubbed environment.
"""

from __future__ import annotations

import gc
import os
import resource
import sys

TYPE_CHECKING = False  # as in typing, whose import costs more than Python's start
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

__all__ = ["enter"]

_PR_SET_PDEATHSIG = 1
_SIGKILL = 9


def enter(
    modules: list[tuple[str, CodeType]],
    arguments: dict[str, Any],
    *,
    limits: dict[str, int],
    seccomp: bytes | None,
    itself: bytes,
    parent: int | None,
) -> None:
    """Take the limits on, make the modules, and run `main(arguments)` of the last one.

    Args:
        modules: full names and code of modules, `libc` first; they are made in this order.
        arguments: what `main` gets.
        limits: values of `resource.RLIMIT_*`, by the name after the underscore.
        seccomp: a filter of system calls to take on, None for none.
        itself: what stands in the filter for the number of this process.
        parent: the process with which this one is to end; None where a guard sees to it.
    """
    made: list[Any] = []
    for name, code in modules:
        made.append(type(sys)(name))
        sys.modules[name] = made[-1]
        exec(code, made[-1].__dict__)
    if parent is not None:
        made[0].must("prctl", _PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it was gone before the wish was made
            os._exit(1)
    for name, most in limits.items():
        number = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(number)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(number, (value, value))
    if seccomp is not None:
        made[0].seccomp(seccomp.replace(itself, os.getpid().to_bytes(4, sys.byteorder)))
    gc.freeze()
    made[-1].main(arguments)
