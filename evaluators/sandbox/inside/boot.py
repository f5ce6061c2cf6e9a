"""First lines inside a sandbox: give up rights, set limits, then go on in a module handed over.

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
_HOME = "graphsearch.evaluators.sandbox.inside"


def enter(
    early: list[tuple[str, CodeType]],
    modules: list[tuple[str, CodeType]],
    arguments: dict[str, Any],
    *,
    limits: dict[str, int],
    become: int | None,
    seccomp: bytes | None,
    nest: dict[str, Any] | None,
    guarded: bool,
) -> None:
    """Take the limits on, make the modules, and run `main(arguments)` of the last one.

    Args:
        early: full names and code of modules that are made at once: `libc` where any of the last
            three options is set, `nest` where that is.
        modules: full names and code of the rest, made last, in this order.
        arguments: what `main` gets.
        limits: values of `resource.RLIMIT_*`, by the name after the underscore.
        become: user and group to run as, None to stay; needs the right to change them.
        seccomp: a filter of system calls to take on here, None where it is on already (or absent).
        nest: what the module `nest` is to do, None where this process is shut in already.
        guarded: whether it ends with the process that started it.
    """
    _make(early)
    if nest is not None:
        sys.modules[f"{_HOME}.nest"].nest(nest)
    libc: Any = sys.modules.get(f"{_HOME}.libc")
    if become is not None:
        os.setgroups([])
        os.setresgid(become, become, become)
        os.setresuid(become, become, become)
    if guarded:
        # Now: the kernel forgets such a wish when the user changes.
        libc.must("prctl", _PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    for name, most in limits.items():
        number = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(number)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(number, (value, value))
    if seccomp is not None:
        libc.seccomp(seccomp)
    last = _make(modules)
    gc.freeze()
    last.main(arguments)


def _make(modules: list[tuple[str, CodeType]]) -> Any:
    """Make modules and return the last one."""
    last: Any = None
    for name, code in modules:
        last = type(sys)(name)
        sys.modules[name] = last
        exec(code, last.__dict__)
    return last
