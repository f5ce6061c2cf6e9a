"""The one writer: a thread that puts everything that waits into one transaction, again and again.

While a transaction is being committed more rows gather, so the group grows with the load and a
commit's price is shared. Whoever posted a row hears of it only after the commit.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Table, insert
from sqlalchemy.exc import SQLAlchemyError

from graphsearch.errors import StoreError, WriteFailed
from graphsearch.store._books import Books
from graphsearch.store._connect import said_by
from graphsearch.store._statements import Statement

__all__ = ["Row", "Writer"]

Row = Mapping[str, Any]
Action = Callable[[Connection], None]


class _Wait(NamedTuple):
    future: asyncio.Future[None]
    landed: Callable[[], None]


class _Group:
    """What goes into the next transaction, and who waits for it."""

    __slots__ = ("actions", "blocked", "rows", "waiting")

    def __init__(self) -> None:
        self.rows: dict[Table, list[Row]] = {}
        self.actions: list[Action] = []
        self.blocked: list[Future[None]] = []
        self.waiting: dict[asyncio.AbstractEventLoop, list[_Wait]] = {}


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
        self._broken: StoreError | None = None
        self._inserts: dict[Table, Statement] = {}
        self.commits = 0

    def post(self, table: Table, row: Row, landed: Callable[[], None]) -> asyncio.Future[None]:
        """Have a row inserted; the future ends when it is on disk.

        `landed` is called just before, also when whoever waited has given up.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._wake:
            self._check()
            self._group.rows.setdefault(table, []).append(row)
            self._group.waiting.setdefault(loop, []).append(_Wait(future, landed))
            self._start()
        return future

    def run(self, action: Action) -> None:
        """Run an action in a transaction, after all rows posted so far, and wait for the commit."""
        future: Future[None] = Future()
        with self._wake:
            self._check()
            self._group.actions.append(action)
            self._group.blocked.append(future)
            self._start()
        future.result()

    def close(self) -> None:
        """Write what waits, then end the thread."""
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

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="graphsearch-store")
            self._thread.daemon = True
            self._thread.start()
        self._wake.notify()

    def _take(self) -> _Group | None:
        with self._wake:
            while not self._group.rows and not self._group.actions:
                if self._closing:
                    return None
                self._wake.wait()
            group, self._group = self._group, _Group()
            return group

    def _work(self) -> None:
        try:
            connection = self._engine.connect()
        except SQLAlchemyError as error:
            self._break(error)
            return
        with connection:
            while (group := self._take()) is not None:
                problem = self._broken or self._write(connection, group)
                if problem is None:
                    self.commits += 1
                else:
                    with self._wake:
                        self._broken = problem
                _tell(group, problem)

    def _write(self, connection: Connection, group: _Group) -> StoreError | None:
        try:
            with connection.begin():
                for table, rows in group.rows.items():
                    self._insert(connection, table, rows)
                self._books.write(connection, group.rows)
                for action in group.actions:
                    action(connection)
        except Exception as error:  # whatever it is, those who wait must hear of it
            return self._problem(error)
        return None

    def _insert(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        statement = self._inserts.get(table)
        if statement is None:
            names = [column.name for column in table.columns if column.autoincrement is not True]
            statement = Statement(insert(table), connection.dialect, columns=names)
            self._inserts[table] = statement
        statement.run_many(connection, rows)

    def _problem(self, error: Exception) -> WriteFailed:
        cause = said_by(self._engine, getattr(error, "orig", None) or error)
        return WriteFailed(
            f"cannot be written: {cause}; everything committed before is kept", where=self._name
        )

    def _break(self, error: Exception) -> None:
        with self._wake:
            self._broken = self._problem(error)
            group, self._group = self._group, _Group()
        _tell(group, self._broken)


def _tell(group: _Group, problem: StoreError | None) -> None:
    for blocked in group.blocked:
        if problem is None:
            blocked.set_result(None)
        else:
            blocked.set_exception(problem)
    for loop, waits in group.waiting.items():
        # A loop that was closed meanwhile has nobody left to tell.
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, waits, problem)


def _resolve(waits: Sequence[_Wait], problem: StoreError | None) -> None:
    for future, landed in waits:
        if problem is None:
            landed()
            if not future.done():
                future.set_result(None)
        elif not future.done():
            future.set_exception(problem)
