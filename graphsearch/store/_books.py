"""What the journal should sum up to, kept beside it.

The ledger is restored from the sums of the journal's rows, so the two cannot disagree; but rows
that were changed, lost or added behind our back would go unseen. So the writer counts once more:
the sums of each account, written in the transaction that writes the rows. Whoever opens the store
for writing compares them, and so does who asks for the sums while another process writes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, func, insert, select
from sqlalchemy.engine import Dialect

from graphsearch.cost import CURRENCIES
from graphsearch.ledger import Booked, Spend
from graphsearch.records.errors import StoreError
from graphsearch.store._statements import Insert, Statement
from graphsearch.store._tables import SPEND_COLUMNS, books, calls, failures

__all__ = ["Book", "Books", "add_books", "checked_books", "sums_of_rows"]

_HALF: Final = 2**32
_WIDTH: Final = len(CURRENCIES)

Quanta = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """Sums of one account.

    Attributes:
        rows: replies and failures.
        known: sums of their spends by currency, in quanta.
        unknown: spends by currency that are unknown.
    """

    rows: int = 0
    known: tuple[int, ...] = (0,) * _WIDTH
    unknown: tuple[int, ...] = (0,) * _WIDTH

    @property
    def booked(self) -> Booked:
        """What a ledger takes."""
        return Booked(Spend(self.known), self.unknown)

    def to_json(self) -> str:
        """All fields; sums of FLOPs pass 64 bits, so they go as text."""
        return json.dumps([self.rows, self.known, self.unknown], separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Book":
        """What `to_json` wrote."""
        rows, known, unknown = json.loads(text)
        return cls(int(rows), tuple(known), tuple(unknown))


class Books:
    """The books of a store that is open for writing: one for each account.

    Belongs to the thread that writes.
    """

    def __init__(self, connection: Connection, name: str) -> None:
        """Read them and compare.

        Raises:
            StoreError: they and the rows do not agree.
        """
        self._books = checked_books(connection, name)
        self._statements: tuple[Statement, Statement] | None = None

    def write(
        self, connection: Connection, rows: Mapping[Insert, Sequence[tuple[Any, ...]]]
    ) -> None:
        """Add rows of the transaction that is under way, and write what became of the sums."""
        touched: dict[str, list[Quanta]] = {}
        for into, added in rows.items():
            if "account" not in into.columns:  # what costs nothing
                continue
            account, spent = into.columns.index("account"), into.columns.index(SPEND_COLUMNS[0])
            for row in added:
                touched.setdefault(row[account], []).append(row[spent : spent + _WIDTH])
        for name, spends in touched.items():
            self._books[name] = _plus(self._books.get(name, Book()), spends)
        for statement in self._prepared(connection.dialect) if touched else ():
            values = [{"account": a, "value": self._books[a].to_json()} for a in touched]
            statement.run_many(connection, values)

    def _prepared(self, dialect: Dialect) -> tuple[Statement, Statement]:
        if self._statements is None:
            old = delete(books).where(books.c.account == bindparam("account"))
            self._statements = (Statement(old, dialect), Statement(insert(books), dialect))
        return self._statements


def checked_books(connection: Connection, name: str) -> dict[str, Book]:
    """The books, which the rows agree with. The connection must see one state of the store.

    Raises:
        StoreError: they and the rows do not agree.
    """
    kept = {
        account: _read(value, name)
        for account, value in connection.execute(select(books.c.account, books.c.value))
    }
    _compare(kept, sums_of_rows(connection), name)
    return kept


def add_books(connection: Connection) -> None:
    """Bring a store up to schema 2: books that hold the sums of the rows found."""
    books.create(connection)
    for account, book in sums_of_rows(connection).items():
        connection.execute(insert(books).values(account=account, value=book.to_json()))


def sums_of_rows(connection: Connection) -> dict[str, Book]:
    """Sums by account over all replies and failures, exact."""
    found: dict[str, Book] = {}
    for table in (calls, failures):
        # High and low halves are summed apart: a sum of FLOPs may pass 64 bits.
        columns = [table.c[name] for name in SPEND_COLUMNS]
        query = select(
            table.c.account,
            func.count(),
            *(func.sum(column // _HALF) for column in columns),
            *(func.sum(column % _HALF) for column in columns),
            *(func.count(column) for column in columns),
        ).group_by(table.c.account)
        for account, rows, *parts in connection.execute(query):
            high, low, known = parts[:_WIDTH], parts[_WIDTH : 2 * _WIDTH], parts[2 * _WIDTH :]
            pairs = zip(high, low, known, strict=True)
            sums = (int(h) * _HALF + int(lo) if count else 0 for h, lo, count in pairs)
            book = Book(rows, tuple(sums), tuple(rows - count for count in known))
            found[account] = _joined(found.get(account, Book()), book)
    return dict(sorted(found.items()))


def _joined(one: Book, other: Book) -> Book:
    return Book(
        one.rows + other.rows,
        tuple(map(int.__add__, one.known, other.known)),
        tuple(map(int.__add__, one.unknown, other.unknown)),
    )


def _plus(book: Book, spends: Sequence[Quanta]) -> Book:
    known, unknown = list(book.known), list(book.unknown)
    for place, parts in enumerate(zip(*spends, strict=True)):
        absent = parts.count(None)
        unknown[place] += absent
        known[place] += sum(filter(None, parts)) if absent else sum(parts)
    return Book(book.rows + len(spends), tuple(known), tuple(unknown))


def _read(value: str, name: str) -> Book:
    try:
        return Book.from_json(value)
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"its books cannot be read ({error}); the file is damaged", where=name
        ) from (error)


def _compare(kept: Mapping[str, Book], found: Mapping[str, Book], name: str) -> None:
    for account in sorted({*kept, *found}):
        book, rows = kept.get(account, Book()), found.get(account, Book())
        if book == rows:
            continue
        what = f"{rows.rows} calls in its journal, {book.rows} in its books"
        for place, currency in enumerate(CURRENCIES):
            if book.rows == rows.rows and book.known[place] != rows.known[place]:
                held, expected = (Spend(b.known).get(currency) for b in (rows, book))
                what = f"{held} {currency} in its journal, {expected} in its books"
                break
        raise StoreError(
            f"account {account!r} has {what}: calls were lost or changed outside graphsearch, so "
            "what was spent is not known; go on with a copy that is whole, or begin anew",
            where=name,
        )
