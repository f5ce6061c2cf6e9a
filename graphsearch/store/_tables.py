"""The tables. Plain SQL types only, so SQLite and PostgreSQL hold the same schema."""

from typing import Final

from sqlalchemy import BigInteger, Column, Float, Integer, MetaData, String, Table, Text

from graphsearch.cost import CURRENCIES

__all__ = [
    "SPEND_COLUMNS",
    "books",
    "calls",
    "checkpoints",
    "failures",
    "meta",
    "metadata",
    "trials",
    "verdicts",
]

SPEND_COLUMNS: Final = tuple(f"spent_{currency}" for currency in CURRENCIES)
"""Columns of a call's spend, in quanta (`graphsearch.ledger`); NULL is unknown."""

metadata = MetaData()


def _of_a_call() -> list[Column[int] | Column[str] | Column[float]]:
    return [
        Column("account", String(32), nullable=False),
        Column("stream", String(32), nullable=False),
        Column("item", Text, nullable=False),
        Column("model", Text, nullable=False),
        Column("sample", Integer, nullable=False),
        Column("outcome", String(16), nullable=False),
        Column("text", Text, nullable=False),
        Column("prompt_tokens", BigInteger),
        Column("completion_tokens", BigInteger),
        Column("seconds", Float),
        Column("detail", Text),
        *(Column(name, BigInteger) for name in SPEND_COLUMNS),
    ]


meta = Table(
    "meta",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

calls = Table("calls", metadata, Column("key", String(32), primary_key=True), *_of_a_call())
"""Replies, one row a call key. The reply and its cost are one row, so one transaction."""

failures = Table(
    "failures",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", String(32), nullable=False, index=True),
    Column("attempt", Integer, nullable=False),
    *_of_a_call(),
)
"""Attempts that brought no reply; never served. `text` is what went wrong."""

books = Table(
    "books",
    metadata,
    Column("account", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)
"""What the rows of `calls` and `failures` sum up to, by account (`_books`)."""

trials = Table(
    "trials",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("round", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("graph", Text, nullable=False),
    Column("record", Text, nullable=False),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("item", Text, nullable=False),
    Column("value", Text, nullable=False),
)
"""What graders said that take time, by a key of grader, item and text (`verdicts.py`)."""

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("value", Text, nullable=False),
)
