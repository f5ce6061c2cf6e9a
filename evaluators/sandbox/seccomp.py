"""The filter of system calls, as a program for the kernel (classic BPF).

Denied, with EPERM: new processes and other programs (threads stay), sockets of every kind but a
`socketpair` of AF_UNIX whose messages name no address and carry no descriptor, other processes'
memory, mounts and namespaces, keys, BPF, io_uring, kernel modules, memory that no limit counts
(memfd, System V, POSIX queues). What is newer than this list is denied with ENOSYS.

More rules keep a program from feigning a fault of the machine, and from outliving its grader:

- It cannot make itself wait for a core (priorities, schedulers, cores).
- It cannot bring about its end by SIGKILL: sending it is denied, a new limit on CPU time is ignored
  (a harmless program may set one), and who ends with a status from 129 to 192, by which a shell and
  bubblewrap tell of a signal, is killed by SIGSYS. So a status of 137 is told by the kernel alone.
- It can signal itself alone.
- It cannot take back the wish to end with its parent (`PR_SET_PDEATHSIG`), nor shed it by starting
  another program from a thread, or by a change of its user.

Sources: `asm/unistd_64.h`, `asm-generic/unistd.h`, `linux/seccomp.h`, prctl(2).
"""

import platform
import struct
import sys
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

__all__ = ["SELF", "seccomp_program"]

SELF: Final = b"\xfe\xca\xfe\x7f"
"""Stands in the filter for the number of the process that takes it on, which puts its own here."""

_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000
_ERRNO: Final = 0x00050000
_EPERM: Final = 1
_ENOSYS: Final = 38
_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_AT_LEAST: Final = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_ANY_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_AND: Final = 0x54  # BPF_ALU | BPF_AND | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K
_NUMBER_AT: Final = 0
_ARCH_AT: Final = 4
_ARGUMENTS_AT: Final = 16
_ARGUMENT_BYTES: Final = 8
_SIGKILL: Final = 9
_F_SETSIG: Final = 10
_AF_UNIX: Final = 1
_RLIMIT_CPU: Final = 0
_PR_SET_PDEATHSIG: Final = 1
_STATUS_OF_SIGNAL: Final = 128
_SIGNALS: Final = 64
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
    *(57, 58, 59, 322),  # fork, vfork, execve, execveat
    *(29, 30, 31, 64, 65, 66, 67, 68, 69, 70, 71, 220, 240, 241, 242, 243, 244, 245),  # IPC
    *(41, 42, 46, 49, 50, 307),  # socket, connect, sendmsg, bind, listen, sendmmsg
    *(101, 200, 310, 311, 312),  # ptrace, tkill, process_vm_*, kcmp
    *(141, 142, 144, 203, 251, 314),  # priorities, schedulers, cores
    *(103, 134, 135, 139, 153, 154, 155, 161, 163, 165, 166, 167, 168, 169, 170, 171, 172, 173),
    *(175, 176, 179, 180, 212, 246, 304, 303, 313, 320),  # modules, quotas, kexec, file handles
    *(159, 164, 227, 305),  # clocks
    222,  # timer_create
    *(105, 106, 113, 114, 116, 117, 119, 122, 123, 126),  # other users, groups, capabilities
    *(237, 238, 256, 279),  # memory of other nodes and processes
    *(248, 249, 250, 272, 298, 300, 308, 319, 321, 323),  # keys, unshare, perf, setns, memfd, bpf
}
_AARCH64: Final = _COMMON | {
    *(180, 181, 182, 183, 184, 185, 186, 187, 188, 189, 190, 191, 192, 193, 194, 195, 196, 197),
    *(198, 200, 201, 203, 211, 269),  # socket, bind, listen, connect, sendmsg, sendmmsg
    *(221, 281),  # execve, execveat
    *(117, 130, 270, 271, 272),
    *(30, 118, 119, 122, 140, 274),
    *(18, 39, 40, 41, 42, 51, 58, 60, 89, 92, 104, 105, 106, 116, 142, 161, 162, 224, 225),
    *(264, 265, 273, 294),
    *(112, 170, 171, 266),
    107,
    *(143, 144, 145, 146, 147, 149, 151, 152, 159, 91),
    *(235, 237, 238, 239),
    *(97, 217, 218, 219, 241, 262, 268, 279, 280, 282),
}


class _Machine(NamedTuple):
    """What a processor calls things.

    Attributes:
        arch: AUDIT_ARCH_*.
        denied: calls that are never allowed,
        starting: and those of them that a process that may start others may use.
        signals: calls that send a signal, with the place of its number: kill, tgkill,
            rt_sigqueueinfo, rt_tgsigqueueinfo. (tkill, which names no process, is never allowed.)
        values: calls with the place of an argument and the value of it that is denied: fcntl,
            prctl.
        clone: the other calls whose arguments are looked at, this one
        sendto: and so on.
    """

    arch: int
    denied: set[int]
    starting: set[int]
    signals: tuple[tuple[int, int], ...]
    values: tuple[tuple[int, int, int], ...]
    clone: int
    sendto: int
    socketpair: int
    setrlimit: int
    prlimit: int
    exits: tuple[int, int]


