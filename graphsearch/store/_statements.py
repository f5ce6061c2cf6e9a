"""Statements compiled once, for what runs with every call.

SQLAlchemy writes the SQL for the database at hand; running it with plain values afterwards costs
about half the CPU of having every execution go through its parameter handling.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult, Table, insert
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

__all__ = ["Insert", "Statement"]


class Statement:
    """A statement with named parameters, all plain texts and numbers."""

    def __init__(self, clause: ClauseElement, dialect: Dialect) -> None:
        compiled = clause.compile(dialect=dialect)
        if not isinstance(compiled, SQLCompiler):
            raise TypeError(f"{clause!r} is no statement that takes parameters")
        self._sql = str(compiled)
        self._order = compiled.positiontup

    def run(self, connection: Connection, values: Mapping[str, Any]) -> CursorResult[Any]:
        """Run it once."""
        return connection.exec_driver_sql(self._sql, self._fit(values))

    def run_many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it for each row; parameters that a row leaves out are NULL."""
        connection.exec_driver_sql(self._sql, [self._fit(row) for row in rows])

    def _fit(self, values: Mapping[str, Any]) -> Any:
        """Values as this database's driver wants them: by position or by name."""
        if self._order is None:
            return dict(values)
        get = values.get
        return tuple([get(name) for name in self._order])


class Insert:
    """Inserts rows given as plain tuples: what runs with every call.

    Args:
        table: where to.
        columns: names of the values of a row, in their order; others are NULL, or numbered.
        dialect: of the database.

    Attributes:
        columns: those names.
    """

    def __init__(self, table: Table, columns: Sequence[str], dialect: Dialect) -> None:
        compiled = insert(table).compile(dialect=dialect, column_keys=list(columns))
        if not isinstance(compiled, SQLCompiler):
            raise TypeError(f"{table.name} takes no rows")
        self._sql = str(compiled)
        self.columns = tuple(columns)
        order = compiled.positiontup
        self._places = None if order is None else tuple(columns.index(name) for name in order)
        self._in_order = self._places == tuple(range(len(columns)))

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows."""
        values: Sequence[Any] = rows
        if self._places is None:
            values = [dict(zip(self.columns, row, strict=True)) for row in rows]
        elif not self._in_order:
            values = [tuple([row[place] for place in self._places]) for row in rows]
        connection.exec_driver_sql(self._sql, list(values))
