"""The filter of system calls, as a program for the kernel (classic BPF).

Denied, with EPERM: new processes (threads stay), sockets of every family but for `socketpair`,
other processes' memory, mounts and namespaces, keys, BPF, io_uring, kernel modules, memory that no
limit counts (memfd, System V, POSIX queues), and everything that changes how the scheduler treats
the program, so that waiting for a core is never its own doing, and ways to send itself SIGKILL, so
that such an end is never its own doing either. What is newer than this list is denied with ENOSYS.
Sources: `asm/unistd_64.h`, `asm-generic/unistd.h`, `linux/seccomp.h`.
"""

import platform
import struct
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

__all__ = ["seccomp_program"]

_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000
_ERRNO: Final = 0x00050000
_EPERM: Final = 1
_ENOSYS: Final = 38
_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_AT_LEAST: Final = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_ANY_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K
_NUMBER_AT: Final = 0
_ARCH_AT: Final = 4
_ARGUMENTS_AT: Final = 16
_ARGUMENT_BYTES: Final = 8
_SIGKILL: Final = 9
_F_SETSIG: Final = 10
_CLONE_THREAD: Final = 0x00010000
_CLONE_NEW: Final = 0x7E020080  # namespaces of every kind
_CLONE3: Final = 435  # on every architecture
_NEWEST_KNOWN: Final = 463

_COMMON: Final = {
    # pidfd_send_signal, io_uring_*, new mounts, pidfd_open, pidfd_getfd, process_madvise,
    # mount_setattr, quotactl_fd, memfd_secret, process_mrelease, set_mempolicy_home_node
    *(424, 425, 426, 427, 428, 429, 430, 431, 432, 433, 434, 438, 440, 442, 443, 447, 448, 450),
}
_X86_64: Final = _COMMON | {
    *(57, 58),  # fork, vfork
    *(29, 30, 31, 64, 65, 66, 67, 68, 69, 70, 71, 220, 240, 241, 242, 243, 244, 245),  # IPC
    *(41, 42, 49, 50),  # socket, connect, bind, listen
    *(101, 310, 311, 312),  # ptrace, process_vm_*, kcmp
    *(141, 142, 144, 203, 251, 314),  # priorities, schedulers, cores
    *(103, 134, 135, 139, 153, 154, 155, 161, 163, 165, 166, 167, 168, 169, 170, 171, 172, 173),
    *(175, 176, 179, 180, 212, 246, 304, 303, 313, 320),  # modules, quotas, kexec, file handles
    *(159, 164, 227, 305),  # clocks
    222,  # timer_create
    *(237, 238, 256, 279),  # memory of other nodes and processes
    *(248, 249, 250, 272, 298, 300, 308, 319, 321, 323),  # keys, unshare, perf, setns, memfd, bpf
}
_AARCH64: Final = _COMMON | {
    *(180, 181, 182, 183, 184, 185, 186, 187, 188, 189, 190, 191, 192, 193, 194, 195, 196, 197),
    *(198, 200, 201, 203),  # socket, bind, listen, connect
    *(117, 270, 271, 272),
    *(30, 118, 119, 122, 140, 274),
    *(18, 39, 40, 41, 42, 51, 58, 60, 89, 92, 104, 105, 106, 116, 142, 161, 162, 224, 225),
    *(264, 265, 273, 294),
    *(112, 170, 171, 266),
    107,
    *(235, 237, 238, 239),
    *(97, 217, 218, 219, 241, 262, 268, 279, 280, 282),
}
_FORKS: Final = {57, 58}

# Number of a call, place of an argument, and the value of it that is denied: kill, tkill, tgkill,
# rt_sigqueueinfo, rt_tgsigqueueinfo, fcntl.
_X86_64_VALUES: Final = (
    *((62, 1, _SIGKILL), (200, 1, _SIGKILL), (234, 2, _SIGKILL)),
    *((129, 1, _SIGKILL), (297, 2, _SIGKILL), (72, 1, _F_SETSIG)),
)
_AARCH64_VALUES: Final = (
    *((129, 1, _SIGKILL), (130, 1, _SIGKILL), (131, 2, _SIGKILL)),
    *((138, 1, _SIGKILL), (240, 2, _SIGKILL), (25, 1, _F_SETSIG)),
)


class _Machine(NamedTuple):
    """Numbers of a processor: AUDIT_ARCH_*, denied calls, denied values, `clone`."""

    arch: int
    denied: set[int]
    values: tuple[tuple[int, int, int], ...]
    clone: int


_KNOWN: Final[Mapping[str, _Machine]] = {
    "x86_64": _Machine(0xC000003E, _X86_64, _X86_64_VALUES, 56),
    "aarch64": _Machine(0xC00000B7, _AARCH64, _AARCH64_VALUES, 220),
}

_Step = tuple[int, int, int, int]


def seccomp_program(*, forks: bool, machine: str | None = None) -> bytes | None:
    """The filter as `struct sock_filter[]`.

    Args:
        forks: whether new processes are allowed.
        machine: processor, as `platform.machine` says it; this one by default.

    Returns:
        None for processors whose numbers are not known here.
    """
    known = _KNOWN.get(platform.machine() if machine is None else machine)
    if known is None:
        return None
    return b"".join(struct.pack("=HBBI", *step) for step in _steps(known, forks=forks))


def _steps(machine: _Machine, *, forks: bool) -> Iterator[_Step]:
    denied = machine.denied - _FORKS if forks else machine.denied
    yield (_LOAD, 0, 0, _ARCH_AT)
    yield (_EQUAL, 1, 0, machine.arch)
    yield (_RETURN, 0, 0, _KILL)
    yield (_LOAD, 0, 0, _NUMBER_AT)
    yield (_AT_LEAST, 0, 1, _NEWEST_KNOWN)  # the 32-bit numbers of x86-64 too
    yield (_RETURN, 0, 0, _ERRNO | _ENOSYS)
    yield (_EQUAL, 0, 1, _CLONE3)  # its flags lie in memory, out of reach; libc then asks clone
    yield (_RETURN, 0, 0, _ERRNO | _ENOSYS)
    for number in sorted(denied):
        yield (_EQUAL, 0, 1, number)
        yield (_RETURN, 0, 0, _ERRNO | _EPERM)
    for number, place, value in machine.values:
        yield (_EQUAL, 0, 4, number)
        yield (_LOAD, 0, 0, _ARGUMENTS_AT + place * _ARGUMENT_BYTES)
        yield (_EQUAL, 0, 1, value)
        yield (_RETURN, 0, 0, _ERRNO | _EPERM)
        yield (_RETURN, 0, 0, _ALLOW)
    yield (_EQUAL, 1, 0, machine.clone)
    yield (_RETURN, 0, 0, _ALLOW)
    yield (_LOAD, 0, 0, _ARGUMENTS_AT)
    yield (_ANY_BIT, 0, 1, _CLONE_NEW)
    yield (_RETURN, 0, 0, _ERRNO | _EPERM)
    if not forks:
        yield (_ANY_BIT, 1, 0, _CLONE_THREAD)
        yield (_RETURN, 0, 0, _ERRNO | _EPERM)
    yield (_RETURN, 0, 0, _ALLOW)
