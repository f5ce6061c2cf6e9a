r"""The worker's side: knows one job, answers one line of JSON for each it is given.

A line given is a list: a nonce, then the request; the answer bears its nonce. Half a character
(`"\ud83d"`) in an answer becomes U+FFFD: nothing that writes UTF-8 could keep it.

Run as `python -s -P _serve.py ROOT JOB MEMORY SECONDS`: ROOT is the folder that holds the package
`graphsearch`, JOB the module of the job, whose `start(setup)` returns the function that works. The
first line given holds the setup.
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


class _Channel:
    """The pipes to the parent, out of reach of what the job prints and reads."""

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._lines = os.fdopen(os.dup(0), "rb")
        self._out = os.dup(1)
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1):
            os.dup2(nothing, fd)

    def read(self) -> tuple[str, Any] | None:
        """The nonce of a request, and the request; None when there will be no more."""
        line = self._lines.readline()
        if not line:
            return None
        nonce, request = json.loads(line)
        return nonce, request

    def send(self, nonce: str, record: dict[str, Any]) -> None:
        """Answer the request of that nonce."""
        if os.getpid() != self._owner:
            os._exit(0)  # a child that the job forked and let come back: it was asked nothing
        text = json.dumps({"nonce": nonce, **record})
        if "\\ud" in text:
            text = json.dumps(_whole(json.loads(text)))
        data = text.encode() + b"\n"
        while data:
            data = data[os.write(self._out, data) :]


def _whole(value: Any) -> Any:
    """JSON with U+FFFD in place of halves of characters."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(part) for part in value]
    if isinstance(value, dict):
        return {_whole(name): _whole(part) for name, part in value.items()}
    return value


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
    channel = _Channel()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    given = channel.read()
    if given is None:
        return 1
    nonce, setup = given
    _limit(int(memory))
    sys.path.insert(0, root)
    try:
        work = import_module(job).start(setup)
    except BaseException as error:
        channel.send(nonce, {"refused": f"{type(error).__name__}: {error}"[:2000]})
        return 1
    channel.send(nonce, {"ready": True})
    while (given := channel.read()) is not None:
        nonce, request = given
        _limit_cpu(float(seconds))
        record = _answer(work, request)
        try:
            channel.send(nonce, record)
        except (TypeError, ValueError, RecursionError) as error:
            channel.send(nonce, {"raised": f"its answer is no JSON: {error}"[:2000]})
    return 0


if __name__ == "__main__":
    code = main(*sys.argv[1:])
    os._exit(code)  # threads that a job has left behind do not hold it up
