"""What every store must keep, as a class of tests that other stores import too.

    class TestMyStore(StoreConformance):
        def open(self, place, **options): return MyStore.open(...)
        def execute(self, place, statement): ...

The tests speak of the tables by their names (`graphsearch.store`), to damage what a store has
written and to make its writes fail. Plain methods and `asyncio.run`, so that no pytest plug-in is
needed.
"""

# ruff: noqa: D102 - the names of the tests are sentences

import asyncio
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from graphsearch.graph import CollaborationGraph
from graphsearch.ledger import Ledger, Spend
from graphsearch.records.calls import Call, Message, Outcome, Reply, Sampling, Usage
from graphsearch.records.errors import CallTimeout, StoreError, WriteFailed
from graphsearch.records.tasks import Verdict
from graphsearch.records.trials import ItemResult, Proposal, TrialRecord, TrialState
from graphsearch.store import Store

__all__ = ["StoreConformance"]

_CALL = Call("m", (Message("user", "2 + 2"),), Sampling(), stream="search", item="i1", sample=3)
_REPLY = Reply("four", Usage(10, 2, 1), Outcome.ANSWERED, 0.25, {"finish": "stop"})
_SPEND = Spend.of({"units": 1.5, "flops": 9 * 10**18, "tokens": 12, "calls": 1})
_OTHER = Spend.of({"units": 0.25, "flops": 5, "tokens": 7, "calls": 1, "usd": 1})
_RIGHT = Verdict(1.0, parsed="4", reason="as it should be")
_WRONG = Verdict(0.0, Outcome.UNPARSED, None, "a\x00b \ud800 \u2028 größer")


def _key(number: int) -> str:
    return f"{number:032x}"


def _trial(number: int) -> TrialRecord:
    results = (
        ItemResult(
            "i1",
            1.0,
            Outcome.ANSWERED,
            {"a": Usage(1, 2, 3)},
            {"units": 0.5},
            group="g",
            answer="4",
        ),
        ItemResult("i2", None, Outcome.TIMEOUT),
    )
    graph = CollaborationGraph.fan_in(["a", "b"], "fuser", "c")
    proposal = Proposal(graph, "mode", {"why": [1, "x"]})
    return TrialRecord(number, 2, proposal, TrialState.STOPPED, results, expected_cost=3.25)


async def _put(store: Store, *numbers: int, account: str = "search") -> None:
    """Write some replies, and a failed attempt, all at once."""
    put, failed = store.journal.put, store.journal.put_failure
    error = CallTimeout("slow")
    await asyncio.gather(
        *(put(_key(n), _CALL, _REPLY, account=account, spend=_SPEND) for n in numbers),
        failed(_key(1), _CALL, error, account="waste", spend=_OTHER, attempt=0),
    )


