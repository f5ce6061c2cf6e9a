"""The store: durable, exclusive, versioned."""

import asyncio
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest

from graphsearch.records.calls import Outcome, Reply, Usage
from graphsearch.records.errors import StoreError
from graphsearch.store import SCHEMA_VERSION, Store
from graphsearch.testing import StoreConformance
from tests.store.helpers import CALL, REPLY, SPEND, do, key


async def put(store, *numbers, account="search", reply=REPLY):
    await asyncio.gather(
        *(store.journal.put(key(n), CALL, reply, account=account, spend=SPEND) for n in numbers)
    )


class TestStore(StoreConformance):
    """What every store must keep."""


async def test_an_empty_reply_keeps_its_outcome(tmp_path):
    with Store.open(tmp_path) as store:
        await put(store, 1, reply=Reply("", Usage(10, 0, 1), Outcome.EMPTY))
        assert store.journal.get(key(1)).outcome is Outcome.EMPTY


async def test_replies_that_left_memory_are_read_from_disk(tmp_path):
    long = replace(REPLY, text="four" * 10**6)
    with Store.open(tmp_path) as store:
        await put(store, *range(20), reply=long)
        do(tmp_path, "UPDATE calls SET text = 'changed'")
        found = [store.journal.get(key(n)).text for n in range(20)]
        assert found == ["changed"] * 17 + [long.text] * 3, "those that were used last are kept"


async def test_replies_that_wait_together_share_a_commit(tmp_path):
    with Store.open(tmp_path) as store:
        await put(store, *range(200))
        assert store.commits < 20


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "study.db").write_text("this is no database, but long enough to look at" * 40)
    with pytest.raises(StoreError, match="not a database"):
        Store.open(tmp_path)
    assert (tmp_path / "study.db").read_text().startswith("this is no database")


def test_a_newer_schema_is_refused(tmp_path):
    Store.open(tmp_path).close()
    do(tmp_path, f"UPDATE meta SET value = '{SCHEMA_VERSION + 1}' WHERE name = 'schema_version'")
    with pytest.raises(StoreError, match="written by a newer graphsearch"):
        Store.open(tmp_path)
    do(tmp_path, f"UPDATE meta SET value = '{SCHEMA_VERSION}' WHERE name = 'schema_version'")
    Store.open(tmp_path).close()


def test_a_bad_url_does_not_show_its_password():
    with pytest.raises(StoreError) as caught:
        Store.open("nosuchbase://user:hunter2@host/db")
    assert "hunter2" not in str(caught.value)


def test_folders_with_odd_names_are_fine(tmp_path):
    folder = tmp_path / "100% of #1? a b"
    Store.open(folder).close()
    assert (folder / "study.db").is_file()


KILLED = textwrap.dedent(
    """
    import asyncio, sys
    from graphsearch.store import Store
    from tests.store.helpers import CALL, REPLY, SPEND, key

    async def one(store, number):
        await store.journal.put(key(number), CALL, REPLY, account="search", spend=SPEND)
        print(number, flush=True)

    async def main():
        with Store.open(sys.argv[1]) as store:
            for start in range(0, 10**6, 16):
                await asyncio.gather(*(one(store, start + i) for i in range(16)))

    asyncio.run(main())
    """
)


@pytest.mark.parametrize("lines", [1, 100])
def test_what_was_reported_written_survives_a_kill(tmp_path, lines):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with process:
        reported = [int(process.stdout.readline()) for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split("\n")
        reported += [int(line) for line in rest[:-1]]
    with Store.open(tmp_path) as store:
        assert all(key(n) in store.journal for n in reported)
        spent = store.totals()["search"].known
        assert spent.get("calls") == len(store.journal)


def test_a_table_that_is_gone_is_said_to_be_gone(tmp_path):
    with Store.open(tmp_path) as store:
        do(tmp_path, "DROP TABLE trials")
        with pytest.raises(StoreError, match=r"study.db: cannot be read: no such table"):
            store.all_trials()


def test_a_schema_that_nothing_can_bring_up_is_refused(tmp_path):
    Store.open(tmp_path).close()
    do(tmp_path, "UPDATE meta SET value = '0' WHERE name = 'schema_version'")
    with pytest.raises(StoreError, match="schema 0 can no longer be read"):
        Store.open(tmp_path)
    with pytest.raises(StoreError, match="open it once for writing"):
        Store.open(tmp_path, read_only=True)
    do(tmp_path, "UPDATE meta SET value = 'x' WHERE name = 'schema_version'")
    with pytest.raises(StoreError, match="its schema version reads 'x'; the file is damaged"):
        Store.open(tmp_path)
