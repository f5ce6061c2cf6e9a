"""Calls of the C library, by the half of `ctypes` that is written in C: the other half costs 8 ms.

Arguments are ints of 32 bits, bytes (as a pointer) and None; a result is an int of 32 bits. The
reason of a refusal (`errno`) is not to be had this way.
"""

from __future__ import annotations

import sys
from _ctypes import _SimpleCData, addressof, call_function, dlopen, dlsym

TYPE_CHECKING = False  # as in typing, whose import costs more than Python's start
if TYPE_CHECKING:
    from typing import Any

__all__ = ["call", "must", "seccomp"]

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_STEP_BYTES = 8

_library = dlopen("", 0)


class _Char(_SimpleCData):  # type: ignore[type-arg]
    _type_ = "c"


def call(name: str, *args: int | bytes | None) -> int:
    """What a function of the C library returns."""
    found: int = call_function(dlsym(_library, name), args)
    return found


def must(name: str, *args: int | bytes | None) -> None:
    """Call a function that may not fail.

    Raises:
        OSError: it returned less than 0.
    """
    if call(name, *args) < 0:
        raise OSError(f"the kernel refuses {name}{args!r}")


def seccomp(program: bytes) -> None:
    """Take on a filter of system calls (`struct sock_fprog` of linux/filter.h).

    Raises:
        OSError: the kernel refuses it.
    """
    room: Any = (_Char * len(program)).from_buffer(bytearray(program))
    length = (len(program) // _STEP_BYTES).to_bytes(2, sys.byteorder)
    filled = length + bytes(6) + addressof(room).to_bytes(8, sys.byteorder)
    must("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    must("prctl", _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, filled, 0, 0)
