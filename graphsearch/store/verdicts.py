"""Verdicts of graders that take time, found again by key.

A limit may be passed today and not tomorrow. So what such a grader said is written down before it
is used, as replies are: a search that was killed goes on with the same verdicts.
"""

import asyncio
import json
from functools import partial

from sqlalchemy import Connection, select

from graphsearch.records.calls import Outcome
from graphsearch.records.errors import StoreError
from graphsearch.records.tasks import Verdict
from graphsearch.store._prepared import Insert
from graphsearch.store._tables import verdicts
from graphsearch.store._writer import Writer

__all__ = ["Verdicts"]


class Verdicts:
    """Verdicts by key. A verdict is found only after its row was committed.

    Not for use from several threads.
    """

    def __init__(self, writer: Writer | None, reader: Connection, name: str) -> None:
        self._writer = writer
        self._reader = reader
        self._name = name
        self._posted: dict[str, asyncio.Future[Verdict]] = {}
        """Verdicts on their way to disk, by key."""
        self._insert = Insert(verdicts, ("key", "item", "value"), reader.dialect)

    def get(self, key: str) -> Verdict | None:
        """The verdict that was written under a key, or None.

        Raises:
            StoreError: it cannot be read.
        """
        query = select(verdicts.c.value).where(verdicts.c.key == key)
        found = self._reader.execute(query).scalar_one_or_none()
        if found is None:
            return None
        try:
            return _from_json(found)
        except (ValueError, TypeError) as error:
            raise StoreError(
                f"a verdict cannot be read ({error}); the file is damaged", where=self._name
            ) from error

    async def keep(self, key: str, item: str, verdict: Verdict) -> Verdict:
        """Write a verdict, unless there is one; returns the one that is on disk.

        Args:
            key: of grader, item and text.
            item: id of the item.
            verdict: what the grader said.

        Raises:
            StoreError: it could not be written.
        """
        posted = self._posted.get(key)
        if posted is None:
            known = self.get(key)
            if known is not None:
                return known
            if self._writer is None:
                raise TypeError("this store was opened for reading only")
            # Escaped, so that a database need not know of half characters, which a reason may hold.
            fields = [float(verdict.score), verdict.outcome.value, verdict.parsed, verdict.reason]
            value = json.dumps(fields, separators=(",", ":"))
            posted = asyncio.get_running_loop().create_future()
            # What is used now is what a resumed search reads.
            landed = partial(self._landed, key, posted, _from_json(value))
            self._writer.post(self._insert, (key, item, value), landed)
            self._posted[key] = posted
        return await asyncio.shield(posted)

    def catch_up(self) -> None:
        """Have all that was posted on event loops that are no more on disk.

        Raises:
            StoreError: it could not be written.
        """
        if self._posted and self._writer is not None:
            self._writer.run(lambda connection: None)
            self._posted.clear()

    def _landed(
        self,
        key: str,
        posted: asyncio.Future[Verdict],
        verdict: Verdict,
        problem: StoreError | None,
    ) -> None:
        self._posted.pop(key, None)
        if problem is None:
            posted.set_result(verdict)
        else:
            posted.set_exception(problem)
            posted.exception()  # where nobody waits any more, nobody need be told


def _from_json(text: str) -> Verdict:
    score, outcome, parsed, reason = json.loads(text)
    return Verdict(float(score), Outcome(outcome), parsed, reason)
