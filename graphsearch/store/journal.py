"""The journal: every reply that was paid for, found again by its call key."""

import json
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, select

from graphsearch.calls import Call, Outcome, Reply, Usage, canonical_json
from graphsearch.errors import EngineError
from graphsearch.ledger import Booked, Spend
from graphsearch.store._books import sums_of_rows
from graphsearch.store._statements import Statement
from graphsearch.store._tables import SPEND_COLUMNS, calls, failures
from graphsearch.store._writer import Writer

__all__ = ["Journal"]

KEPT_BYTES: Final = 16_000_000
"""Memory for recent replies, about; older ones are read again from disk."""

_COMMON: Final = 700
"""Bytes of a reply beside its text, its key and its place counted; 600 were measured."""


class Journal:
    """Replies by call key, and the attempts that failed.

    A reply is served only after its row was committed. Failures are recorded, never served. The
    keys stay in memory (about 100 bytes a call), so asking for a call that was never made costs
    nothing; replies stay up to `KEPT_BYTES`.

    Not for use from several threads.
    """

    def __init__(self, writer: Writer | None, reader: Connection) -> None:
        self._writer = writer
        self._reader = reader
        self._keys: set[bytes] = {
            bytes.fromhex(k) for k in reader.execute(select(calls.c.key)).scalars()
        }
        self._recent: OrderedDict[str, Reply] = OrderedDict()
        self._kept = 0
        columns = ("text", "outcome", "prompt_tokens", "completion_tokens", "seconds", "detail")
        query = select(*(calls.c[name] for name in columns))
        self._one = Statement(query.where(calls.c.key == bindparam("wanted")), reader.dialect)

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
        row = self._one.run(self._reader, {"wanted": key}).one()
        reply = Reply(
            row.text,
            Usage(row.prompt_tokens, row.completion_tokens, 1),
            Outcome(row.outcome),
            row.seconds,
            json.loads(row.detail) if row.detail else {},
        )
        self._keep(key, reply)
        return reply

    async def put(self, key: str, call: Call, reply: Reply, *, account: str, spend: Spend) -> None:
        """Write a reply with its cost; returns when both are on disk.

        Raises:
            StoreError: they could not be written.
        """
        row = _row(key, call, account, spend)
        row["outcome"] = reply.outcome.value
        row["text"] = reply.text
        row["prompt_tokens"] = reply.usage.prompt_tokens
        row["completion_tokens"] = reply.usage.completion_tokens
        row["seconds"] = reply.seconds
        row["detail"] = canonical_json(reply.detail) if reply.detail else None

        def landed() -> None:
            self._keys.add(bytes.fromhex(key))
            self._keep(key, reply)

        await self._write().post(calls, row, landed)

    async def put_failure(
        self,
        key: str,
        call: Call,
        error: EngineError,
        *,
        account: str,
        spend: Spend,
        attempt: int,
    ) -> None:
        """Write an attempt that failed; returns when it is on disk."""
        row = _row(key, call, account, spend)
        row["attempt"] = attempt
        row["outcome"] = error.outcome.value
        row["text"] = str(error)
        await self._write().post(failures, row, _nothing)

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

    def _keep(self, key: str, reply: Reply) -> None:
        self._recent[key] = reply
        self._kept += len(reply.text) + _COMMON
        while self._kept > KEPT_BYTES:
            _, oldest = self._recent.popitem(last=False)
            self._kept -= len(oldest.text) + _COMMON


def _nothing() -> None:
    """A failure is served to nobody, so nothing is remembered of it."""


def _row(key: str, call: Call, account: str, spend: Spend) -> dict[str, Any]:
    row: dict[str, Any] = {
        "key": key,
        "account": account,
        "stream": call.stream,
        "item": call.item,
        "model": call.model,
        "sample": call.sample,
    }
    row.update(zip(SPEND_COLUMNS, spend.quanta, strict=True))
    return row
