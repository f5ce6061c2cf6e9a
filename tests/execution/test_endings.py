"""However a call ends, what was held back for it is settled or given back, and books agree."""

import asyncio

import pytest

from graphsearch.cost import Amount
from graphsearch.engines.scripted import ScriptedEngine
from graphsearch.graph import CollaborationGraph
from graphsearch.ledger import Ledger
from graphsearch.records.calls import Outcome, Reply, Usage
from graphsearch.records.errors import (
    AccessDenied,
    BrokenReply,
    CallTimeout,
    Cancelled,
    ContextTooLong,
    NoKey,
    RateLimited,
    TaskError,
    Unavailable,
    WriteFailed,
)
from tests.execution.helpers import ITEMS, LastWord, executor
from tests.store.helpers import do

FUSED = CollaborationGraph.fan_in(["a", "b"], "assistant", "b")


def settled(ready):
    assert ready.ledger.open_reservations == 0
    assert ready.ledger.reserved("tokens") == 0
    return True


def agree(ready):
    return settled(ready) and ready.ledger.booked() == ready.store.totals()


def budget(tokens=10**6):
    return Ledger([Amount(tokens, "tokens")])


ENDS = [
    "says 1",
    "",
    Reply("I will not", Usage(3, 2, 1), Outcome.REFUSED),
    Reply("so", Usage(3, 8, 1), Outcome.TRUNCATED),
    Reply("nobody counted", Usage(None, None, 1)),
    RateLimited("slow down"),
    RateLimited("slow down", retry_after=0.0),
    Unavailable("down"),
    CallTimeout("too slow"),
    BrokenReply("half of it"),
    ContextTooLong("too long"),
    AccessDenied("who are you"),
    NoKey("nobody told"),
    Cancelled("given up"),
    Reply("x", Usage(2**70, 1, 1)),
    Reply(None, Usage(1, 1, 1)),
]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: type(end).__name__ + repr(str(end))[:24])
async def test_every_end_of_a_call(tmp_path, end):
    with executor(tmp_path, ScriptedEngine(end), ledger=budget()) as ready:
        runs = await ready.run(FUSED, ITEMS, stream="search", account="search")
        assert len(runs) == len(ITEMS)
        assert agree(ready)


@pytest.mark.parametrize(("error", "booked"), [(AccessDenied("who"), True), (NoKey("none"), False)])
async def test_a_call_that_was_never_sent_is_not_booked(tmp_path, error, booked):
    with executor(tmp_path, ScriptedEngine(error), ledger=budget()) as ready:
        runs = await ready.run(FUSED, ITEMS, stream="search", account="search")
        assert {run.outcome for run in runs} == {Outcome.REJECTED}
        assert (ready.ledger.spent("calls") > 0) == booked


async def test_an_engine_that_breaks_the_contract(tmp_path):
    def script(call):
        raise ZeroDivisionError("a bug of the engine")

    with executor(tmp_path, ScriptedEngine(script), ledger=budget()) as ready:
        with pytest.raises(ZeroDivisionError):
            await ready.run(FUSED, ITEMS, stream="search", account="search")
        assert agree(ready)


async def test_a_grader_that_breaks(tmp_path):
    class Broken(LastWord):
        def grade(self, item, text):
            raise KeyError("gold")

    with executor(tmp_path, ledger=budget()) as ready:
        with pytest.raises(TaskError):
            await ready.run(FUSED, ITEMS, stream="search", account="search", grader=Broken())
        assert agree(ready)


async def test_a_budget_that_ends_in_the_middle(tmp_path):
    with executor(tmp_path, ledger=budget(60)) as ready:
        runs = await ready.run(FUSED, ITEMS, stream="search", account="search")
        assert Outcome.BUDGET_STOPPED in {run.outcome for run in runs}
        assert ready.ledger.spent("tokens") <= 60
        assert agree(ready)


@pytest.mark.parametrize("turns", [1, 3, 10, 40])
async def test_a_run_that_is_cancelled(tmp_path, turns):
    engine = ScriptedEngine("says 1", latency=0.001)
    with executor(tmp_path, engine, ledger=budget()) as ready:
        task = asyncio.create_task(ready.run(FUSED, ITEMS, stream="search", account="search"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for _ in range(200):  # replies that were being written arrive
            await asyncio.sleep(0.001)
            if ready.ledger.booked() == ready.store.totals():
                break
        assert agree(ready)


async def test_a_disk_that_is_full(tmp_path):
    with executor(tmp_path, ledger=budget()) as ready:
        await ready.run(FUSED, ITEMS[:2], stream="search", account="search")
        refuse = "BEFORE INSERT ON calls BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        do(tmp_path, f"CREATE TRIGGER full {refuse}")
        with pytest.raises(WriteFailed):
            await ready.run(FUSED, ITEMS[2:], stream="search", account="search")
        assert settled(ready)
        paid = ready.ledger.spent("calls")
    do(tmp_path, "DROP TRIGGER full")
    with executor(tmp_path, ledger=budget()) as ready:
        assert ready.ledger.spent("calls") < paid, "what was not written was not kept"
        assert agree(ready)
