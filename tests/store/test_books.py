"""The journal is compared with its books whenever it is opened for writing."""

import asyncio
import re
import sqlite3
from contextlib import closing

import pytest

from graphsearch.ledger import Ledger, Spend
from graphsearch.records.errors import CallTimeout, StoreError
from graphsearch.store import SCHEMA_VERSION, Store
from tests.store.helpers import CALL, REPLY, SPEND, do, key

OTHER = Spend.of({"units": 0.25, "flops": 5 * 10**18, "tokens": 7, "calls": 1, "usd": 1})


async def fill(folder, *numbers):
    with Store.open(folder) as store:
        await asyncio.gather(
            *(
                store.journal.put(key(n), CALL, REPLY, account="search", spend=SPEND)
                for n in numbers
            ),
            store.journal.put(key(1000 + numbers[0]), CALL, REPLY, account="test", spend=OTHER),
            store.journal.put_failure(
                key(1), CALL, CallTimeout("slow"), account="waste", spend=OTHER, attempt=0
            ),
        )


async def test_books_are_kept_from_one_opening_to_the_next(tmp_path):
    for first in (0, 10, 20):
        await fill(tmp_path, *range(first, first + 5))
    with Store.open(tmp_path) as store:
        totals = store.totals()
        assert totals["search"].known.get("flops") == 15 * 9 * 10**18, "beyond 64 bits"
        assert (totals["test"].known.get("usd"), totals["waste"].known.get("tokens")) == (3, 21)
        ledger = Ledger()
        ledger.restore(totals)
        assert ledger.booked() == totals


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "UPDATE calls SET spent_tokens = 5 WHERE account = 'test'",
            "account 'test' has 5 tokens in its journal, 7 in its books",
        ),
        (
            f"DELETE FROM calls WHERE key = '{key(2)}'",
            "account 'search' has 4 calls in its journal, 5 in its books",
        ),
        ("DELETE FROM failures", "account 'waste' has 0 calls in its journal, 1 in its books"),
        ("UPDATE failures SET account = 'search'", "account 'search' has 6 calls"),
        ("UPDATE calls SET spent_usd = 3 WHERE account = 'search'", "account 'search' has 1.5E-11"),
        ("DELETE FROM books WHERE account = 'search'", "5 calls in its journal, 0 in its books"),
        ("UPDATE books SET value = '[5,[0],[0]]'", "account 'search' has"),
        ("UPDATE books SET value = '{'", "books cannot be read"),
    ],
)
async def test_rows_that_were_changed_behind_our_back_are_found(tmp_path, statement, words):
    await fill(tmp_path, *range(5))
    do(tmp_path, statement)
    with pytest.raises(StoreError) as caught:
        Store.open(tmp_path)
    assert words in str(caught.value)
    assert "study.db" in str(caught.value)
    with (  # to look at it is still possible, but not at its sums
        Store.open(tmp_path, read_only=True) as store,
        pytest.raises(StoreError, match=re.escape(words)),
    ):
        store.totals()
    with pytest.raises(StoreError):
        Store.open(tmp_path)  # and the lock was freed: the same words, not "in use"


async def test_a_store_of_schema_1_gets_its_books(tmp_path):
    await fill(tmp_path, *range(5))
    with Store.open(tmp_path, read_only=True) as store:
        before = store.totals()
    do(tmp_path, "DROP TABLE books")
    do(tmp_path, "UPDATE meta SET value = '1' WHERE name = 'schema_version'")
    with pytest.raises(StoreError, match=f"has schema 1, which .* up to {SCHEMA_VERSION}"):
        Store.open(tmp_path, read_only=True)
    with Store.open(tmp_path) as store:
        assert store.totals() == before
        assert store.journal.get(key(3)) == REPLY
    await fill(tmp_path, *range(5, 9))
    with Store.open(tmp_path) as store:
        assert store.totals()["search"].known.get("calls") == 9
    do(tmp_path, "UPDATE calls SET spent_tokens = 1")
    with pytest.raises(StoreError, match="in its books"):
        Store.open(tmp_path)


async def test_a_migration_that_fails_changes_nothing(tmp_path):
    await fill(tmp_path, 1)
    for statement in (
        "DROP TABLE books",
        "DROP TABLE verdicts",
        "CREATE INDEX verdicts ON meta (value)",  # the books can be made, what comes after cannot
        "UPDATE meta SET value = '1' WHERE name = 'schema_version'",
    ):
        do(tmp_path, statement)
    for _ in range(2):
        with pytest.raises(StoreError, match="already an index named verdicts"):
            Store.open(tmp_path)
    do(tmp_path, "CREATE TABLE books (made TEXT)")  # so there was none
    do(tmp_path, "DROP TABLE books")
    do(tmp_path, "DROP INDEX verdicts")
    with Store.open(tmp_path) as store:
        assert store.totals()["search"].known.get("calls") == 1


async def test_a_folder_is_made_whole_or_not_at_all(tmp_path):
    do(tmp_path, "CREATE TABLE other (value TEXT)")
    do(tmp_path, "CREATE INDEX trials ON other (value)")  # some tables can be made, this one not
    with pytest.raises(StoreError, match="already an index named trials"):
        Store.open(tmp_path)
    with closing(sqlite3.connect(tmp_path / "study.db")) as connection:
        names = connection.execute("SELECT name FROM sqlite_master").fetchall()
    assert sorted(names) == [("other",), ("trials",)]
    do(tmp_path, "DROP INDEX trials")
    await fill(tmp_path, 1)


async def test_one_write_ahead_log_and_one_thread_that_writes(tmp_path):
    with Store.open(tmp_path) as store:
        await store.journal.put(key(1), CALL, REPLY, account="search", spend=SPEND)
        with closing(sqlite3.connect(tmp_path / "study.db")) as connection, connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert (tmp_path / "study.db-wal").exists()
