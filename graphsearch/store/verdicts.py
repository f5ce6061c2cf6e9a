"""Verdicts of graders that take time, found again by key.

A limit may be passed today and not tomorrow. So what such a grader said is written down before it
is used, as replies are: a search that was killed goes on with the same verdicts.
"""

import asyncio
import json
from functools import partial

from sqlalchemy import Connection, bindparam, select

from graphsearch.records.calls import Outcome
from graphsearch.records.errors import StoreError
from graphsearch.records.tasks import Verdict
from graphsearch.store._statements import Insert, Statement
from graphsearch.store._tables import verdicts
from graphsearch.store._writer import Writer

__all__ = ["Verdicts"]


class _Posted:
    """A verdict on its way to disk, and who waits for it."""

    __slots__ = ("verdict", "waiting")

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.waiting: list[asyncio.Future[Verdict]] = []


class Verdicts:
    """Verdicts by key. A verdict is found only after its row was committed.

    Not for use from several threads.
    """

    def __init__(self, writer: Writer | None, reader: Connection) -> None:
        self._writer = writer
        self._reader = reader
        self._posted: dict[str, _Posted] = {}
        self._insert = Insert(verdicts, ("key", "item", "value"), reader.dialect)
        one = select(verdicts.c.value).where(verdicts.c.key == bindparam("wanted"))
        self._one = Statement(one, reader.dialect)

    def get(self, key: str) -> Verdict | None:
        """The verdict that was written under a key, or None.

        Raises:
            StoreError: it cannot be read.
        """
        found = self._one.run(self._reader, {"wanted": key}).scalar_one_or_none()
        return None if found is None else _from_json(found)

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
            # What is used now is what a resumed search reads.
            value = _to_json(verdict)
            posted = _Posted(_from_json(value))
            self._writer.post(self._insert, (key, item, value), partial(self._landed, key))
            self._posted[key] = posted
        done: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        posted.waiting.append(done)
        return await done

    def catch_up(self) -> None:
        """Have all that was posted on event loops that are no more on disk.

        Raises:
            StoreError: it could not be written.
        """
        if self._posted and self._writer is not None:
            self._writer.run(lambda connection: None)
            self._posted.clear()

    def _landed(self, key: str, problem: StoreError | None) -> None:
        posted = self._posted.pop(key)
        for done in posted.waiting:
            if done.done():  # given up
                continue
            if problem is None:
                done.set_result(posted.verdict)
            else:
                done.set_exception(problem)


def _to_json(verdict: Verdict) -> str:
    # Escaped, so that a database need not know of half characters, which a reason may hold.
    return json.dumps(
        [float(verdict.score), verdict.outcome.value, verdict.parsed, verdict.reason],
        separators=(",", ":"),
    )


def _from_json(text: str) -> Verdict:
    try:
        score, outcome, parsed, reason = json.loads(text)
        return Verdict(float(score), Outcome(outcome), parsed, reason)
    except (ValueError, TypeError) as error:
        raise StoreError(f"a verdict cannot be read ({error}); the file is damaged") from error
