"""How many calls an endpoint gets: what it answers decides, and nobody waits for the dead."""

import asyncio
import random
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graphsearch.engines.base import EngineInfo
from graphsearch.engines.scripted import ScriptedEngine
from graphsearch.execution import RetryPolicy
from graphsearch.records.calls import Message, Reply, Sampling, Usage
from graphsearch.records.errors import (
    BadRequest,
    EndpointDown,
    RateLimited,
    Unavailable,
    Unreachable,
)
from graphsearch.records.models import Fleet
from graphsearch.testing import run_virtual
from tests.execution.helpers import FLEET, executor

POLICY = RetryPolicy(
    attempts=10**6, refusals=10**6, call_s=None, unreachable_s=10, trouble_s=100, longest_wait=10
)


class Place(ScriptedEngine):
    """An endpoint whose answers come from a function of the time; notes when calls are sent."""

    def __init__(self, answer, latency, *, is_remote):
        super().__init__(self._at)
        self.answer = answer
        self.latency = latency
        self.endpoint = "there" if is_remote else ""
        self.sent = []
        self.busy = self.most_busy = 0

    def info(self, model):
        return EngineInfo("place", endpoint=self.endpoint)

    def _at(self, call):
        error = self.answer(asyncio.get_running_loop().time())
        return "says 1" if error is None else error

    async def generate(self, call):
        self.sent.append(round(asyncio.get_running_loop().time(), 2))
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            await asyncio.sleep(self.latency)
        finally:
            self.busy -= 1
        return await super().generate(call)


class Street:
    """An executor and the endpoint that its calls go to; each call is another one."""

    def __init__(self, ready, engine, changes):
        self.ready = ready
        self.engine = engine
        self.changes = changes
        self._asked = 0

    @property
    def state(self):
        (state,) = self.ready.traffic.endpoints
        return state

    async def call(self, words="question", item=None):
        self._asked += 1
        await self.ready.ask(
            "a",
            [Message("user", words)],
            sampling=Sampling(max_tokens=8),
            stream="agent",
            account="agent",
            item=item or f"i{self._asked}",
        )

    async def calls(self, count):
        return await asyncio.gather(*(self.call() for _ in range(count)), return_exceptions=True)


@contextmanager
def street(answer, *, most=64, latency=1.0, policy=POLICY, is_remote=True, fleet=FLEET):
    engine, changes = answer, []
    if not isinstance(answer, ScriptedEngine):
        engine = Place(answer, latency, is_remote=is_remote)
    with (
        tempfile.TemporaryDirectory() as folder,
        executor(
            folder, engine, concurrency=most, policy=policy, fleet=fleet, changed=changes.append
        ) as ready,
    ):
        yield Street(ready, engine, changes)


def test_it_starts_slowly_and_grows_with_success():
    async def main():
        with street(lambda now: None) as found:
            await found.calls(500)
            return found, found.state

    found, state = run_virtual(main())
    at = [sum(time == second for time in found.engine.sent) for second in range(4)]
    assert at == [8, 16, 32, 64]
    assert found.engine.most_busy == state.limit == 64
    assert found.changes == []


def test_an_engine_of_this_process_has_its_limit_at_once():
    async def main():
        with street(lambda now: None, is_remote=False, most=50) as found:
            await found.calls(100)
            return found

    assert run_virtual(main()).engine.sent[:50] == [0.0] * 50


def test_a_refusal_halves_the_limit_once_and_pauses_as_long_as_it_asks():
    refusing = lambda now: RateLimited("slow down", retry_after=30) if round(now, 2) == 4 else None  # noqa: E731

    async def main():
        with street(refusing) as found:
            await found.calls(600)
            return found

    found = run_virtual(main())
    # 8, 16, 32 and 64 went at once; all the 64 were refused, which counts as one refusal.
    assert [change.limit for change in found.changes if change.why] == [32]
    assert found.changes[0].paused_s == pytest.approx(30)
    assert found.changes[-1].why == ""
    assert not [time for time in found.engine.sent if 4.0 <= time < 34.0]
    assert sum(time == 34.0 for time in found.engine.sent) == 32


