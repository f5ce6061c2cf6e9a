"""Retries, time limits and dead endpoints, as a run on items meets them."""

import asyncio
import sqlite3
from contextlib import asynccontextmanager, closing
from dataclasses import replace

import pytest

from graphsearch.engines.base import EngineInfo, TakesTurns
from graphsearch.engines.faulty import Fault, FaultyEngine
from graphsearch.engines.scripted import ScriptedEngine
from graphsearch.execution import RetryPolicy
from graphsearch.graph import CollaborationGraph
from graphsearch.records.calls import Message, Outcome, Sampling
from graphsearch.records.errors import Rejected, Unavailable, Unreachable
from graphsearch.records.models import Fleet
from graphsearch.testing import run_virtual
from tests.execution.helpers import FLEET, ITEMS, answer, executor, until

ONE = CollaborationGraph.single("a")


class Remote(ScriptedEngine):
    """A scripted engine whose calls leave this process."""

    def __init__(self, script, place="http://there", **options):
        super().__init__(script, **options)
        self.place = place

    def info(self, model):
        return EngineInfo("remote", "v1", deterministic=True, endpoint=self.place)


async def run(ready, graph=ONE, items=ITEMS, **options):
    return await ready.run(graph, items, stream="search", account="search", **options)


def test_a_call_that_hangs_is_given_up_and_tried_again(tmp_path):
    engine = FaultyEngine(Remote(answer), script=[Fault.HANG, Fault.HANG])

    async def main():
        with executor(tmp_path, engine, policy=RetryPolicy(attempt_s=20)) as ready:
            (found,) = await run(ready, items=ITEMS[:1])
            return found, ready.store.journal.counts(), ready.ledger.spent("calls", "waste")

    found, counts, wasted = run_virtual(main())
    assert found.outcome is Outcome.ANSWERED
    assert counts == {"answered": 1, "timeout": 2}
    assert wasted == 2


def test_a_call_is_not_tried_for_ever(tmp_path):
    engine = Remote(Unavailable("500"))
    policy = RetryPolicy(attempts=1000, call_s=50, trouble_s=1e6)

    async def main():
        with executor(tmp_path, engine, policy=policy) as ready:
            (found,) = await run(ready, items=ITEMS[:1])
            return found, asyncio.get_running_loop().time()

    found, took = run_virtual(main())
    assert (found.outcome, found.verdict) == (Outcome.UNAVAILABLE, None)
    assert 50 <= took <= 150


def test_an_item_that_takes_too_long_is_not_evaluated_and_holds_nobody_up(tmp_path):
    engine = Remote(answer, latency=3600.0)

    async def main():
        with executor(tmp_path, engine, policy=RetryPolicy(item_s=30), concurrency=2) as ready:
            runs = await run(ready)
            await until(lambda: engine.in_flight == 0)
            took, ledger = asyncio.get_running_loop().time(), ready.ledger
        with executor(tmp_path) as ready:
            return runs, took, ledger, ready.store.totals()

    # Six items, four of them begun at once: the time of one does not count for another.
    runs, took, ledger, totals = run_virtual(main())
    assert [found.outcome for found in runs] == [Outcome.TIMEOUT] * 6
    assert {found.verdict for found in runs} == {None}
    assert {found.error for found in runs} == {"the question took longer than 30 s"}
    assert 60 <= took < 65
    assert ledger.open_reservations == 0
    assert ledger.booked() == totals


