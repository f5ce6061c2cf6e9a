"""The worker's side: knows one job, answers one line of JSON for each it is given.

Run as `python -s -P _serve.py ROOT JOB MEMORY SECONDS`: ROOT is the folder that holds the package
`graphsearch`, JOB the module of the job, whose `start(setup)` returns the function that works. The
first line given is the setup.
"""

import json
import os
import resource
import signal
import sys
import threading
import time
from importlib import import_module
from typing import Any

_GRACE = 2.0
_WATCH_SECONDS = 1.0


def _limit(memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _limit_cpu(seconds: float) -> None:
    """The kernel ends a worker whose parent no longer can: it was killed, or is itself stuck."""
    used = time.process_time()
    most = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used + seconds + _GRACE) + 1, most))


def _watch(parent: int) -> None:
    """End with the parent, whatever the job is doing."""
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)


def _private_channel() -> tuple[Any, int]:
    """The pipes to the parent, out of reach of what the job prints and reads."""
    lines = os.fdopen(os.dup(0), "rb")
    out = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(nothing, fd)
    return lines, out


def _send(out: int, record: dict[str, Any]) -> None:
    data = json.dumps(record).encode() + b"\n"
    while data:
        data = data[os.write(out, data) :]


def _answer(work: Any, request: Any) -> dict[str, Any]:
    try:
        return {"value": work(request)}
    except MemoryError:
        return {"memory": True}
    except BaseException as error:  # SystemExit, and what libraries raise for time limits, too
        return {"raised": f"{type(error).__name__}: {error}"[:2000]}


def main(root: str, job: str, memory: str, seconds: str) -> int:
    """Serve until the parent closes the pipe."""
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()
    lines, out = _private_channel()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    setup = json.loads(lines.readline() or b"null")
    _limit(int(memory))
    sys.path.insert(0, root)
    try:
        work = import_module(job).start(setup)
    except BaseException as error:
        _send(out, {"refused": f"{type(error).__name__}: {error}"[:2000]})
        return 1
    _send(out, {"ready": True})
    for line in lines:
        _limit_cpu(float(seconds))
        record = _answer(work, json.loads(line))
        try:
            _send(out, record)
        except (TypeError, ValueError, RecursionError) as error:
            _send(out, {"raised": f"its answer is no JSON: {error}"[:2000]})
    return 0


if __name__ == "__main__":
    code = main(*sys.argv[1:])
    os._exit(code)  # threads that a job has left behind do not hold it up
