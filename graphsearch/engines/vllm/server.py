"""Starts one server, waits until it answers, and ends servers whatever state they are in."""

import os
import re
import secrets
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from graphsearch.engines.vllm.plan import ServerPlan
from graphsearch.engines.vllm.probe import ask
from graphsearch.engines.vllm.processes import Process, identity, session_of, with_word
from graphsearch.engines.vllm.state import Record, State
from graphsearch.records.errors import FleetError, GraphsearchError

__all__ = ["ServerFailed", "keepers_of", "server_failed", "spawn", "stop", "wait_until_up"]

GRACE: Final = 10.0
"""Seconds a server has to end by itself before its keeper kills it."""
_MORE: Final = 10.0
_KEEPER: Final = Path(__file__).with_name("_keeper.py")
_LAST_LINES: Final = 15
_LAST_BYTES: Final = 200_000
_MOST_ERRORS: Final = 4
_ERROR: Final = re.compile(r"\b[A-Za-z_][\w.]*(Error|Exception): \S.{0,300}")
_LOOK_EVERY: Final = (0.05, 0.5)


class ServerFailed(GraphsearchError):
    """A server did not come up.

    Attributes:
        message: what happened, with the errors that its log names, in one line.
        tail: the last lines of its log.
    """

    def __init__(self, message: str, *, tail: str = "") -> None:
        self.message = message
        self.tail = tail
        super().__init__(f"{message}; the last lines:\n{tail}" if tail else message)


def spawn(plan: ServerPlan, state: State, *, fleet: str, attached: bool) -> Record:
    """Start a server's keeper, which starts the server; on disk before it is there.

    Args:
        plan: what to start.
        state: where it is recorded.
        fleet: name of the fleet.
        attached: whether the server shall end when this process does, however it ends.

    Raises:
        FleetError: a key that it shall ask for is not in the environment.
    """
    env = {name: value for name, value in os.environ.items() if name not in plan.without}
    env |= plan.env
    if plan.key_env is not None:
        key = os.environ.get(plan.key_env)
        if not key:
            raise FleetError(
                f"the environment variable {plan.key_env}, which holds the key its server shall "
                "ask for, is not set",
                where=f"model {plan.model}: api_key_env",
            )
        env["VLLM_API_KEY"] = key
    record = Record(
        fleet=fleet,
        model=plan.model,
        served_name=plan.served_name,
        host=plan.host,
        port=plan.port,
        digest=plan.digest,
        token=secrets.token_hex(16),
        log=state.log(plan.port),
        created=time.time(),
        sleeps=plan.sleeps,
    )
    state.put(record)
    parent = os.getpid() if attached else 0
    # -I: what its server's environment says to Python is meant for the server.
    words = [sys.executable, "-I", str(_KEEPER), "--token", record.token, "--cwd", plan.cwd]
    words += ["--parent", str(parent), "--grace", str(GRACE), "--", *plan.command]
    writing = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    # Not subprocess: its objects complain when they are let go while their process runs.
    pid = os.posix_spawn(
        words[0],
        words,
        env,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(record.log), writing, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    record = record.model_copy(update={"keeper": identity(pid)})
    state.put(record)
    return record


def wait_until_up(
    record: Record,
    plan: ServerPlan,
    *,
    timeout_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Wait until a server answers and has its model.

    Raises:
        ServerFailed: it ended, did not answer in time, or has another model; with the last lines
            of its log.
    """
    until = clock() + timeout_s
    pause, longest = _LOOK_EVERY
    while True:
        if not record.alive:
            code = ""
            if record.keeper is not None:
                with suppress(ChildProcessError):  # not ours: an earlier process started it
                    pid, status = os.waitpid(record.keeper.pid, os.WNOHANG)
                    code = f" with code {os.waitstatus_to_exitcode(status)}" if pid else ""
            raise server_failed(record, f"ended{code} before it was up")
        answer = ask(record.host, record.port, "/health")
        if answer is not None and answer.status == 200:
            key = None if plan.key_env is None else os.environ.get(plan.key_env)
            listed = ask(record.host, record.port, "/v1/models", key=key)
            there = () if listed is None else listed.models
            if record.served_name not in there:
                named = ", ".join(there) or "no model"
                raise server_failed(
                    record, f"is up and has {named} where {record.served_name} was meant"
                )
            return
        if clock() >= until:
            raise server_failed(record, f"was not up after {timeout_s:.0f} s")
        time.sleep(pause)
        pause = min(longest, 1.5 * pause)


def server_failed(record: Record, what: str) -> ServerFailed:
    """What happened to a server, and what its log says about it.

    The last lines alone would not do: vLLM ends with a traceback of the process that waited, and
    what went wrong in another one stands above it.
    """
    log = b""
    with suppress(OSError), record.log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_BYTES))
        log = file.read()
    lines = log.decode("utf-8", errors="replace").splitlines()
    found = (_ERROR.search(line) for line in lines if "WARNING" not in line)
    errors = list(dict.fromkeys(match.group().strip() for match in found if match))
    named = f": {'; '.join(errors[:_MOST_ERRORS])}" if errors else ""
    message = f"model {record.model}: its server {what}{named}; its log is {record.log}"
    return ServerFailed(message, tail="\n".join(lines[-_LAST_LINES:]))


def keepers_of(record: Record) -> list[Process]:
    """The keeper of a server: the one recorded, or whoever bears the record's word.

    The second is for a launcher that died between the start and the note of it.
    """
    if record.keeper is not None:
        return [record.keeper] if record.keeper.alive else []
    return with_word(record.token)


def stop(state: State, records: Sequence[Record], *, grace: float = GRACE) -> None:
    """End servers, all at once, and forget them; those that are gone are only forgotten."""
    kept = {record.port: keepers_of(record) for record in records}
    for keepers in kept.values():
        for keeper in keepers:
            keeper.signal(signal.SIGTERM)
    until = time.monotonic() + grace + _MORE
    for record in records:
        leaders = [*kept[record.port], *([record.keeper] if record.keeper is not None else [])]
        _wait(kept[record.port], until)
        # For those whose keeper could not: it was killed, or hangs.
        rest = [one for leader in leaders for one in (leader, *session_of(leader))]
        for one in rest:
            one.signal(signal.SIGKILL)
        _wait(rest, time.monotonic() + _MORE)
        state.drop(record)


def _wait(processes: Sequence[Process], until: float) -> None:
    while any(one.alive for one in processes) and time.monotonic() < until:
        time.sleep(_LOOK_EVERY[0])
    for one in processes:  # those that are our own children stay in the table until buried
        with suppress(ChildProcessError):
            os.waitpid(one.pid, os.WNOHANG)