@pytest.mark.parametrize(("remote", "waste"), [(True, 1), (False, 0)])
def test_a_call_given_up_on_its_way_is_paid_for_where_it_may_have_to_be(tmp_path, remote, waste):
    kind = Remote if remote else ScriptedEngine
    engine = kind(answer, latency=3600.0)

    async def main():
        with executor(tmp_path, engine) as ready:
            task = asyncio.ensure_future(run(ready, items=ITEMS[:1]))
            await until(lambda: engine.in_flight == 1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await until(lambda: engine.in_flight == 0)
            booked = ready.ledger.booked()
        with executor(tmp_path, engine) as ready:
            assert ready.ledger.booked() == booked
            return ready.ledger.spent("calls", "waste"), ready.ledger.spent("tokens", "waste")

    calls, tokens = asyncio.run(main())
    assert calls == waste
    assert (tokens > 8) == remote


def test_a_dead_endpoint_ends_the_run_within_seconds_and_keeps_what_was_made(tmp_path):
    def script(call):
        return Unreachable("refused") if call.item > "i2" else answer(call)

    engine = Remote(script, latency=0.1)

    async def main():
        with executor(tmp_path, engine, policy=RetryPolicy(), concurrency=3) as ready:
            runs = await run(ready, items=ITEMS)
            more = await run(ready, items=ITEMS[:3])
            return runs, more, ready.down, asyncio.get_running_loop().time()

    runs, more, down, took = run_virtual(main())
    assert [found.outcome.value for found in runs] == ["answered"] * 3 + ["unavailable"] * 3
    assert "http://there cannot be reached" in down
    assert "refused" in runs[-1].error
    assert took < 15
    assert [found.outcome.value for found in more] == ["answered"] * 3, "the journal still serves"


def test_a_model_that_only_fails_is_dead_though_its_endpoint_answers_others(tmp_path):
    def script(call):
        return Unavailable("500") if call.model == "a" else answer(call)

    engine = Remote(script, latency=1.0)

    async def others(ready):
        count = 0
        while ready.down is None and count < 1000:
            count += 1
            item = replace(ITEMS[0], id=f"y{count}")
            (found,) = await run(ready, CollaborationGraph.single("b"), [item])
            if found.outcome is not Outcome.ANSWERED:
                break
        return count

    async def main():
        policy = RetryPolicy(trouble_s=40)
        with executor(tmp_path, engine, policy=policy, halts=True) as ready:
            failed, well = await asyncio.gather(
                run(ready, items=[replace(ITEMS[0], id=f"x{n}") for n in range(3)]),
                others(ready),
            )
            return failed, well, ready.down, asyncio.get_running_loop().time()

    failed, well, down, took = run_virtual(main())
    assert {found.outcome for found in failed} == {Outcome.UNAVAILABLE}
    assert well > 3, "so the endpoint itself is alive"
    assert "a at http://there has only failed for " in down
    assert took < 100


def test_once_an_endpoint_is_dead_a_study_sends_nothing_to_the_others(tmp_path):
    dead, alive = Remote(Unreachable("refused")), Remote(answer, "http://elsewhere", latency=1.0)

    async def main(*, halts):
        policy = RetryPolicy()
        alive.calls.clear()
        both = {"a": dead, "b": alive}
        with executor(tmp_path / str(halts), both, halts=halts, policy=policy) as ready:
            await asyncio.gather(
                run(ready, items=ITEMS[:1]),
                *(run(ready, CollaborationGraph.single("b"), [item]) for item in ITEMS * 20),
            )
            await run(ready, CollaborationGraph.single("b"), [replace(ITEMS[0], id="new")])
            return ready.down, [call.item for call in alive.calls]

    down, items = run_virtual(main(halts=True))
    assert down
    assert "new" not in items
    down, items = run_virtual(main(halts=False))
    assert down
    assert "new" in items


def test_limits_a_minute_are_kept(tmp_path):
    fleet = Fleet("slow", tuple(replace(m, requests_per_minute=30) for m in FLEET.models), "a")

    async def main():
        loop, sent = asyncio.get_running_loop(), []
        engine = Remote(answer, latency=lambda call: sent.append(loop.time()) or 0.1)
        with executor(tmp_path, engine, fleet=fleet) as ready:
            await run(ready, items=[replace(ITEMS[0], id=f"n{n}") for n in range(33)])
        return sent

    sent = run_virtual(main())
    assert len(sent) == 33
    assert 58 <= sent[-1] <= 62


async def test_an_error_in_odd_letters_is_written_down(tmp_path):
    errors = [Rejected("half a letter: \ud800")]
    with executor(tmp_path, Remote([*errors, "it is 1"])) as ready:
        (found,) = await run(ready, items=ITEMS[:1])
        assert found.outcome is Outcome.REJECTED
        (found,) = await run(ready, items=ITEMS[1:2])
        assert found.outcome is Outcome.ANSWERED


async def test_an_engine_that_cancels_itself_breaks_a_call_and_no_run(tmp_path):
    class Quitter(Remote):
        async def generate(self, call):
            gone = asyncio.get_running_loop().create_future()
            gone.cancel()
            return await gone

    with executor(tmp_path, Quitter(answer)) as ready:
        (found,) = await run(ready, items=ITEMS[:1])
    assert (found.outcome, found.verdict) == (Outcome.UNAVAILABLE, None)
    assert "by itself" in found.error


def test_a_reply_that_was_being_written_when_its_loop_ended_is_not_paid_again(tmp_path):
    engine = Remote(answer)

    async def begin(ready):
        task = asyncio.ensure_future(run(ready, items=ITEMS[:1]))
        while not engine.calls:  # noqa: ASYNC110  (every turn counts)
            await asyncio.sleep(0)
        task.cancel()

    with executor(tmp_path, engine) as ready:
        asyncio.run(begin(ready))
        (found,) = asyncio.run(run(ready, items=ITEMS[:1]))
        assert found.outcome is Outcome.ANSWERED
        assert len(engine.calls) == 1
        assert ready.ledger.booked() == ready.store.totals()


class Turning(ScriptedEngine):
    """A turn comes after a hundred seconds; the call itself is answered at once."""

    @asynccontextmanager
    async def turn(self, model):
        await asyncio.sleep(100)
        yield super().generate

    async def generate(self, call):
        async with self.turn(call.model) as generate:
            return await generate(call)


def test_waiting_for_a_turn_is_no_part_of_an_attempt(tmp_path):
    engine = Turning("says 1")
    assert isinstance(engine, TakesTurns)

    async def main():
        with executor(tmp_path, engine, policy=RetryPolicy(attempts=1, attempt_s=20)) as ready:
            return await run(ready, items=ITEMS[:2])

    assert [found.outcome for found in run_virtual(main())] == [Outcome.ANSWERED] * 2


async def test_on_a_slow_disk_calls_wait_until_replies_are_written(tmp_path):
    engine = Remote(answer)
    with (
        executor(tmp_path, engine, concurrency=8) as ready,
        closing(sqlite3.connect(tmp_path / "study.db", isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")  # nobody else can write
        calls = [
            ready.ask(
                "a",
                [Message("user", f"question {number}")],
                sampling=Sampling(max_tokens=8),
                stream="agent",
                account="agent",
            )
            for number in range(40)
        ]
        everything = asyncio.gather(*calls)
        await until(lambda: len(engine.calls) >= 16)
        await asyncio.sleep(0.05)
        asked = len(engine.calls)
        other.execute("ROLLBACK")
        replies = await everything
    # Eight at a time and eight whose replies are being written: what a kill would have lost.
    assert asked == 16
    assert {reply.outcome for reply in replies} == {Outcome.ANSWERED}
    assert len(engine.calls) == 40
