"""The one writer: a thread that puts everything that waits into one transaction, again and again.

While a transaction is being committed more rows gather, so the group grows with the load and a
commit's price is shared. Whoever posted a row is called back only after the commit.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from graphsearch.records.errors import StoreError, WriteFailed
from graphsearch.store._books import Books
from graphsearch.store._prepared import Insert
from graphsearch.store.connect import said_by

__all__ = ["Landed", "Values", "Writer"]

_GATHER_S: Final = 0.001
"""Rows gather so long before the thread is woken, which costs more than a row does."""

Values = tuple[Any, ...]
Action = Callable[[Connection], None]

Landed = Callable[[StoreError | None], None]
"""Called on the event loop of the caller when a row is on disk, or with why it is not."""


class _Group:
    """What goes into the next transaction, and who waits for it."""

    __slots__ = ("actions", "blocked", "rows", "waiting")

    def __init__(self) -> None:
        self.rows: dict[Insert, list[Values]] = {}
        self.actions: list[Action] = []
        self.blocked: list[Future[None]] = []
        self.waiting: dict[asyncio.AbstractEventLoop, list[Landed]] = {}

    def end(self, problem: StoreError | None) -> None:
        """Tell those who wait that the group is on disk, or why it is not."""
        for blocked in self.blocked:
            if problem is None:
                blocked.set_result(None)
            else:
                blocked.set_exception(problem)
        for loop, waiting in self.waiting.items():
            # A loop that was closed meanwhile has nobody left to tell.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_call_all, waiting, problem)


class Writer:
    """Writes rows and runs actions, in the order they came, in group commits.

    Opening compares the journal with its books. The thread starts with the first write. A failed
    transaction is final: all that waited for it and everything that comes later gets the same
    `StoreError`, and the database keeps what was committed before.

    Raises:
        StoreError: rows were lost or changed since they were written.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        with engine.connect() as connection:
            self._books = Books(connection, name)
        self._engine = engine
        self._name = name
        self._group = _Group()
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._dead = False
        self._broken: StoreError | None = None
        self._posted: list[tuple[Insert, Values, Landed]] = []
        self._posted_on: asyncio.AbstractEventLoop | None = None
        self.commits = 0

    def post(self, into: Insert, row: Values, landed: Landed) -> None:
        """Have a row inserted; `landed` is called when it is on disk, or cannot be.

        Raises:
            StoreError: an earlier write failed, or the store is closed.
        """
        self._check()
        loop = asyncio.get_running_loop()
        if self._posted_on is not loop:
            self._hand_over()
            self._posted_on = loop
        if not self._posted:
            loop.call_later(_GATHER_S, self._hand_over)
        self._posted.append((into, row, landed))

    def run(self, action: Action) -> None:
        """Run an action in a transaction, after all rows posted so far, and wait for the commit.

        Raises:
            StoreError: it failed, an earlier write did, or the store is closed.
        """
        self._hand_over()
        future: Future[None] = Future()
        with self._wake:
            self._check()
            self._group.actions.append(action)
            self._group.blocked.append(future)
            self._start()
        future.result()

    def close(self) -> None:
        """Write what waits, then end the thread."""
        self._hand_over()
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()

    def _check(self) -> None:
        if self._broken is not None:
            raise self._broken
        if self._closing:
            raise StoreError("the store is closed", where=self._name)

    def _hand_over(self) -> None:
        """Give the thread what was posted meanwhile: one lock, one waking."""
        posted, self._posted = self._posted, []
        loop = self._posted_on
        if not posted or loop is None:
            return
        with self._wake:
            if self._dead:  # before these came
                loop.call_soon(_call_all, [landed for _, _, landed in posted], self._broken)
                return
            rows, waiting = self._group.rows, self._group.waiting.setdefault(loop, [])
            for into, row, landed in posted:
                rows.setdefault(into, []).append(row)
                waiting.append(landed)
            self._start()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._work, name="graphsearch-store", daemon=True
            )
            self._thread.start()
        self._wake.notify()

    # -- in the thread -------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            connection = self._engine.connect()
        except SQLAlchemyError as error:
            with self._wake:
                self._broken = self._problem(error)
                self._dead = True
                group, self._group = self._group, _Group()
            group.end(self._broken)
            return
        with connection:
            while True:
                with self._wake:
                    while not (self._group.rows or self._group.actions or self._closing):
                        self._wake.wait()
                    group, self._group = self._group, _Group()
                if not (group.rows or group.actions):  # closing, and nothing left
                    return
                problem = self._broken or self._write(connection, group)
                if problem is None:
                    self.commits += 1
                else:
                    with self._wake:
                        self._broken = problem
                group.end(problem)

    def _write(self, connection: Connection, group: _Group) -> StoreError | None:
        try:
            with connection.begin():
                for into, rows in group.rows.items():
                    into.run(connection, rows)
                self._books.write(connection, group.rows)
                for action in group.actions:
                    action(connection)
        except Exception as error:  # whatever it is, it belongs to those who wait
            return self._problem(error)
        return None

    def _problem(self, error: Exception) -> WriteFailed:
        cause = said_by(self._engine, getattr(error, "orig", None) or error)
        return WriteFailed(
            f"cannot be written: {cause}; everything committed before is kept", where=self._name
        )


def _call_all(waiting: Sequence[Landed], problem: StoreError | None) -> None:
    for landed in waiting:
        landed(problem)
