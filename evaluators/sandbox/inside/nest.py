"""Shuts this process into namespaces of its own, as bubblewrap does, without any other program.

The process forks: the first of the two stays outside as a guard, which tells the number of the
other and ends as it ends; the other goes on inside, as the first process of its own. Sources:
namespaces(7), user_namespaces(7), pivot_root(2), mount_setattr(2), capabilities(7).
"""

from __future__ import annotations

import os
import sys

from graphsearch.evaluators.sandbox.inside.libc import call, must

TYPE_CHECKING = False  # as in typing, whose import costs more than Python's start
if TYPE_CHECKING:
    from typing import Any

__all__ = ["nest"]

_NEW_ALL = 0x00020000 | 0x20000000 | 0x40000000 | 0x08000000 | 0x04000000 | 0x02000000
_NEW_USER = 0x10000000
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_MOUNT_SETATTR = 442
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 24, 38
_CAPABILITY_VERSION = 0x20080522
_SETUID, _SETGID = 1 << 7, 1 << 6
_SIGKILL = 9
_SIGNALLED = 128


def nest(plan: dict[str, Any]) -> None:
    """Return inside; the guard never returns.

    Args:
        plan: `tell` (descriptor for the number of the process inside), `guarded` (whether all ends
            with the thread that started this), `user` (number to be seen as in a user namespace,
            None for none), `binds` (pairs of a path and whether it is a device), `links` (pairs
            of a path and where it leads), `size` (bytes of the folder in memory).

    Raises:
        OSError: the kernel refuses a step.
    """
    if plan["guarded"]:
        must("prctl", _PR_SET_PDEATHSIG, _SIGKILL)
    outer_user, outer_group = os.geteuid(), os.getegid()
    must("unshare", _NEW_ALL | (0 if plan["user"] is None else _NEW_USER))
    if plan["user"] is not None:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{plan['user']} {outer_user} 1")
        _write("/proc/self/gid_map", f"{plan['user']} {outer_group} 1")
    nothing = os.open("/dev/null", os.O_RDWR)  # now: the guard's root is about to change too
    child = os.fork()
    if child:
        _guard(child, plan["tell"], nothing)
    os.close(plan["tell"])
    os.close(nothing)
    must("prctl", _PR_SET_PDEATHSIG, _SIGKILL)
    os.setsid()
    must("sethostname", b"sandbox", 7)
    _root(plan)
    _drop(keep=0 if plan["user"] is not None else _SETUID | _SETGID)


def _guard(child: int, tell: int, nothing: int) -> None:
    os.write(tell, b'{"child-pid": %d}\n' % child)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.closerange(3, 1024)  # else the ends of the program's pipes would stay open here
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else _SIGNALLED - code)


def _root(plan: dict[str, Any]) -> None:
    """Build a root of files in memory and leave the old one."""
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", "/tmp", "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=0755,size=1m")
    os.chdir("/tmp")
    os.umask(0o022)
    os.mkdir("old")
    os.mkdir("new")
    _pivot("/tmp", "old")
    os.chdir("/")
    _mount("/new", "/new", None, _MS_BIND | _MS_REC)
    for path, device in plan["binds"]:
        _bind(path, _ATTR_NOSUID | (0 if device else _ATTR_RDONLY | _ATTR_NODEV))
    for path, target in plan["links"]:
        os.makedirs(os.path.dirname(f"/new{path}"), exist_ok=True)
        os.symlink(target, f"/new{path}")
    os.mkdir("/new/tmp")
    room = f"mode=1777,size={plan['size']},nr_inodes=20000"
    _mount("tmpfs", "/new/tmp", "tmpfs", _MS_NOSUID | _MS_NODEV, room)
    _attributes("/new", _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV, 0)
    must("umount2", b"/old", _MNT_DETACH)
    os.chdir("/new")
    _pivot(".", ".")
    must("umount2", b".", _MNT_DETACH)
    os.chdir("/tmp")


def _bind(path: str, attributes: int) -> None:
    source, target = f"/old{path}", f"/new{path}"
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    _mount(source, target, None, _MS_BIND | _MS_REC)
    _attributes(target, attributes, _AT_RECURSIVE)


def _drop(*, keep: int) -> None:
    """Give up all rights of root but those by which the user is changed later."""
    for right in range(64):
        if not (1 << right) & keep and call("prctl", _PR_CAPBSET_DROP, right, 0, 0, 0):
            break  # there is none of that number
    head = _CAPABILITY_VERSION.to_bytes(4, sys.byteorder) + bytes(4)
    sets = keep.to_bytes(4, sys.byteorder) * 2 + bytes(16)
    must("capset", head, sets)
    must("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _pivot(new: str, old: str) -> None:
    must("syscall", _PIVOT_ROOT[os.uname().machine], new.encode(), old.encode())


def _attributes(path: str, attributes: int, flags: int) -> None:
    wanted = attributes.to_bytes(8, sys.byteorder) + bytes(24)
    must("syscall", _MOUNT_SETATTR, _AT_FDCWD, path.encode(), flags, wanted, 32)


def _mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    kinds = None if kind is None else kind.encode()
    must("mount", source.encode(), target.encode(), kinds, flags, data.encode() or None)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
