"""The schema's version: what this code reads, what it can bring up to date, what it refuses."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from sqlalchemy import Connection, Engine, insert, inspect, select, update
from sqlalchemy.exc import DatabaseError

from graphsearch.records.errors import StoreError
from graphsearch.store._books import add_books
from graphsearch.store._tables import meta, metadata, verdicts
from graphsearch.store.connect import begin_all, said_by

__all__ = ["MIGRATIONS", "SCHEMA_VERSION", "prepare"]

SCHEMA_VERSION: Final = 3

_LEAST_READ: Final = 2
"""The oldest version that can be read as it is: what came later is for writing alone."""

Migration = Callable[[Connection], None]

MIGRATIONS: Final[Mapping[int, Migration]] = {
    1: add_books,
    2: partial(verdicts.create, checkfirst=True),
}
"""From a version to the next one, each run in the transaction that raises the version."""


def prepare(engine: Engine, name: str, *, create: bool, read_only: bool) -> None:
    """Make the tables, or check that those found can be used.

    Raises:
        StoreError: there is no study and none may be made; the file is no database; its schema is
            newer than this code, or too old to be brought up to date.
    """
    try:
        with engine.begin() as connection:
            if not read_only:
                begin_all(connection)
            if inspect(connection).has_table(meta.name):
                _bring_up(connection, name, read_only=read_only)
            elif create and not read_only:
                metadata.create_all(connection)
                version = str(SCHEMA_VERSION)
                connection.execute(insert(meta).values(name="schema_version", value=version))
            else:
                raise StoreError("there is no study here", where=name)
    except DatabaseError as error:
        raise StoreError(f"cannot be opened: {said_by(engine, error.orig)}", where=name) from None


def _bring_up(connection: Connection, name: str, *, read_only: bool) -> None:
    """Check the version of the tables found, and migrate older ones."""
    row = meta.c.name == "schema_version"
    found = connection.execute(select(meta.c.value).where(row)).scalar_one_or_none()
    if found is None or not found.isdigit():
        raise StoreError(f"its schema version reads {found!r}; the file is damaged", where=name)
    version = int(found)
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"written by a newer graphsearch (schema {version}, this one reads {SCHEMA_VERSION}); "
            "use that version",
            where=name,
        )
    if version >= (_LEAST_READ if read_only else SCHEMA_VERSION):
        return
    if read_only:
        raise StoreError(
            f"has schema {version}, which must first be brought up to {SCHEMA_VERSION}; "
            "open it once for writing",
            where=name,
        )
    while version < SCHEMA_VERSION:
        step = MIGRATIONS.get(version)
        if step is None:
            raise StoreError(f"schema {version} can no longer be read", where=name)
        step(connection)
        version += 1
    connection.execute(update(meta).where(row).values(value=str(version)))
