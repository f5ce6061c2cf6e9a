"""The stub server: its plan, its books, and the process that serves it."""

import asyncio
import json
import subprocess
import sys
from collections import Counter

import pytest

from graphsearch.calls import Call, Message, Outcome, Sampling, Usage
from graphsearch.engines.http import HttpEngine
from graphsearch.errors import EngineError
from graphsearch.testing import StubFault, StubServer


def call(index):
    return Call("m", (Message("user", f"what is {index} ?"),), Sampling(max_tokens=3), seed=index)


async def outcomes(server, calls):
    async with server:
        engine = HttpEngine(server.base_url)

        async def outcome(made):
            try:
                return (await engine.generate(made)).outcome
            except EngineError as error:
                return error.outcome

        found = await asyncio.gather(*(outcome(made) for made in calls))
        await engine.aclose()
    return dict(zip(calls, found, strict=True))


RATES = {fault: 0.08 for fault in StubFault if fault not in {StubFault.SLOW, StubFault.HANG}}


async def test_the_plan_does_not_depend_on_the_order_of_requests():
    calls = [call(index) for index in range(200)]
    first, again = StubServer(rates=RATES), StubServer(rates=RATES)
    other = StubServer(rates=RATES, seed=1)
    seen = await outcomes(first, calls)
    assert seen == await outcomes(again, calls[::-1])
    assert seen != await outcomes(other, calls)
    assert set(first.served.faults) == set(RATES)
    assert first.served.faults == again.served.faults


async def test_the_books_are_kept_to_the_token():
    calls = [call(index) for index in range(200)]
    server = StubServer(rates=RATES)
    seen = Counter((await outcomes(server, calls)).values())
    served, faults = server.served, server.served.faults
    answered = seen[Outcome.TRUNCATED]  # "what is 7 ?" has four words
    assert served.requests == 200
    assert served.replies == answered
    assert served.usage == Usage(4 * answered, 3 * answered, answered)
    made = ("cut_json", "cut_body", "wrong_type", "no_http")
    lost = sum(faults[StubFault(fault)] for fault in made)
    assert (served.lost, served.lost_usage) == (lost, Usage(4 * lost, 3 * lost, lost))
    assert (served.given_up, served.in_flight) == (0, 0)
    assert answered + sum(faults.values()) == 200


async def test_a_slow_reply_comes_whole():
    server = StubServer(script=["slow"], slow_s=0.02)
    (outcome,) = (await outcomes(server, [call(0)])).values()
    assert outcome is Outcome.TRUNCATED
    assert (server.served.replies, server.served.faults) == (1, {StubFault.SLOW: 1})


async def test_a_request_can_be_promised_to_go_through():
    server = StubServer(rates={"overloaded": 1.0}, most_per_request=2)
    async with server:
        engine = HttpEngine(server.base_url)
        for _ in range(2):
            with pytest.raises(EngineError):
                await engine.generate(call(0))
        assert (await engine.generate(call(0))).text
        await engine.aclose()


@pytest.mark.parametrize("rates", [{"reset": -0.1}, {"reset": 0.6, "hang": 0.6}, {"typo": 0.1}])
def test_rates_that_are_no_shares_are_refused(rates):
    with pytest.raises(ValueError, match=r"rates|Fault"):
        StubServer(rates=rates)


async def test_it_counts_what_is_in_flight():
    server = StubServer(latency_s=0.01)
    await outcomes(server, [call(index) for index in range(20)])
    assert server.served.most_in_flight == 20


def test_a_process_of_its_own():
    async def ask(url):
        engine = HttpEngine(url)
        reply = await engine.generate(call(5))
        await engine.aclose()
        return reply.usage

    command = [sys.executable, "-m", "graphsearch.testing.stub"]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as process:
        url = json.loads(process.stdout.readline())["base_url"]
        assert asyncio.run(ask(url)) == Usage(4, 3, 1)
        out, _ = process.communicate()
    served = json.loads(out)
    assert (served["requests"], served["usage"]["completion_tokens"]) == (1, 3)
