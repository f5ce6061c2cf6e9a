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

from sqlalchemy import Connection, bindparam, func, insert, select, update

from graphsearch.cost import CURRENCIES
from graphsearch.ledger import Booked, Spend
from graphsearch.records.errors import StoreError
from graphsearch.store._prepared import Insert, Prepared
from graphsearch.store._tables import SPEND_COLUMNS, books, calls, failures

__all__ = ["Book", "Books", "add_books", "checked_books", "sums_of_rows"]

_HALF: Final = 2**32
_WIDTH: Final = len(CURRENCIES)


@dataclass(frozen=True, slots=True)
class Book:
    """Sums of one account. They add up with `+`.

    Attributes:
        rows: replies and failures.
        known: sums of their spends by currency, in quanta.
        unknown: spends by currency that are unknown.
    """

    rows: int = 0
    known: tuple[int, ...] = (0,) * _WIDTH
    unknown: tuple[int, ...] = (0,) * _WIDTH

    def __add__(self, other: "Book") -> "Book":
        return Book(
            self.rows + other.rows,
            tuple(map(int.__add__, self.known, other.known)),
            tuple(map(int.__add__, self.unknown, other.unknown)),
        )

    @property
    def booked(self) -> Booked:
        """What a ledger takes."""
        return Booked(Spend(self.known), self.unknown)

    def to_json(self) -> str:
        """All fields; sums of FLOPs pass 64 bits, so they go as text."""
        return json.dumps([self.rows, self.known, self.unknown], separators=(",", ":"))


class Books:
    """The books of a store that is open for writing: one for each account.

    Belongs to the thread that writes. Opening compares them with the rows.

    Raises:
        StoreError: they and the rows do not agree.
    """

    def __init__(self, connection: Connection, name: str) -> None:
        self._books = checked_books(connection, name)
        dialect = connection.dialect
        self._add = Insert(books, ("account", "value"), dialect)
        change = update(books).where(books.c.account == bindparam("name"))
        self._change = Prepared(change.values(value=bindparam("sums")), ("name", "sums"), dialect)

    def write(
        self, connection: Connection, rows: Mapping[Insert, Sequence[tuple[Any, ...]]]
    ) -> None:
        """Add rows of the transaction that is under way, and write what became of the sums."""
        spends: dict[str, list[tuple[int | None, ...]]] = {}
        for into, added in rows.items():
            if "account" in into.columns:  # others cost nothing
                account = into.columns.index("account")
                first = into.columns.index(SPEND_COLUMNS[0])
                for row in added:
                    spends.setdefault(row[account], []).append(row[first : first + _WIDTH])
        if not spends:
            return
        for name, found in spends.items():
            columns = list(zip(*found, strict=True))
            known = tuple(sum(part for part in column if part is not None) for column in columns)
            more = Book(len(found), known, tuple(column.count(None) for column in columns))
            old = self._books.get(name)
            book = self._books[name] = more if old is None else old + more
            (self._add if old is None else self._change).run(connection, [(name, book.to_json())])


def checked_books(connection: Connection, name: str) -> dict[str, Book]:
    """The books, which the rows agree with. The connection must see one state of the store.

    Raises:
        StoreError: they and the rows do not agree.
    """
    kept: dict[str, Book] = {}
    for account, value in connection.execute(select(books.c.account, books.c.value)):
        try:
            rows, known, unknown = json.loads(value)
            kept[account] = Book(int(rows), tuple(known), tuple(unknown))
        except (ValueError, TypeError) as error:
            raise StoreError(
                f"its books cannot be read ({error}); the file is damaged", where=name
            ) from error
    summed = sums_of_rows(connection)
    for account in sorted({*kept, *summed}):
        book, found = kept.get(account, Book()), summed.get(account, Book())
        if book == found:
            continue
        what = f"{found.rows} calls in its journal, {book.rows} in its books"
        for place, currency in enumerate(CURRENCIES):
            if book.rows == found.rows and book.known[place] != found.known[place]:
                held, expected = (Spend(b.known).get(currency) for b in (found, book))
                what = f"{held} {currency} in its journal, {expected} in its books"
                break
        raise StoreError(
            f"account {account!r} has {what}: calls were lost or changed outside graphsearch, so "
            "what was spent is not known; go on with a copy that is whole, or begin anew",
            where=name,
        )
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
            found[account] = found.get(account, Book()) + book
    return dict(sorted(found.items()))