class StoreConformance:
    """The contract of `graphsearch.store.Store`, its journal and its verdicts.

    Whatever keeps a study keeps these: replies are on disk before they are used, trials and
    checkpoints are written together or not at all, totals equal the books, all of it is there
    again when it is opened again, one process writes, and what is damaged is refused by name.
    """

    def place(self, folder: Path) -> Path:
        """Where a new store can be made; `folder` is empty."""
        return folder / "run"

    def open(self, place: Path, **options: Any) -> Store:
        """Open the store of a place; the options are those of `Store.open`."""
        return Store.open(place, **options)

    def execute(self, place: Path, statement: str) -> None:
        """Do something behind the store's back, in SQL."""
        with closing(sqlite3.connect(place / "study.db")) as connection, connection:
            connection.execute(statement)

    def refuse_writes(self, place: Path, table: str) -> None:
        """Have every new row of a table refused, as if the disk were full."""
        self.execute(
            place,
            f"CREATE TRIGGER full BEFORE INSERT ON {table} "
            "BEGIN SELECT RAISE(ABORT, 'disk is full'); END",
        )

    # -- replies -------------------------------------------------------------------------------

    def test_a_reply_is_found_again_in_another_store_of_the_same_place(
        self, tmp_path: Path
    ) -> None:
        place = self.place(tmp_path)
        with self.open(place) as store:
            assert store.journal.get(_key(1)) is None
            asyncio.run(_put(store, 1))
            assert store.journal.get(_key(1)) == _REPLY
        with self.open(place) as store:
            assert (_key(1) in store.journal, len(store.journal)) == (True, 1)
            assert store.journal.get(_key(1)) == _REPLY
            assert store.journal.get(_key(2)) is None

    def test_a_reply_is_on_disk_before_it_is_used(self, tmp_path: Path) -> None:
        place = self.place(tmp_path)

        async def main() -> None:
            seen: list[Reply | None] = []
            done = asyncio.Event()

            def landed(problem: StoreError | None) -> None:
                assert problem is None
                with self.open(place, read_only=True) as other:
                    seen.append(other.journal.get(_key(1)))
                done.set()

            store.journal.post(
                _key(1), _CALL, _REPLY, account="search", spend=_SPEND, landed=landed
            )
            assert store.journal.get(_key(1)) is None
            await done.wait()
            assert seen == [_REPLY] == [store.journal.get(_key(1))]

        with self.open(place) as store:
            asyncio.run(main())

    def test_a_cancelled_wait_loses_nothing(self, tmp_path: Path) -> None:
        place = self.place(tmp_path)

        async def main() -> None:
            journal = store.journal
            put = journal.put(_key(1), _CALL, _REPLY, account="search", spend=_SPEND)
            task = asyncio.create_task(put)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await _put(store, 2)
            assert journal.get(_key(1)) == _REPLY

        with self.open(place) as store:
            asyncio.run(main())
        with self.open(place) as store:
            assert len(store.journal) == 2

    def test_what_was_posted_on_a_loop_that_is_no_more_is_kept(self, tmp_path: Path) -> None:
        async def main() -> None:
            store.journal.post(
                _key(1), _CALL, _REPLY, account="search", spend=_SPEND, landed=lambda problem: None
            )

        with self.open(self.place(tmp_path)) as store:
            asyncio.run(main())
            store.journal.catch_up()
            assert store.journal.get(_key(1)) == _REPLY

    def test_failures_are_counted_and_never_served(self, tmp_path: Path) -> None:
        with self.open(self.place(tmp_path)) as store:
            asyncio.run(_put(store))
            assert store.journal.get(_key(1)) is None
            asyncio.run(_put(store, 1))
            assert store.journal.counts() == {"answered": 1, "timeout": 2}
            assert [row["attempt"] for row in store.journal.failed_rows()] == [0, 0]
            assert [row["key"] for row in store.journal.rows(stream="search")] == [_key(1)]
            assert list(store.journal.rows(stream="test")) == []

    # -- totals and books ----------------------------------------------------------------------

    def test_totals_are_exact_beyond_64_bits_and_know_what_is_unknown(self, tmp_path: Path) -> None:
        place = self.place(tmp_path)
        for first in (0, 30):
            with self.open(place) as store:
                asyncio.run(_put(store, *range(first, first + 25)))
                asyncio.run(_put(store, *range(first + 25, first + 30), account="test"))
        with self.open(place) as store:
            ledger = Ledger()
            ledger.restore(store.totals())
            assert ledger.booked() == store.totals()
            assert ledger.spent("flops", "search") == 50 * 9 * 10**18
            assert ledger.spent("units", "test") == 15
            assert ledger.unknown("usd") == 60
            assert (ledger.spent("usd"), ledger.spent("calls", "waste")) == (4, 4)

    @pytest.mark.parametrize(
        ("statement", "words"),
        [
            ("UPDATE failures SET spent_tokens = 5", "5 tokens in its journal, 7 in its books"),
            ("DELETE FROM calls", "0 calls in its journal, 3 in its books"),
            ("DELETE FROM failures", "0 calls in its journal, 1 in its books"),
            ("UPDATE failures SET account = 'search'", "account 'search' has 4 calls"),
            ("DELETE FROM books WHERE account = 'search'", "3 calls in its journal, 0 in its"),
            ("UPDATE books SET value = '{'", "books cannot be read"),
        ],
    )
    def test_rows_that_were_changed_behind_its_back_are_found(
        self, tmp_path: Path, statement: str, words: str
    ) -> None:
        place = self.place(tmp_path)
        with self.open(place) as store:
            asyncio.run(_put(store, 1, 2, 3))
        self.execute(place, statement)
        for _ in range(2):  # and the lock was freed: the same words, not "in use"
            with pytest.raises(StoreError) as caught:
                self.open(place)
            assert words in str(caught.value)
            assert str(place) in str(caught.value)
        with self.open(place, read_only=True) as store:  # to look at it is still possible
            with pytest.raises(StoreError) as caught:
                store.totals()
            assert words in str(caught.value)

    # -- trials, checkpoints, facts, verdicts --------------------------------------------------

    def test_trials_and_checkpoints_come_back_as_they_were(self, tmp_path: Path) -> None:
        place = self.place(tmp_path)
        with self.open(place) as store:
            store.put(
                trials=[_trial(0), _trial(1)],
                checkpoints={"searcher": {"p": [0.25, 1e-17]}, "admission/1": {"items": 8}},
                meta={"seed": 3},
            )
            store.put_trial(_trial(1))
            store.put_checkpoint("searcher", {"p": [0.5]}, trials=[_trial(2)])
            store.put_meta("seed", 4)
        with self.open(place) as store:
            assert store.all_trials() == [_trial(0), _trial(1), _trial(2)]
            assert [trial.number for trial in store.iter_trials(start=1)] == [1, 2]
            assert store.get_checkpoint("searcher") == {"p": [0.5]}
            assert store.get_checkpoint("nothing") is None
            assert store.checkpoint_names("admission/") == ["admission/1"]
            assert (store.get_meta("seed"), store.get_meta("nothing")) == (4, None)

    @pytest.mark.parametrize("table", ["trials", "checkpoints"])
    def test_a_trial_and_its_checkpoint_are_kept_together_or_not_at_all(
        self, tmp_path: Path, table: str
    ) -> None:
        place = self.place(tmp_path)
        with self.open(place) as store:
            store.put_checkpoint("searcher", 1, trials=[_trial(0)])
            self.refuse_writes(place, table)
            with pytest.raises(StoreError):
                store.put_checkpoint("searcher", 2, trials=[_trial(0), _trial(1)])
        with self.open(place) as store:
            assert store.all_trials() == [_trial(0)]
            assert store.get_checkpoint("searcher") == 1

    def test_the_first_verdict_stays_and_is_on_disk_before_it_is_used(self, tmp_path: Path) -> None:
        place = self.place(tmp_path)

        async def keep(verdicts: Sequence[Verdict]) -> list[Verdict]:
            kept = store.verdicts.keep
            found = await asyncio.gather(*(kept(_key(1), "i", v) for v in verdicts))
            with self.open(place, read_only=True) as other:
                assert other.verdicts.get(_key(1)) == found[0]
            return found

        with self.open(place) as store:
            assert store.verdicts.get(_key(1)) is None
            assert asyncio.run(keep([_WRONG, _RIGHT, _WRONG])) == [_WRONG] * 3
            assert asyncio.run(keep([_RIGHT])) == [_WRONG]
            assert store.totals() == {}, "they cost nothing"
        with self.open(place) as store:
            assert asyncio.run(keep([_RIGHT])) == [_WRONG]

    # -- who may open it -----------------------------------------------------------------------

    def test_a_second_store_of_the_same_place_is_refused_with_the_pid(self, tmp_path: Path) -> None:
        place = self.place(tmp_path)
        with (
            self.open(place),
            pytest.raises(StoreError, match=f"in use by process {os.getpid()}"),
        ):
            self.open(place)
        self.open(place).close()

    def test_readers_see_what_is_committed_and_write_nothing(self, tmp_path: Path) -> None:
        place = self.place(tmp_path)
        with self.open(place) as store, self.open(place, read_only=True) as reader:
            store.put_trial(_trial(0))
            assert reader.all_trials() == [_trial(0)]
            with pytest.raises(TypeError, match="reading only"):
                reader.put_meta("a", 1)
            with pytest.raises(TypeError, match="reading only"):
                asyncio.run(_put(reader, 1))
            with pytest.raises(TypeError, match="reading only"):
                asyncio.run(reader.verdicts.keep(_key(1), "i", _RIGHT))

    @pytest.mark.parametrize("options", [{"create": False}, {"read_only": True}])
    def test_an_absent_study_is_said_to_be_absent_and_nothing_is_made(
        self, tmp_path: Path, options: dict[str, bool]
    ) -> None:
        with pytest.raises(StoreError, match="there is no study here"):
            self.open(self.place(tmp_path), **options)
        assert list(tmp_path.iterdir()) == []

    # -- what goes wrong -----------------------------------------------------------------------

    def test_a_write_that_fails_stops_all_writing_and_keeps_what_was_there(
        self, tmp_path: Path
    ) -> None:
        place = self.place(tmp_path)
        with self.open(place) as store:
            asyncio.run(_put(store, 1))
            self.refuse_writes(place, "calls")
            with pytest.raises(WriteFailed, match="disk is full; everything committed before is"):
                asyncio.run(_put(store, 2))
            with pytest.raises(StoreError, match="disk is full"):
                store.put_meta("seed", 3)
            assert store.journal.get(_key(2)) is None
        with self.open(place) as store:
            assert (len(store.journal), store.get_meta("seed")) == (1, None)
            assert store.journal.get(_key(1)) == _REPLY

    def test_a_closed_store_takes_nothing(self, tmp_path: Path) -> None:
        store = self.open(self.place(tmp_path))
        store.close()
        store.close()
        with pytest.raises(StoreError, match="closed"):
            store.put_meta("seed", 3)

    def test_what_cannot_be_read_back_names_the_store(self, tmp_path: Path) -> None:
        place = self.place(tmp_path)
        with self.open(place) as store:
            store.put_checkpoint("searcher", 1, trials=[_trial(0)])
            asyncio.run(store.verdicts.keep(_key(1), "i", _RIGHT))
        self.execute(place, "UPDATE checkpoints SET value = '{'")
        self.execute(place, "UPDATE trials SET record = '{}'")
        self.execute(place, "UPDATE verdicts SET value = '[1]'")
        with self.open(place) as store:
            for read in (
                lambda: store.get_checkpoint("searcher"),
                lambda: store.all_trials(),
                lambda: store.verdicts.get(_key(1)),
            ):
                with pytest.raises(StoreError, match="the file is damaged") as caught:
                    read()
                assert str(place) in str(caught.value)
