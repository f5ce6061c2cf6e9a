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
_LONGEST_REASON = 2000


def main(root: str, job: str, memory: str, seconds: str) -> int:
    """Serve until the parent closes the pipe."""
    parent, owner = os.getppid(), os.getpid()

    def end_with_parent() -> None:  # whatever the job is doing
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    # The pipes, out of reach of what the job prints and reads.
    lines, out = os.fdopen(os.dup(0), "rb"), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(nothing, number)

    def send(nonce: str, record: dict[str, Any]) -> None:
        if os.getpid() != owner:
            os._exit(0)  # a child that the job forked and let come back: it was asked nothing
        text = json.dumps({"nonce": nonce, **record})
        if "\\ud" in text:
            text = json.dumps(_whole(json.loads(text)))
        data = text.encode() + b"\n"
        while data:
            data = data[os.write(out, data) :]

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    sys.path.insert(0, root)
    work = None
    while line := lines.readline():
        nonce, request = json.loads(line)
        if work is None:
            try:
                work = import_module(job).start(request)
            except BaseException as error:
                send(nonce, {"refused": _said(error)})
                return 1
            send(nonce, {"ready": True})
            continue
        # The kernel ends a worker whose parent no longer can: it was killed, or is itself stuck.
        most = resource.getrlimit(resource.RLIMIT_CPU)[1]
        until = int(time.process_time() + float(seconds) + _GRACE) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (until, most))
        try:
            record = {"value": work(request)}
        except MemoryError:
            record = {"memory": True}
        except BaseException as error:  # SystemExit, and what libraries raise for time limits, too
            record = {"raised": _said(error)}
        try:
            send(nonce, record)
        except (TypeError, ValueError, RecursionError) as error:
            send(nonce, {"raised": f"its answer is no JSON: {error}"[:_LONGEST_REASON]})
    return 0


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:_LONGEST_REASON]


def _whole(value: Any) -> Any:
    """JSON with U+FFFD in place of halves of characters."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(part) for part in value]
    if isinstance(value, dict):
        return {_whole(name): _whole(part) for name, part in value.items()}
    return value


if __name__ == "__main__":
    code = main(*sys.argv[1:])
    os._exit(code)  # threads that a job has left behind do not hold it up
