"""The stub server: its plan, its books, and the process that serves it."""

import asyncio
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter

import pytest

from graphsearch.engines.http import HttpEngine
from graphsearch.records.calls import Call, Message, Outcome, Sampling, Usage
from graphsearch.records.errors import EngineError
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


def test_a_process_of_its_own_takes_an_answer_and_faults_and_tells_what_it_counted():
    command = [sys.executable, "-m", "graphsearch.testing.stub"]
    command += ["--answer", "builtins:repr", "--rates", '{"rate_limited": 1}', "--seed", "3"]
    with subprocess.Popen([*command, "--retry-after", "5"], stdin=-1, stdout=-1) as process:
        url = json.loads(process.stdout.readline())["base_url"]
        body = json.dumps({"model": "m", "messages": [], "max_tokens": 9}).encode()
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{url}/chat/completions", body, timeout=30)
        caught.value.close()
        with urllib.request.urlopen(url.replace("/v1", "/served"), timeout=30) as found:
            served = json.loads(found.read())
        process.communicate()
    assert served["in_flight"] == 0
    assert caught.value.headers["Retry-After"] == "5"
    assert (served["requests"], served["replies"], served["faults"]) == (1, 0, {"rate_limited": 1})


async def test_empty_and_cut_replies_are_counted_apart():
    server = StubServer(lambda asked: "" if "is 0 ?" in str(asked) else "a b c d")
    found = await outcomes(server, [call(0), call(1), call(2)])
    assert (server.served.replies, server.served.empty, server.served.cut) == (3, 1, 2)
    assert len(found) == 3
