"""Ends servers, whatever state they are in, and nobody else."""

import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from os import WNOHANG, waitpid
from typing import Final

from graphsearch.engines.vllm._processes import Process, session_of, with_word
from graphsearch.engines.vllm._state import Record, State

__all__ = ["GRACE", "keepers_of", "stop"]

GRACE: Final = 10.0
"""Seconds a server has to end by itself before its keeper kills it."""
_MORE: Final = 10.0
_LOOK_EVERY: Final = 0.05


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
        _kill([one for leader in leaders for one in (leader, *session_of(leader))])
        state.drop(record)


def _wait(processes: Sequence[Process], until: float) -> None:
    while any(one.alive for one in processes) and time.monotonic() < until:
        time.sleep(_LOOK_EVERY)
    for one in processes:  # those that are our own children stay in the table until buried
        with suppress(ChildProcessError):
            waitpid(one.pid, WNOHANG)


def _kill(processes: Sequence[Process]) -> None:
    """For those whose keeper could not: it was killed, or hangs."""
    for one in processes:
        one.signal(signal.SIGKILL)
    _wait(processes, time.monotonic() + _MORE)
