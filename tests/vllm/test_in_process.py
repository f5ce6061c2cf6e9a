"""vLLM in this process: the engine `vllm`."""

import asyncio
from dataclasses import replace

import pytest

from graphsearch.engines import engines_for
from graphsearch.engines.embedded import EmbeddedEngine
from graphsearch.records.calls import Message, Outcome, Sampling
from graphsearch.records.errors import ContextTooLong
from graphsearch.records.models import Fleet
from tests.vllm.conftest import FIGURES
from tests.vllm.prompts import greedy_calls, share_equal

pytestmark = pytest.mark.filterwarnings("default")  # vLLM and torch warn of much
SIZE = "s"


def fleet():
    row = Fleet.load("embedded").model(SIZE).to_json()
    row |= {
        "engine": "vllm",
        "serve": {
            "weights": f"embedded:{SIZE}",
            "max_model_len": 256,
            "dtype": "float32",
            "args": ["--enforce-eager"],
        },
    }
    return Fleet.from_json({"name": "here", "unit_model": SIZE, "models": [row]})


async def through(engine, calls):
    return await asyncio.gather(*map(engine.generate, calls))


def test_it_answers_as_the_numpy_engine_and_as_every_engine_must():
    """All in one: loading takes a minute."""
    calls = greedy_calls(SIZE)

    async def ours():
        engine = EmbeddedEngine()
        try:
            return await through(engine, calls)
        finally:
            await engine.aclose()

    async def theirs():
        engine = engines_for(fleet(), [SIZE])[SIZE]
        try:
            found = await through(engine, calls)
            await _more(engine, calls[0])
            return found
        finally:
            await engine.aclose()

    share = share_equal(asyncio.run(ours()), asyncio.run(theirs()))
    FIGURES[f"share of 200 greedy replies equal to NumPy's, {SIZE}, in process"] = share
    assert share >= 0.99


async def _more(engine, call):
    assert engine.count_tokens(SIZE, call.messages[0].content) == len(
        call.messages[0].content.split()
    )
    with pytest.raises(ContextTooLong):
        await engine.generate(replace(call, messages=(Message("user", "S " * 300),)))
    cut = await engine.generate(replace(call, sampling=Sampling(0.0, max_tokens=3)))
    assert (cut.outcome, cut.usage.completion_tokens) == (Outcome.TRUNCATED, 3)
    open_end = await engine.generate(replace(call, sampling=Sampling(0.0)))
    assert open_end.outcome is Outcome.ANSWERED
    stopped = await engine.generate(
        replace(call, sampling=Sampling(0.0, max_tokens=20, stop=("B",)))
    )
    assert "B" not in stopped.text
    # A seed names a draw, and another one another draw.
    drawn = [replace(call, sampling=Sampling(1.0, max_tokens=20), seed=n) for n in range(12)]
    first, second = await through(engine, drawn), await through(engine, drawn)
    assert len({reply.text for reply in first}) > 1
    same = sum(a.text == b.text for a, b in zip(first, second, strict=True))
    assert same >= len(drawn) - 1
    task = asyncio.create_task(engine.generate(replace(call, sampling=Sampling(1.0))))
    await asyncio.sleep(0)
    task.cancel()
    assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], BaseException)
    assert (await engine.generate(call)).outcome is Outcome.ANSWERED