class ByItem(Place):
    """Answers each item in its own way: after so many seconds, with an error or well."""

    def __init__(self, ways):
        super().__init__(lambda now: None, 0.0, is_remote=True)
        self.ways = ways

    async def generate(self, call):
        seconds, error = self.ways[call.item]
        await asyncio.sleep(seconds)
        if error is not None:
            raise error
        return await super().generate(call)


def test_replies_from_before_a_pause_do_not_end_it():
    ways = {"first": (1, RateLimited("slow down", retry_after=30)), "second": (2, None)}

    async def main():
        with street(ByItem(ways)) as found:
            tasks = [asyncio.ensure_future(found.call(item=item)) for item in ways]
            await asyncio.gather(tasks[1])
            state = found.state
            tasks[0].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            return state

    state = run_virtual(main(), quiet_s=0.02)  # the clock waits for the disk
    assert state.paused_s == pytest.approx(29, abs=0.01)


def test_single_failures_cost_an_endpoint_nothing():
    number = count()

    async def main():
        answer = lambda now: Unavailable("500") if next(number) % 4 == 0 else None  # noqa: E731
        with street(answer) as found:
            await found.calls(2000)
            return found, found.state

    found, state = run_virtual(main())
    assert found.changes == []
    assert state.limit == 64


def test_an_error_that_is_the_calls_own_is_no_trouble():
    async def main():
        with street(lambda now: BadRequest("no such parameter")) as found:
            await found.calls(100)
            return found

    assert run_virtual(main()).changes == []


@pytest.mark.parametrize(
    ("error", "patience"), [(Unreachable("refused"), 10), (Unavailable("503"), 100)]
)
def test_an_endpoint_that_only_fails_is_dead_when_patience_ends(error, patience):
    async def main():
        with street(lambda now: error, latency=0.001) as found:
            ends = await found.calls(300)
            return found, ends, found.state, asyncio.get_running_loop().time()

    found, ends, state, took = run_virtual(main())
    assert all(isinstance(end, EndpointDown) for end in ends)
    assert patience <= took <= patience * 1.5
    assert state.is_down
    assert "there" in str(ends[0])
    assert str(error) in str(ends[0])
    # One call at a time tries it, with growing pauses between.
    assert len(found.engine.sent) < 60


def test_an_endpoint_that_comes_back_is_used_as_before():
    async def main():
        answer = lambda now: Unreachable("refused") if 3 <= now < 9 else None  # noqa: E731
        with street(answer, latency=0.1) as found:
            ends = await found.calls(3000)
            return found, ends, found.state

    found, ends, state = run_virtual(main())
    assert ends == [None] * 3000
    assert found.ready.down is None
    assert found.changes[-1].why == ""
    assert state.limit >= 32


def test_a_dead_endpoint_is_tried_now_and_then_and_can_live_again():
    async def main():
        answer = lambda now: Unreachable("refused") if now < 60 else None  # noqa: E731
        with street(answer, latency=0.1) as found:
            await found.calls(20)
            assert found.ready.down
            quick = await found.calls(5)
            await asyncio.sleep(60)
            return found, quick, await found.calls(20)

    found, quick, late = run_virtual(main())
    assert all(isinstance(end, EndpointDown) for end in quick)
    assert late.count(None) >= 1
    assert found.ready.down is None


def test_a_pause_longer_than_anybody_would_wait_is_an_end():
    async def main():
        with street(lambda now: RateLimited("quota of the day", retry_after=86_400)) as found:
            return await found.calls(10)

    ends = run_virtual(main())
    assert all(isinstance(end, EndpointDown) for end in ends)
    assert "86400 s" in str(ends[0])
    assert "quota of the day" in str(ends[0])


