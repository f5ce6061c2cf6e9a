import asyncio
import gc
import threading
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

import pytest

from graphsearch.engines import make_engine
from graphsearch.engines.embedded import EmbeddedEngine, generate_batch
from graphsearch.engines.embedded.batch import Batch
from graphsearch.engines.threads import Worker
from graphsearch.records.calls import Call, Message, Outcome, Sampling
from graphsearch.records.errors import Cancelled, FleetError, Rejected, Unavailable
from graphsearch.testing import EngineConformance, write_random_model

FOLDER = write_random_model(Path(mkdtemp()) / "tiny")
OTHER = write_random_model(Path(mkdtemp()) / "other", seed=1)
WARM = Sampling(temperature=1.0, max_tokens=20)


def engine(**options):
    return EmbeddedEngine({"tiny": FOLDER, "other": OTHER}, **options)


def call(index, model="tiny", **changes):
    prompt = " ".join(f"w{3 + (index * step) % 30}" for step in range(1, 4 + index % 9))
    return replace(Call(model, (Message("user", prompt),), WARM, seed=index), **changes)


class TestEmbedded(EngineConformance):
    unknown_model = "huge"

    def make_engine(self):
        return engine()

    def make_call(self, index):
        return call(index)


class TestEmbeddedWithTwoWorkers(TestEmbedded):
    def make_engine(self):
        return engine(workers=2, batch_size=3)


async def test_replies_are_those_of_generate_batch_whatever_the_engine_looks_like():
    calls = [call(index, ["tiny", "other"][index % 2]) for index in range(60)]
    wanted = {
        model: generate_batch(folder, [prompt(c) for c in calls], sampling=WARM)
        for model, folder in (("tiny", FOLDER), ("other", OTHER))
    }
    for options in ({}, {"workers": 2}, {"batch_size": 2}):
        made = engine(**options)
        replies = await asyncio.gather(*(made.generate(c) for c in calls))
        await made.aclose()
        for index, reply in enumerate(replies):
            same = wanted[calls[index].model][index]
            assert (reply.text, reply.usage.completion_tokens) == (same.text, len(same.tokens))
            assert reply.usage.prompt_tokens == same.prompt_tokens


def prompt(made):
    return " ".join(message.content for message in made.messages)


async def test_messages_are_joined_in_order():
    one, made = call(3), engine()
    words = one.messages[0].content.split()
    parts = (Message("system", words[0]), Message("user", " ".join(words[1:])))
    whole, split = await asyncio.gather(
        made.generate(one), made.generate(replace(one, messages=parts))
    )
    assert whole.text == split.text
    await made.aclose()


async def test_what_cannot_run_is_rejected_and_the_rest_runs():
    made = engine()
    bad = call(0, messages=(Message("user", "w3 hello"),))
    results = await asyncio.gather(
        made.generate(call(0)),
        made.generate(bad),
        made.generate(call(1, "huge")),
        made.generate(call(2)),
        return_exceptions=True,
    )
    assert isinstance(results[1], Rejected)
    assert "'hello'" in str(results[1])
    assert isinstance(results[2], Rejected)
    assert results[0].outcome.is_graded
    assert results[3].outcome.is_graded
    await made.aclose()


async def test_a_broken_step_fails_the_calls_in_it_and_not_the_engine(monkeypatch):
    made = engine()
    broken = threading.Event()
    step = Batch.step

    def breaking(self):
        if broken.is_set():
            raise FloatingPointError("the numbers went wrong")
        return step(self)

    monkeypatch.setattr(Batch, "step", breaking)
    broken.set()
    results = await asyncio.gather(
        *(made.generate(call(index)) for index in range(5)), return_exceptions=True
    )
    assert all(isinstance(result, Unavailable) for result in results)
    assert "the numbers went wrong" in str(results[0])
    broken.clear()
    assert (await made.generate(call(1))).outcome.is_graded
    await made.aclose()


async def test_closing_cancels_what_runs_and_the_engine_starts_again(monkeypatch):
    workers = []

    class Kept(Worker):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            workers.append(self)

    monkeypatch.setattr("graphsearch.engines.embedded.engine.Worker", Kept)
    made = engine()
    gate = threading.Event()
    step = Batch.step
    monkeypatch.setattr(Batch, "step", lambda self: gate.wait() and step(self))
    tasks = [asyncio.create_task(made.generate(call(index))) for index in range(3)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(made.aclose())
    await asyncio.sleep(0)
    gate.set()
    await closing
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, Cancelled) for result in results)
    assert (await made.generate(call(0))).outcome.is_graded
    await made.aclose()


async def test_cancelled_calls_leave_the_batch(monkeypatch):
    workers = []

    class Kept(Worker):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            workers.append(self)

    monkeypatch.setattr("graphsearch.engines.embedded.engine.Worker", Kept)
    made = engine()
    gate = threading.Event()
    step = Batch.step
    sizes = []

    def gated(self):
        gate.wait()
        sizes.append(len(self))
        return step(self)

    monkeypatch.setattr(Batch, "step", gated)
    tasks = [asyncio.create_task(made.generate(call(index))) for index in range(8)]
    await asyncio.sleep(0)
    for task in tasks[1:]:
        task.cancel()
    await asyncio.gather(*tasks[1:], return_exceptions=True)
    gate.set()
    assert (await tasks[0]).outcome.is_graded
    assert sizes[-1] == 1
    assert [worker.load for worker in workers] == [0] * len(workers) != []
    await made.aclose()


def test_a_loop_that_ends_with_calls_in_flight_does_no_harm():
    made = engine()

    async def leave():
        asyncio.get_running_loop().create_task(made.generate(call(0)))
        await asyncio.sleep(0)

    asyncio.run(leave())
    assert asyncio.run(made.generate(call(1))).outcome.is_graded
    asyncio.run(made.aclose())


def test_an_engine_that_is_forgotten_takes_its_threads_along():
    before = set(threading.enumerate())
    made = engine()
    asyncio.run(made.generate(call(0)))
    (thread,) = set(threading.enumerate()) - before
    del made
    gc.collect()
    thread.join(timeout=10)
    assert not thread.is_alive()


def test_info_tells_the_weights_apart_and_names_what_is_missing():
    made = engine()
    assert made.info("tiny").deterministic
    assert made.info("tiny").fingerprint != made.info("other").fingerprint
    with pytest.raises(FleetError, match="'huge'"):
        made.info("huge")
    with pytest.raises(FleetError, match="cannot be a path"):
        made.info("../weights/nano")


def test_options_are_checked_and_the_registry_builds_one():
    with pytest.raises(ValueError, match="workers"):
        EmbeddedEngine(workers=0)
    made = make_engine("embedded", folders={"tiny": FOLDER}, batch_size=4)
    reply = asyncio.run(made.generate(call(0)))
    assert reply.outcome in {Outcome.ANSWERED, Outcome.TRUNCATED, Outcome.EMPTY}
    asyncio.run(made.aclose())
