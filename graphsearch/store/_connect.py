"""Connections. The only file that knows one database from another."""

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from graphsearch.errors import StoreError

__all__ = ["connect", "file_of", "reader_of"]

FILE_NAME = "study.db"
SYNCHRONOUS = "FULL"
"""A paid reply survives a power cut too; group commits make it cheap."""


def file_of(path_or_url: str | Path) -> Path | None:
    """The SQLite file meant, or None for the URL of a server.

    A folder means the file `study.db` in it; so does any path that does not exist and does not
    end in `.db`.
    """
    if isinstance(path_or_url, str) and "://" in path_or_url:
        url = make_url(path_or_url)
        if url.get_backend_name() != "sqlite":
            return None
        path_or_url = url.database or ""
    path = Path(path_or_url)
    return path if path.suffix == ".db" or path.is_file() else path / FILE_NAME


def connect(path_or_url: str | Path, *, read_only: bool) -> Engine:
    """A SQLAlchemy engine; opens nothing yet.

    Raises:
        StoreError: the URL cannot be read or its driver is not installed.
    """
    path = file_of(path_or_url)
    if path is not None:
        return _sqlite(path, read_only)
    try:
        return create_engine(make_url(str(path_or_url)))
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        # The message of a bad URL may hold the URL, and so a password.
        raise StoreError(f"this database URL cannot be used ({type(error).__name__})") from None


def reader_of(engine: Engine, name: str) -> Connection:
    """A connection for reading: sees what is committed now, and names the store in its errors."""

    @event.listens_for(engine, "handle_error")
    def _explain(context: ExceptionContext) -> None:
        found = context.connection
        if found is not None and found.get_execution_options().get("reads"):
            raise StoreError(
                f"cannot be read: {context.original_exception}; the file is damaged or gone",
                where=name,
            )

    return engine.connect().execution_options(isolation_level="AUTOCOMMIT", reads=True)


def _sqlite(path: Path, read_only: bool) -> Engine:
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
