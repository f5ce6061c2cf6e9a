"""The store: durable, exclusive, versioned."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing

import pytest
from sqlalchemy.exc import OperationalError

from graphsearch.ledger import Ledger
from graphsearch.records.calls import Outcome, Reply, Usage
from graphsearch.records.errors import CallTimeout, StoreError, WriteFailed
from graphsearch.store import SCHEMA_VERSION, Store, _schema, _statements
from graphsearch.store.journal import Journal
from tests.store.helpers import CALL, REPLY, SPEND, key, trial


async def put(store, *numbers, account="search", reply=REPLY):
    await asyncio.gather(
        *(store.journal.put(key(n), CALL, reply, account=account, spend=SPEND) for n in numbers)
    )


async def test_a_reply_is_found_again_in_another_store_of_the_same_folder(tmp_path):
    with Store.open(tmp_path / "run") as store:
        assert store.journal.get(key(1)) is None
        await put(store, 1)
        assert store.journal.get(key(1)) == REPLY
    with Store.open(tmp_path / "run") as store:
        assert key(1) in store.journal
        assert len(store.journal) == 1
        assert store.journal.get(key(1)) == REPLY
        assert store.journal.get(key(2)) is None


async def test_replies_that_left_memory_are_read_from_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("graphsearch.store.journal.KEPT_BYTES", 3000)
    with Store.open(tmp_path) as store:
        await put(store, *range(20))
        assert len(store.journal._recent) < 5
        assert all(store.journal.get(key(n)) == REPLY for n in range(20))


async def test_replies_that_wait_together_share_a_commit(tmp_path):
    with Store.open(tmp_path) as store:
        await put(store, *range(200))
        assert store.commits < 20


async def test_failures_are_counted_and_never_served(tmp_path):
    with Store.open(tmp_path) as store:
        await store.journal.put_failure(
            key(1), CALL, CallTimeout("slow"), account="waste", spend=SPEND, attempt=0
        )
        assert store.journal.get(key(1)) is None
        await put(store, 1, reply=Reply("", Usage(10, 0, 1), Outcome.EMPTY))
        assert store.journal.get(key(1)).outcome is Outcome.EMPTY
        assert store.journal.counts() == {"empty": 1, "timeout": 1}
        assert set(store.totals()) == {"search", "waste"}


async def test_totals_are_exact_beyond_64_bits_and_know_what_is_unknown(tmp_path):
    with Store.open(tmp_path) as store:
        await put(store, *range(50))
        await put(store, *range(50, 60), account="test")
        ledger = Ledger()
        ledger.restore(store.totals())
        assert ledger.spent("flops") == 60 * 9 * 10**18
        assert ledger.spent("units", "search") == 75
        assert ledger.spent("calls", "test") == 10
        assert ledger.unknown("usd") == 60


async def test_a_cancelled_wait_loses_nothing(tmp_path):
    with Store.open(tmp_path) as store:
        task = asyncio.create_task(
            store.journal.put(key(1), CALL, REPLY, account="search", spend=SPEND)
        )
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await put(store, 2)
        assert store.journal.get(key(1)) == REPLY
    with Store.open(tmp_path) as store:
        assert len(store.journal) == 2


def test_trials_and_checkpoints_come_back_as_they_were(tmp_path):
    with Store.open(tmp_path) as store:
        store.put(
            trials=[trial(0), trial(1)],
            checkpoints={"searcher": {"p": [0.25, 1e-17]}, "admission/1": {"items": 8}},
            meta={"seed": 3},
        )
        store.put_trial(trial(1))
        store.put_checkpoint("searcher", {"p": [0.5]}, trials=[trial(2)])
    with Store.open(tmp_path) as store:
        assert store.all_trials() == [trial(0), trial(1), trial(2)]
        assert [t.number for t in store.iter_trials(start=1)] == [1, 2]
        assert store.get_checkpoint("searcher") == {"p": [0.5]}
        assert store.get_checkpoint("nothing") is None
        assert store.checkpoint_names("admission/") == ["admission/1"]
        assert store.get_meta("seed") == 3


def test_a_trial_and_its_checkpoint_are_kept_together_or_not_at_all(tmp_path, monkeypatch):
    with Store.open(tmp_path) as store:
        store.put_checkpoint("searcher", 1, trials=[trial(0)])
        monkeypatch.setattr("graphsearch.store.store._named_rows", lambda values: [{"bad": 1}])
        with pytest.raises(StoreError):
            store.put_checkpoint("searcher", 2, trials=[trial(1)])
    with Store.open(tmp_path) as store:
        assert store.all_trials() == [trial(0)]
        assert store.get_checkpoint("searcher") == 1


async def test_a_full_disk_stops_all_writing_and_keeps_what_was_there(tmp_path, monkeypatch):
    with Store.open(tmp_path) as store:
        await put(store, 1)

        def full(*_):
            raise OperationalError("INSERT", {}, sqlite3.OperationalError("disk is full"))

        monkeypatch.setattr(_statements.Insert, "run", full)
        with pytest.raises(WriteFailed, match="disk is full; everything committed before is kept"):
            await put(store, 2)
        monkeypatch.undo()
        with pytest.raises(StoreError, match="disk is full"):
            await put(store, 3)
        assert store.journal.get(key(2)) is None
    with Store.open(tmp_path) as store:
        assert store.journal.get(key(1)) == REPLY
        assert len(store.journal) == 1


def test_a_second_store_of_the_same_folder_is_refused_with_the_pid(tmp_path):
    with Store.open(tmp_path), pytest.raises(StoreError, match=f"in use by process {os.getpid()}"):
        Store.open(tmp_path)
    Store.open(tmp_path).close()


async def test_reading_beside_the_writer_sees_what_is_committed(tmp_path):
    with Store.open(tmp_path) as store:
        await put(store, 1)
        with Store.open(tmp_path, read_only=True) as reader:
            assert reader.journal.get(key(1)) == REPLY
            store.put_trial(trial(0))
            assert reader.all_trials() == [trial(0)]
            with pytest.raises(TypeError, match="reading only"):
                reader.put_meta("a", 1)


@pytest.mark.parametrize("options", [{"create": False}, {"read_only": True}])
def test_an_absent_study_is_said_to_be_absent_and_nothing_is_made(tmp_path, options):
    with pytest.raises(StoreError, match="there is no study here"):
        Store.open(tmp_path / "none", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "study.db").write_text("this is no database, but long enough to look at" * 40)
    with pytest.raises(StoreError, match="not a database"):
        Store.open(tmp_path)
    assert (tmp_path / "study.db").read_text().startswith("this is no database")


def set_version(folder, version):
    with closing(sqlite3.connect(folder / "study.db")) as connection, connection:
        connection.execute("UPDATE meta SET value = ? WHERE name = 'schema_version'", [version])


def test_a_newer_schema_is_refused(tmp_path):
    Store.open(tmp_path).close()
    set_version(tmp_path, str(SCHEMA_VERSION + 1))
    with pytest.raises(StoreError, match="written by a newer graphsearch"):
        Store.open(tmp_path)
    set_version(tmp_path, str(SCHEMA_VERSION))
    Store.open(tmp_path).close()


def test_an_older_schema_is_migrated_once(tmp_path, monkeypatch):
    Store.open(tmp_path).close()
    ran = []
    monkeypatch.setattr(_schema, "SCHEMA_VERSION", SCHEMA_VERSION + 2)
    steps = {SCHEMA_VERSION: lambda c: ran.append(1), SCHEMA_VERSION + 1: lambda c: ran.append(2)}
    monkeypatch.setattr(_schema, "MIGRATIONS", steps)
    Store.open(tmp_path, read_only=True).close()  # it needs nothing of what is new
    monkeypatch.setattr(_schema, "_LEAST_READ", SCHEMA_VERSION + 1)
    with pytest.raises(StoreError, match="open it once for writing"):
        Store.open(tmp_path, read_only=True)
    Store.open(tmp_path).close()
    Store.open(tmp_path).close()
    assert ran == [1, 2]


def test_an_older_schema_without_a_way_up_is_refused(tmp_path, monkeypatch):
    Store.open(tmp_path).close()
    monkeypatch.setattr(_schema, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    with pytest.raises(StoreError, match="can no longer be read"):
        Store.open(tmp_path)


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
        assert all(isinstance(store.journal, Journal) and key(n) in store.journal for n in reported)
        spent = store.totals()["search"].known
        assert spent.get("calls") == len(store.journal)


def test_what_cannot_be_read_back_names_the_store(tmp_path):
    with Store.open(tmp_path) as store:
        store.put_checkpoint("searcher", 1, trials=[trial(0)])
    with closing(sqlite3.connect(tmp_path / "study.db")) as connection, connection:
        connection.execute("UPDATE checkpoints SET value = '{'")
        connection.execute("UPDATE trials SET record = '{}'")
    with Store.open(tmp_path) as store:
        with pytest.raises(StoreError, match=r"study.db: checkpoints/searcher cannot be read"):
            store.get_checkpoint("searcher")
        with pytest.raises(StoreError, match=r"study.db: a trial cannot be read"):
            store.all_trials()
        with closing(sqlite3.connect(tmp_path / "study.db")) as connection, connection:
            connection.execute("DROP TABLE trials")
        with pytest.raises(StoreError, match=r"study.db: cannot be read: no such table"):
            store.all_trials()
