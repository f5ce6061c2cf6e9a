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
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2


def enter(
    modules: list[tuple[str, CodeType]],
    arguments: dict[str, Any],
    *,
    limits: dict[str, int],
    become: int | None,
    seccomp: bytes | None,
    nest: tuple[CodeType, dict[str, Any]] | None,
    guarded: bool,
) -> None:
    """Take the limits on, make the modules, and run `main(arguments)` of the last one.

    Args:
        modules: full names and code, in the order in which they are made.
        arguments: what `main` gets.
        limits: values of `resource.RLIMIT_*`, by the name after the underscore.
        become: user and group to run as, None to stay; needs the right to change them.
        seccomp: a filter of system calls to take on here, None where it is on already (or absent).
        nest: the module `nest` and its plan, None where this process is shut in already.
        guarded: whether it ends with the process that started it.
    """
    if nest is not None:
        names: dict[str, Any] = {"__name__": "nest"}
        exec(nest[0], names)
        names["nest"](nest[1])
    if seccomp is not None:
        import ctypes  # noqa: F401  (while its files can be read)
    if become is not None:
        os.setgroups([])
        os.setresgid(become, become, become)
        os.setresuid(become, become, become)
    if guarded:
        _end_with_parent()  # now: the kernel forgets such a wish when the user changes
    for name, most in limits.items():
        number = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(number)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(number, (value, value))
    if seccomp is not None:
        _filter(seccomp)
    last: Any = None
    for name, code in modules:
        last = type(sys)(name)
        sys.modules[name] = last
        exec(code, last.__dict__)
    gc.freeze()
    last.main(arguments)


def _end_with_parent() -> None:
    try:  # the package around it takes ten times as long to load
        from _ctypes import call_function, dlopen, dlsym
    except ImportError:
        from ctypes import CDLL

        CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    else:
        call_function(dlsym(dlopen("", 0), "prctl"), (_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0))


def _filter(program: bytes) -> None:
    import ctypes

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))

    libc = ctypes.CDLL(None, use_errno=True)
    steps = ctypes.create_string_buffer(program, len(program))
    filled = Program(len(program) // 8, ctypes.cast(steps, ctypes.c_void_p))
    for call in (
        (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filled), 0, 0),
    ):
        if libc.prctl(*call):
            raise OSError(ctypes.get_errno(), "the filter of system calls was not taken")
