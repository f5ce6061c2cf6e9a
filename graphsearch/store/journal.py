"""The journal: every reply that was paid for, found again by its call key."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, select

from graphsearch.ledger import Booked, Spend
from graphsearch.records.calls import Call, Outcome, Reply, Usage, canonical_json
from graphsearch.records.errors import EngineError, StoreError
from graphsearch.store._books import sums_of_rows
from graphsearch.store._prepared import Insert
from graphsearch.store._tables import SPEND_COLUMNS, calls, failures
from graphsearch.store._writer import Landed, Writer

__all__ = ["Journal"]

KEPT_BYTES: Final = 16_000_000
"""Memory for recent replies, about; older ones are read again from disk."""

_COMMON: Final = 700
"""Bytes of a reply beside its text, its key and its place counted; 600 were measured."""

_CALL: Final = ("key", "account", "stream", "item", "model", "sample", "outcome", "text")
_REPLY: Final = ("prompt_tokens", "completion_tokens", "seconds", "detail")


class Journal:
    """Replies by call key, and the attempts that failed.

    A reply is served only after its row was committed. Failures are recorded, never served. The
    keys stay in memory (about 100 bytes a call), so asking for a call that was never made costs
    nothing; replies stay up to `KEPT_BYTES`.

    `post` and `post_failure` call back when the row is on disk, `put` and `put_failure` return
    then. Not for use from several threads.
    """

    def __init__(self, writer: Writer | None, reader: Connection) -> None:
        self._writer = writer
        self._reader = reader
        self._keys: set[bytes] = {
            bytes.fromhex(k) for k in reader.execute(select(calls.c.key)).scalars()
        }
        self._recent: OrderedDict[str, Reply] = OrderedDict()
        self._recent_bytes = 0
        self._posted: dict[str, Reply] = {}
        """Replies on their way to disk."""
        self._calls = Insert(calls, (*_CALL, *_REPLY, *SPEND_COLUMNS), reader.dialect)
        self._failures = Insert(failures, (*_CALL, "attempt", *SPEND_COLUMNS), reader.dialect)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: str) -> bool:
        return bytes.fromhex(key) in self._keys

    def get(self, key: str) -> Reply | None:
        """The reply of a call that was made before, or None."""
        reply = self._recent.get(key)
        if reply is not None:
            self._recent.move_to_end(key)
            return reply
        if bytes.fromhex(key) not in self._keys:
            return None
        row = self._reader.execute(_ONE, {"wanted": key}).one()
        reply = Reply(
            row.text,
            Usage(row.prompt_tokens, row.completion_tokens, 1),
            Outcome(row.outcome),
            row.seconds,
            json.loads(row.detail) if row.detail else {},
        )
        self._know(key, reply)
        return reply

    def post(
        self, key: str, call: Call, reply: Reply, *, account: str, spend: Spend, landed: Landed
    ) -> None:
        """Have a reply written with its cost; `landed` is called when both are on disk.

        Raises:
            StoreError: the store is broken or closed.
        """
        row = (
            *_about(key, call, account),
            reply.outcome.value,
            reply.text,
            reply.usage.prompt_tokens,
            reply.usage.completion_tokens,
            reply.seconds,
            canonical_json(reply.detail) if reply.detail else None,
            *spend.quanta,
        )

        def keep(problem: StoreError | None) -> None:
            self._posted.pop(key, None)
            if problem is None:
                self._know(key, reply)
            landed(problem)

        self._write().post(self._calls, row, keep)
        self._posted[key] = reply

    async def put(self, key: str, call: Call, reply: Reply, *, account: str, spend: Spend) -> None:
        """Write a reply with its cost; returns when both are on disk.

        Raises:
            StoreError: they could not be written.
        """
        done = asyncio.get_running_loop().create_future()
        self.post(key, call, reply, account=account, spend=spend, landed=partial(_end, done))
        await done

    def post_failure(
        self,
        key: str,
        call: Call,
        error: EngineError,
        *,
        account: str,
        spend: Spend,
        attempt: int,
        landed: Landed = lambda problem: None,
    ) -> None:
        """Have an attempt that failed written; `landed` is called when it is on disk.

        Raises:
            StoreError: the store is broken or closed.
        """
        row = (
            *_about(key, call, account),
            error.outcome.value,
            str(error).encode(errors="replace").decode(),
            attempt,
            *spend.quanta,
        )
        self._write().post(self._failures, row, landed)

    async def put_failure(
        self, key: str, call: Call, error: EngineError, *, account: str, spend: Spend, attempt: int
    ) -> None:
        """Write an attempt that failed; returns when it is on disk.

        Raises:
            StoreError: it could not be written.
        """
        done = asyncio.get_running_loop().create_future()
        landed = partial(_end, done)
        self.post_failure(
            key, call, error, account=account, spend=spend, attempt=attempt, landed=landed
        )
        await done

    def catch_up(self) -> None:
        """Have all that was posted on event loops that are no more on disk, and known.

        Raises:
            StoreError: it could not be written.
        """
        if self._posted:
            self._write().run(lambda connection: None)
            for key, reply in self._posted.items():
                self._know(key, reply)
            self._posted.clear()

    def booked(self) -> dict[str, Booked]:
        """Sums of all spends by account, exact; what `Ledger.restore` takes."""
        return {account: book.booked for account, book in sums_of_rows(self._reader).items()}

    def counts(self) -> dict[str, int]:
        """How many replies and failures there are, by outcome."""
        found: dict[str, int] = {}
        for table in (calls, failures):
            query = select(table.c.outcome, func.count()).group_by(table.c.outcome)
            for outcome, count in self._reader.execute(query):
                found[outcome] = found.get(outcome, 0) + count
        return dict(sorted(found.items()))

    def rows(self, *, stream: str | None = None) -> Iterator[dict[str, Any]]:
        """All replies as plain rows, sorted by key; for reports and exports."""
        query = select(calls).order_by(calls.c.key)
        if stream is not None:
            query = query.where(calls.c.stream == stream)
        for row in self._reader.execute(query).mappings():
            yield dict(row)

    def failed_rows(self) -> Iterator[dict[str, Any]]:
        """All attempts that brought no reply, as plain rows, in the order they were written."""
        for row in self._reader.execute(select(failures).order_by(failures.c.id)).mappings():
            yield dict(row)

    def _write(self) -> Writer:
        if self._writer is None:
            raise TypeError("this store was opened for reading only")
        return self._writer

    def _know(self, key: str, reply: Reply) -> None:
        """A reply is on disk; keep it in memory while there is room."""
        self._keys.add(bytes.fromhex(key))
        self._recent[key] = reply
        self._recent_bytes += len(reply.text) + _COMMON
        while self._recent_bytes > KEPT_BYTES:
            _, oldest = self._recent.popitem(last=False)
            self._recent_bytes -= len(oldest.text) + _COMMON


_ONE: Final = select(*(calls.c[name] for name in ("text", "outcome", *_REPLY))).where(
    calls.c.key == bindparam("wanted")
)


def _about(key: str, call: Call, account: str) -> tuple[str | int, ...]:
    """What a row of either table says first, in the order of `_CALL`."""
    return (key, account, call.stream, call.item, call.model, call.sample)


def _end(done: "asyncio.Future[None]", problem: StoreError | None) -> None:
    if done.done():
        return
    if problem is None:
        done.set_result(None)
    else:
        done.set_exception(problem)
