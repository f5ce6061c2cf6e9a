import asyncio
from collections import Counter

import pytest

from graphsearch.engines.faulty import Fault, FaultyEngine
from graphsearch.engines.scripted import ScriptedEngine
from graphsearch.records.calls import Call, Message, Outcome, Sampling, Usage
from graphsearch.records.errors import CallTimeout, EngineError, RateLimited, Unavailable
from graphsearch.testing import EngineConformance, run_virtual


def call(index=0):
    return Call("any", (Message("user", f"question {index}"),), Sampling(), seed=index)


def faulty(rates=None, **options):
    return FaultyEngine(ScriptedEngine("one two three four"), rates, **options)


class TestFaultyWithoutFaults(EngineConformance):
    def make_engine(self):
        return faulty()

    def make_call(self, index):
        return call(index)


async def outcome(engine, made):
    try:
        return (await engine.generate(made)).outcome
    except EngineError as error:
        return error.outcome


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.RATE_LIMITED, RateLimited),
        (Fault.RATE_LIMITED_SILENT, RateLimited),
        (Fault.UNAVAILABLE, Unavailable),
        (Fault.TIMEOUT, CallTimeout),
    ],
)
async def test_a_scripted_fault_comes_once(fault, error):
    engine = faulty(script=[None, fault], retry_after=7.0)
    assert (await engine.generate(call())).text
    with pytest.raises(error) as caught:
        await engine.generate(call())
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after == (7.0 if fault is Fault.RATE_LIMITED else None)
    assert (await engine.generate(call())).text
    assert engine.injected == {fault: 1}


async def test_replies_can_be_spoilt():
    engine = faulty(script=[Fault.EMPTY, Fault.TRUNCATED])
    empty, cut = await engine.generate(call()), await engine.generate(call())
    assert (empty.text, empty.outcome, empty.usage) == ("", Outcome.EMPTY, Usage(2, 5, 1))
    assert (cut.text, cut.outcome, cut.usage) == ("one two", Outcome.TRUNCATED, Usage(2, 2, 1))


def test_a_hanging_call_waits_until_it_is_cancelled():
    engine = faulty(script=[Fault.HANG])

    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await engine.generate(call())
        return (await engine.generate(call())).text

    assert run_virtual(main())


async def test_the_plan_does_not_depend_on_the_order_of_calls():
    rates = {"unavailable": 0.3, Fault.TIMEOUT: 0.2}
    calls = [call(index) for index in range(300)]

    async def outcomes(order, seed=0):
        engine = faulty(rates, seed=seed)
        found = {made: [await outcome(engine, made)] for made in order}
        for made in order:
            found[made].append(await outcome(engine, made))
        return found

    forward, backward = await outcomes(calls), await outcomes(calls[::-1])
    assert forward == backward
    assert forward != await outcomes(calls, seed=1)
    shares = Counter(one for both in forward.values() for one in both)
    assert 130 < shares[Outcome.UNAVAILABLE] < 230
    assert 80 < shares[Outcome.TIMEOUT] < 160


async def test_a_call_can_be_promised_to_go_through():
    engine = faulty({"unavailable": 1.0}, most_per_call=2)
    outcomes = [await outcome(engine, call()) for _ in range(3)]
    assert outcomes == [Outcome.UNAVAILABLE, Outcome.UNAVAILABLE, Outcome.ANSWERED]


def test_only_spoilt_replies_change_what_is_promised_of_them():
    inner = ScriptedEngine("x", fingerprint="v1").info("any")
    harmless = FaultyEngine(ScriptedEngine("x", fingerprint="v1"), {"timeout": 0.5})
    spoiling = FaultyEngine(ScriptedEngine("x", fingerprint="v1"), {"empty": 0.5})
    assert harmless.info("any") == inner
    assert not spoiling.info("any").deterministic
    assert spoiling.info("any").fingerprint != inner.fingerprint


@pytest.mark.parametrize("rates", [{"empty": -0.1}, {"empty": 0.6, "hang": 0.6}, {"typo": 0.1}])
def test_rates_that_are_no_shares_are_refused(rates):
    with pytest.raises(ValueError, match=r"rates|Fault"):
        faulty(rates)
