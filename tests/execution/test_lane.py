"""How many calls an endpoint gets: what it answers decides, and nobody waits for the dead."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsearch.execution import RetryPolicy
from graphsearch.execution._limiters import AdaptiveLimiter, RateLimiter
from graphsearch.execution._limiters import _Bucket as PerMinute
from graphsearch.records.errors import (
    BadRequest,
    EndpointDown,
    RateLimited,
    Unavailable,
    Unreachable,
)
from graphsearch.testing import run_virtual

POLICY = RetryPolicy(unreachable_s=10, trouble_s=100)


class Street:
    """A lane and those who use it; the endpoint's answers come from a function of the time."""

    def __init__(self, answer, *, most=64, latency=1.0, policy=POLICY, is_remote=True):
        self.changes = []
        self.lane = AdaptiveLimiter(
            "there", most, is_remote=is_remote, policy=policy, changed=self.changes.append
        )
        self.answer = answer
        self.latency = latency
        self.sent = []
        self.in_flight = self.most_in_flight = 0

    async def call(self):
        loop = asyncio.get_running_loop()
        while True:
            entered = await self.lane.enter()
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            self.sent.append(loop.time())
            try:
                await asyncio.sleep(self.latency)
            except asyncio.CancelledError:
                self.in_flight -= 1
                self.lane.leave(entered, None, is_known=False)
                raise
            self.in_flight -= 1
            error = self.answer(loop.time())
            self.lane.leave(entered, error)
            if error is None or not error.retryable:
                return error

    async def calls(self, count):
        return await asyncio.gather(*(self.call() for _ in range(count)), return_exceptions=True)


def test_it_starts_slowly_and_grows_with_success():
    async def main():
        street = Street(lambda now: None)
        await street.calls(500)
        return street

    street = run_virtual(main())
    at = [sum(time == second for time in street.sent) for second in range(4)]
    assert at == [8, 16, 32, 64]
    assert street.most_in_flight == street.lane.state.limit == 64
    assert street.changes == []


def test_an_engine_of_this_process_has_its_limit_at_once():
    async def main():
        street = Street(lambda now: None, is_remote=False, most=50)
        await street.calls(100)
        return street

    assert run_virtual(main()).sent[:50] == [0.0] * 50


def test_a_refusal_halves_the_limit_once_and_pauses_as_long_as_it_asks():
    refusing = lambda now: RateLimited("slow down", retry_after=30) if now == 4.0 else None  # noqa: E731

    async def main():
        street = Street(refusing)
        await street.calls(600)
        return street

    street = run_virtual(main())
    # 8, 16, 32 and 64 went at once; all the 64 were refused, which counts as one refusal.
    assert [change.limit for change in street.changes if change.why] == [32]
    assert street.changes[0].paused_s == 30
    assert street.changes[-1].why == ""
    assert not [time for time in street.sent if 4.0 <= time < 34.0]
    assert sum(time == 34.0 for time in street.sent) == 32


def test_replies_from_before_a_pause_do_not_end_it():
    async def main():
        lane = Street(lambda now: None).lane
        first, second = await lane.enter(), await lane.enter()
        lane.leave(first, RateLimited("slow down", retry_after=30))
        await asyncio.sleep(1)
        lane.leave(second, None)
        return lane.state

    assert run_virtual(main()).paused_s == 29


def test_single_failures_cost_an_endpoint_nothing():
    spoilt = random.Random(0)

    async def main():
        street = Street(lambda now: Unavailable("500") if spoilt.random() < 0.2 else None)
        await street.calls(2000)
        return street

    street = run_virtual(main())
    assert street.changes == []
    assert street.lane.state.limit == 64


def test_an_error_that_is_the_calls_own_is_no_trouble():
    async def main():
        street = Street(lambda now: BadRequest("no such parameter"))
        await street.calls(100)
        return street

    assert run_virtual(main()).changes == []


@pytest.mark.parametrize(
    ("error", "patience"), [(Unreachable("refused"), 10), (Unavailable("503"), 100)]
)
def test_an_endpoint_that_only_fails_is_dead_when_patience_ends(error, patience):
    async def main():
        street = Street(lambda now: error, latency=0.001)
        ends = await street.calls(300)
        return street, ends, asyncio.get_running_loop().time()

    street, ends, took = run_virtual(main())
    assert all(isinstance(end, EndpointDown) for end in ends)
    assert patience <= took <= patience * 1.5
    assert street.changes[-1].is_down
    assert "there" in str(ends[0])
    assert str(error) in str(ends[0])
    # One call at a time tries it, with growing pauses between.
    assert len(street.sent) < 60


