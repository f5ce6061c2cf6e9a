import pytest

from graphsearch.engines.scripted import ScriptedEngine
from graphsearch.records.calls import Call, Message, Outcome, Reply, Sampling, Usage
from graphsearch.records.errors import RateLimited, Rejected
from graphsearch.testing import EngineConformance, run_virtual


def call(prompt="2 + 2", *, sample=0, **sampling):
    return Call("any", (Message("user", prompt),), Sampling(**sampling), sample=sample)


class TestScripted(EngineConformance):
    def make_engine(self):
        return ScriptedEngine(lambda made: f"you said {made.messages[0].content}")

    def make_call(self, index):
        return call(f"number {index}")


async def test_one_answer_serves_all():
    engine = ScriptedEngine("the answer is 4")
    reply = await engine.generate(call())
    assert reply == Reply("the answer is 4", Usage(3, 5, 1))
    assert engine.calls == [call()]


async def test_a_mapping_answers_by_prompt_and_sample():
    engine = ScriptedEngine({"2 + 2": ["4", "5"], "hi": "hello"})
    texts = [(await engine.generate(call(sample=k))).text for k in (1, 0, 1)]
    assert texts == ["5", "4", "5"]
    assert (await engine.generate(call("hi", sample=7))).text == "hello"
    with pytest.raises(Rejected, match=r"2 answers .* sample 2"):
        await engine.generate(call(sample=2))
    with pytest.raises(Rejected, match="no answer to 'bye'"):
        await engine.generate(call("bye"))


async def test_a_list_answers_in_order_and_may_raise():
    whole = Reply("no", Usage(1, 1, 1), Outcome.REFUSED)
    engine = ScriptedEngine(["a", RateLimited("later", retry_after=2.0), whole])
    assert (await engine.generate(call())).text == "a"
    with pytest.raises(RateLimited):
        await engine.generate(call())
    assert await engine.generate(call()) is whole
    with pytest.raises(Rejected, match="3 answers, this is call 4"):
        await engine.generate(call())
    assert not engine.info("any").deterministic


async def test_limits_are_kept_as_an_endpoint_keeps_them():
    engine = ScriptedEngine("one two three")
    cut = await engine.generate(call(max_tokens=2))
    assert (cut.text, cut.outcome, cut.usage.completion_tokens) == (
        "one two",
        Outcome.TRUNCATED,
        2,
    )
    stopped = await engine.generate(call(stop=("three", "two")))
    assert (stopped.text, stopped.outcome) == ("one", Outcome.ANSWERED)
    empty = await ScriptedEngine("").generate(call())
    assert (empty.outcome, empty.usage) == (Outcome.EMPTY, Usage(3, 1, 1))


def test_latency_is_virtual_and_calls_overlap():
    import asyncio

    engine = ScriptedEngine("x", latency=lambda made: float(made.sample))

    async def main():
        replies = await asyncio.gather(*(engine.generate(call(sample=k)) for k in range(100)))
        return asyncio.get_running_loop().time(), [reply.seconds for reply in replies]

    time, seconds = run_virtual(main())
    assert time == pytest.approx(99)
    assert seconds == [float(k) for k in range(100)]
    assert engine.most_in_flight == 100
    assert engine.in_flight == 0