def test_a_refusal_for_a_day_counts_also_in_a_round_that_was_cut_already():
    ways = {
        "first": (1, RateLimited("slow down", retry_after=1)),
        "second": (1.5, RateLimited("quota", retry_after=86_400)),
    }

    async def main():
        with street(ByItem(ways)) as found:
            tasks = [asyncio.ensure_future(found.call(item=item)) for item in ways]
            await asyncio.gather(*tasks, return_exceptions=True)
            return found.state

    state = run_virtual(main())
    assert state.is_down
    assert "quota" in state.why


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32))
def test_whoever_gives_up_leaves_no_place_taken(seed):
    rng = random.Random(seed)
    faults = [None, None, None, Unavailable("500"), RateLimited("slow down"), Unreachable("no")]

    async def main():
        with street(lambda now: rng.choice(faults), most=rng.randrange(1, 9)) as found:
            tasks = [asyncio.ensure_future(found.call()) for _ in range(60)]
            for task in rng.sample(tasks, 30):
                await asyncio.sleep(rng.random() * 3)
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for _ in range(10):  # calls that were given up end
                await asyncio.sleep(0)
            return found, found.state

    found, state = run_virtual(main())
    assert (state.in_flight, state.waiting) == (0, 0)
    assert found.engine.most_busy <= state.most
    assert found.ready.ledger.open_reservations == 0


# -- limits per minute ---------------------------------------------------------------------------


def limited(**limits):
    return Fleet("slow", tuple(replace(model, **limits) for model in FLEET.models), "a")


class Sized(Place):
    """Notes the tokens of each call that is sent, and uses a part of them."""

    def __init__(self, used=1.0):
        super().__init__(lambda now: None, 0.0, is_remote=False)
        self.used = used

    async def generate(self, call):
        most = len(call.messages[0].content.split()) + 8
        self.sent.append((asyncio.get_running_loop().time(), most))
        return Reply("says 1", Usage(int(most * self.used) - 1, 1, 1))


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 600),
    st.lists(st.tuples(st.integers(1, 50), st.floats(0, 2)), min_size=1, max_size=60),
)
@example(120, [(12, 0.01)] * 30)
def test_no_minute_sees_more_than_its_limit_and_a_burst(most, asked):
    async def main():
        with street(Sized(), fleet=limited(tokens_per_minute=most)) as found:
            tasks = []
            for words, later in asked:
                await asyncio.sleep(later)
                tasks.append(asyncio.ensure_future(found.call("w " * words)))
            await asyncio.gather(*tasks)
            return found.engine.sent

    passed = run_virtual(main())
    assert [amount for _, amount in passed] == [words + 8 for words, _ in asked]
    burst = max(1.0, most * 5 / 60)
    for start, first in passed:
        window = sum(amount for time, amount in passed if start < time <= start + 60)
        assert window <= most + burst + first + 1e-6


def test_what_was_not_used_is_free_again():
    async def main():
        with street(Sized(used=0.1), fleet=limited(tokens_per_minute=600)) as found:
            loop = asyncio.get_running_loop()
            for _ in range(20):
                await found.call("w " * 42)
            kept = loop.time()
            found.engine.used = 1.0
            for _ in range(20):
                await found.call("w " * 42)
            return kept, loop.time() - kept

    kept, used = run_virtual(main())
    assert kept < 10
    assert 90 <= used <= 101


def test_a_call_that_gives_up_its_turn_gives_back_its_share():
    async def main():
        fleet = limited(requests_per_minute=60, tokens_per_minute=600)
        with street(Sized(), fleet=fleet) as found:
            waiting = [asyncio.ensure_future(found.call("w " * 42)) for _ in range(100)]
            for _ in range(5):
                await asyncio.sleep(0)
            for call in waiting:
                call.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            begun = asyncio.get_running_loop().time()
            await found.call("w " * 42)
            return asyncio.get_running_loop().time() - begun

    assert run_virtual(main()) < 10