def test_an_endpoint_that_comes_back_is_used_as_before():
    async def main():
        street = Street(lambda now: Unreachable("refused") if 3 <= now < 9 else None, latency=0.1)
        ends = await street.calls(3000)
        return street, ends

    street, ends = run_virtual(main())
    assert ends == [None] * 3000
    assert street.lane.down is None
    assert street.changes[-1].why == ""
    assert street.lane.state.limit >= 32


def test_a_dead_endpoint_is_tried_now_and_then_and_can_live_again():
    async def main():
        street = Street(lambda now: Unreachable("refused") if now < 60 else None, latency=0.1)
        await street.calls(20)
        assert street.lane.down
        quick = await street.calls(5)
        await asyncio.sleep(60)
        return street, quick, await street.calls(20)

    street, quick, late = run_virtual(main())
    assert all(isinstance(end, EndpointDown) for end in quick)
    assert late.count(None) >= 1
    assert street.lane.down is None


def test_a_pause_longer_than_anybody_would_wait_is_an_end():
    async def main():
        street = Street(lambda now: RateLimited("quota of the day", retry_after=86_400))
        return await street.calls(10)

    ends = run_virtual(main())
    assert all(isinstance(end, EndpointDown) for end in ends)
    assert "86400 s" in str(ends[0])
    assert "quota of the day" in str(ends[0])


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32))
def test_whoever_gives_up_leaves_no_place_taken(seed):
    rng = random.Random(seed)
    faults = [None, None, None, Unavailable("500"), RateLimited("slow down"), Unreachable("no")]

    async def main():
        street = Street(lambda now: rng.choice(faults), most=rng.randrange(1, 9))
        tasks = [asyncio.ensure_future(street.call()) for _ in range(60)]
        for task in rng.sample(tasks, 30):
            await asyncio.sleep(rng.random() * 3)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return street

    street = run_virtual(main())
    state = street.lane.state
    assert (state.in_flight, state.waiting) == (0, 0)
    assert street.most_in_flight <= state.most


# -- limits a minute -----------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 600),
    st.lists(st.tuples(st.integers(1, 50), st.floats(0, 2)), min_size=1, max_size=80),
)
def test_no_minute_sees_more_than_its_limit_and_a_burst(most, asked):
    async def main():
        limit, passed = PerMinute(most), []
        loop = asyncio.get_running_loop()

        async def one(amount):
            await asyncio.sleep(limit.take(amount, loop.time()))
            passed.append((loop.time(), amount))

        tasks = []
        for amount, later in asked:
            await asyncio.sleep(later)
            tasks.append(asyncio.ensure_future(one(amount)))
        await asyncio.gather(*tasks)
        return passed

    passed = run_virtual(main())
    assert [amount for _, amount in passed] == [amount for amount, _ in asked]
    burst = max(1.0, most * 5 / 60)
    for start, first in passed:
        window = sum(amount for time, amount in passed if start < time <= start + 60)
        assert window <= most + burst + first + 1e-6


def test_what_was_not_used_is_free_again():
    async def main():
        limit = RateLimiter(None, 600)
        loop = asyncio.get_running_loop()
        for _ in range(20):
            await limit.wait(50)
            limit.give_back(45)
        kept = loop.time()
        for _ in range(20):
            await limit.wait(50)
        return kept, loop.time() - kept

    kept, used = run_virtual(main())
    assert kept < 10
    assert 90 <= used <= 100


def test_a_refusal_for_a_day_counts_also_in_a_round_that_was_cut_already():
    async def main():
        lane = Street(lambda now: None).lane
        first, second = await lane.enter(), await lane.enter()
        lane.leave(first, RateLimited("slow down", retry_after=1))
        lane.leave(second, RateLimited("quota", retry_after=86_400))
        return lane.state

    state = run_virtual(main())
    assert state.is_down
    assert "quota" in state.why


def test_a_call_that_gives_up_its_turn_gives_back_its_share():
    async def main():
        limit = RateLimiter(60, 600)
        waiting = [asyncio.ensure_future(limit.wait(50)) for _ in range(100)]
        await asyncio.sleep(0)
        for call in waiting:
            call.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        begun = asyncio.get_running_loop().time()
        await limit.wait(50)
        return asyncio.get_running_loop().time() - begun

    assert run_virtual(main()) < 10