_KNOWN: Final[Mapping[str, _Machine]] = {
    "x86_64": _Machine(
        arch=0xC000003E,
        denied=_X86_64,
        starting={57, 58, 59, 322},
        signals=((62, 1), (234, 2), (129, 1), (297, 2)),
        values=((72, 1, _F_SETSIG), (157, 0, _PR_SET_PDEATHSIG)),
        clone=56,
        sendto=44,
        socketpair=53,
        setrlimit=160,
        prlimit=302,
        exits=(60, 231),
    ),
    "aarch64": _Machine(
        arch=0xC00000B7,
        denied=_AARCH64,
        starting={221, 281},
        signals=((129, 1), (131, 2), (138, 1), (240, 2)),
        values=((25, 1, _F_SETSIG), (167, 0, _PR_SET_PDEATHSIG)),
        clone=220,
        sendto=206,
        socketpair=199,
        setrlimit=164,
        prlimit=261,
        exits=(93, 94),
    ),
}

_Step = tuple[int, int, int, int]


def seccomp_program(*, forks: bool, machine: str | None = None) -> bytes | None:
    """The filter as `struct sock_filter[]`.

    Args:
        forks: whether new processes, signals to them and limits on CPU time are allowed.
        machine: processor, as `platform.machine` says it; this one by default.

    Returns:
        None for processors whose numbers are not known here.
    """
    known = _KNOWN.get(platform.machine() if machine is None else machine)
    if known is None:
        return None
    return b"".join(struct.pack("=HBBI", *step) for step in _steps(known, forks=forks))


def _steps(machine: _Machine, *, forks: bool) -> Iterator[_Step]:
    """The steps. A jump's two numbers: how many steps it passes over when it holds, and if not."""
    allow, deny = (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ERRNO | _EPERM)
    ignore, absent = (_RETURN, 0, 0, _ERRNO), (_RETURN, 0, 0, _ERRNO | _ENOSYS)
    kill = (_RETURN, 0, 0, _KILL)
    yield from ((_LOAD, 0, 0, _ARCH_AT), (_EQUAL, 1, 0, machine.arch), kill)
    yield (_LOAD, 0, 0, _NUMBER_AT)
    yield from ((_AT_LEAST, 0, 1, _NEWEST_KNOWN), absent)  # the 32-bit numbers of x86-64 too
    yield from ((_EQUAL, 0, 1, _CLONE3), absent)  # its flags are out of reach; libc asks clone then
    for number in sorted(machine.denied - machine.starting if forks else machine.denied):
        yield from ((_EQUAL, 0, 1, number), deny)
    itself = (
        () if forks else (_argument(0), (_EQUAL, 1, 0, int.from_bytes(SELF, sys.byteorder)), deny)
    )
    for number, place in machine.signals:
        signal = (_argument(place), (_EQUAL, 0, 1, _SIGKILL), deny)
        yield from _of_call(number, *itself, *signal, allow)
    for number, place, value in machine.values:
        yield from _of_call(number, _argument(place), (_EQUAL, 0, 1, value), deny, allow)
    family = _argument(0)
    yield from _of_call(machine.socketpair, family, (_EQUAL, 1, 0, _AF_UNIX), deny, allow)
    yield from _of_call(machine.sendto, *_if_pointer(4, deny), allow)
    if not forks:
        limit = (_EQUAL, 1, 0, _RLIMIT_CPU)
        yield from _of_call(machine.setrlimit, _argument(0), limit, allow, ignore)
        yield from _of_call(
            machine.prlimit, _argument(1), limit, allow, *_if_pointer(2, ignore), allow
        )
    below = (_AT_LEAST, 0, 2, _STATUS_OF_SIGNAL + 1)
    above = (_AT_LEAST, 1, 0, _STATUS_OF_SIGNAL + _SIGNALS + 1)
    for number in machine.exits:
        yield from _of_call(number, _argument(0), (_AND, 0, 0, 0xFF), below, above, kill, allow)
    starts = () if forks else ((_ANY_BIT, 1, 0, _CLONE_THREAD), deny)
    yield from _of_call(
        machine.clone, _argument(0), (_ANY_BIT, 0, 1, _CLONE_NEW), deny, *starts, allow
    )
    yield allow


def _of_call(number: int, *steps: _Step) -> Iterator[_Step]:
    """Steps for one call alone; the last of them must return."""
    yield (_EQUAL, 0, len(steps), number)
    yield from steps


def _argument(place: int, *, upper: bool = False) -> _Step:
    """Load the lower half of an argument, or the upper one."""
    return (_LOAD, 0, 0, _ARGUMENTS_AT + place * _ARGUMENT_BYTES + (4 if upper else 0))


def _if_pointer(place: int, found: _Step) -> Iterator[_Step]:
    """Return `found` when an argument of 64 bits is not 0."""
    yield from (_argument(place), (_EQUAL, 0, 2, 0))
    yield from (_argument(place, upper=True), (_EQUAL, 1, 0, 0), found)
