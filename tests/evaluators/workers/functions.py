"""What a worker may be given to do: loaded in workers alone, by the path of this file."""

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress


def echo(item, answer):
    print("noise on standard output")
    print("noise on standard error", file=sys.stderr)
    return {"score": 1.0, "reason": answer}


def who(item, answer):
    return {"score": 1.0, "reason": str(os.getpid())}


def environment(item, answer):
    return {"score": 1.0, "reason": " ".join(sorted(os.environ))}


def act(item, answer):
    """Does what the answer says."""
    return globals()[f"_{answer}"]() or True


def once(item, answer):
    """Does what the answer says if it is the first to see the file that it names."""
    how, _, mark = answer.partition(" ")
    if mark and not os.path.exists(mark):
        with open(mark, "x"):
            pass
        globals()[f"_{how}"]()
    return {"score": 1.0, "reason": "fine"}


def twins(item, answer):
    """Comes back twice."""
    os.fork()
    return {"score": 1.0, "reason": str(os.getpid())}


def late(item, answer):
    """Leaves behind a child that answers while the next request is worked on.

    The answer names a folder, and whether this is the first request.
    """
    how, _, folder = answer.partition(" ")
    begun, written = f"{folder}/begun", f"{folder}/written"
    if how == "next":
        with open(begun, "w"):
            pass
        _wait_for(written)
    elif os.fork() == 0:
        os.setsid()  # it outlives the worker that its line is the end of
        _wait_for(begun)
        _write_everywhere(b'{"value": {"score": 0.0, "reason": "late"}}\n')
        with open(written, "w"):
            pass
        os._exit(0)
    return {"score": 1.0, "reason": how}


def _wait_for(path):
    while not os.path.exists(path):
        time.sleep(0.01)


def _write_everywhere(line):
    for fd in range(3, 16):
        with suppress(OSError):
            os.write(fd, line)


hoarded = []


def hoard(item, answer):
    """Keeps what it has made, as caches do."""
    hoarded.append(bytearray(64 << 20))
    return {"score": 1.0, "reason": str(os.getpid())}


def _stop():
    os.kill(os.getpid(), signal.SIGSTOP)


def _sleep():
    time.sleep(3600)


def _loop():
    while True:
        pass


def _hold():
    """Never lets another thread of the process run."""
    return len(str(9 ** (9**9))) > 0


def _exit():
    sys.exit(0)


def _vanish():
    os._exit(7)


def _crash():
    ctypes.string_at(0)


def _eat():
    return len(bytearray(1 << 40)) > 0


def _eat_slowly():
    eaten = []
    while True:
        eaten.append(bytearray(1 << 26))


def _raise():
    raise ValueError("no such thing")


def _recurse():
    return _recurse()


def _flood():
    return {"score": 1.0, "reason": "x" * (1 << 22)}


def _close():
    os.closerange(3, 64)
    time.sleep(3600)


def _forge():
    _write_everywhere(b"[1]\n")
    time.sleep(3600)


def _claim():
    """Answers by itself, then comes back."""
    _write_everywhere(b'{"value": {"score": 1.0, "reason": "claimed"}}\n')


def _children():
    """Leaves a child behind that ignores requests to end."""
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(1)
    time.sleep(3600)


def _text():
    return "right"


def _object():
    return object()


def _nan():
    return float("nan")
