"""Connections. The only file that knows one database from another."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from graphsearch.records.errors import StoreError

__all__ = ["address_of", "begin_all", "connect", "file_of", "one_state", "reader_of", "said_by"]

FILE_NAME = "study.db"
SYNCHRONOUS = "FULL"
"""A paid reply survives a power cut too; group commits make it cheap."""


def address_of(path_or_url: str | Path | URL) -> Path | URL:
    """A path, or a URL that does not show its password.

    Raises:
        StoreError: the URL cannot be read.
    """
    if isinstance(path_or_url, str) and "://" in path_or_url:
        try:
            return make_url(path_or_url)
        except ArgumentError as error:
            # The message of a bad URL may hold the URL, and so a password.
            raise _unusable(error) from None
    return path_or_url if isinstance(path_or_url, URL) else Path(path_or_url)


def file_of(address: Path | URL) -> Path | None:
    """The SQLite file meant, or None for the URL of a server.

    A folder means the file `study.db` in it; so does any path that does not exist and does not
    end in `.db`.
    """
    if isinstance(address, URL):
        if address.get_backend_name() != "sqlite":
            return None
        address = Path(address.database or "")
    return address if address.suffix == ".db" or address.is_file() else address / FILE_NAME


def connect(address: Path | URL, *, read_only: bool) -> Engine:
    """A SQLAlchemy engine; opens nothing yet.

    Raises:
        StoreError: the URL's driver is unknown or not installed.
    """
    path = file_of(address)
    if path is None:
        assert isinstance(address, URL)
        try:
            return create_engine(address)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise _unusable(error) from None
    uri = f"file:{quote(str(path.absolute()))}?mode={'ro' if read_only else 'rwc'}"

    def open_file() -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, check_same_thread=False)

    # No pool: one connection for the writer and one for readers live as long as the store.
    engine = create_engine("sqlite://", creator=open_file, poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout=10000")
        if not read_only:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute(f"PRAGMA synchronous={SYNCHRONOUS}")
        cursor.close()

    return engine


def _unusable(error: Exception) -> StoreError:
    return StoreError(f"this database URL cannot be used ({type(error).__name__})")


def said_by(engine: Engine, error: object) -> str:
    """What a driver says went wrong, without the password of its address."""
    text, password = str(error), engine.url.password
    for written in (password, quote(password or "", safe=""), quote_plus(password or "")):
        text = text.replace(written, "***") if written else text
    return text


def begin_all(connection: Connection) -> None:
    """Have statements that make or change tables in the transaction too.

    Python's `sqlite3` begins one by itself only before statements that change rows, so a kill
    between two tables would leave half a schema.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def one_state(reader: Connection) -> Iterator[None]:
    """Have several statements of a `reader_of` see one state, whatever is written meanwhile."""
    more = "" if reader.dialect.name == "sqlite" else " ISOLATION LEVEL REPEATABLE READ"
    reader.exec_driver_sql(f"BEGIN{more}")
    try:
        yield
    finally:
        reader.exec_driver_sql("ROLLBACK")


def reader_of(engine: Engine, name: str) -> Connection:
    """A connection for reading: sees what is committed now, and names the store in its errors."""

    @event.listens_for(engine, "handle_error")
    def _explain(context: ExceptionContext) -> None:
        found = context.connection
        if found is not None and found.get_execution_options().get("reads"):
            why = said_by(engine, context.original_exception)
            raise StoreError(
                f"cannot be read: {why}; the file is damaged or gone", where=name
            ) from None

    return engine.connect().execution_options(isolation_level="AUTOCOMMIT", reads=True)
