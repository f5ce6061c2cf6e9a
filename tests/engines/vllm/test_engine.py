"""The engine in this process, with a model of our own in place of vLLM's."""

import asyncio
import threading
from dataclasses import replace
from typing import ClassVar

import pytest

from graphsearch.engines import Opens, engines_for
from graphsearch.engines.vllm.engine import VllmEngine
from graphsearch.engines.vllm.local import Finished, load_models_plan, vllm_version
from graphsearch.records.calls import Call, Message, Outcome, Sampling
from graphsearch.records.errors import (
    BadRequest,
    BrokenReply,
    Cancelled,
    ContextTooLong,
    FleetError,
    Rejected,
    Unavailable,
)
from graphsearch.testing import EngineConformance
from tests.engines.vllm.conftest import fleet, model


class Fake:
    """Writes the words of the prompt back, one a step."""

    context = 12

    def __init__(self):
        self.running = {}
        self.given_up = []
        self.most = 0
        self.closed = 0
        self.breaks = False
        self.hold = threading.Event()
        self.hold.set()
        self.stepped = threading.Event()

    def prompt(self, messages):
        if any(m.role == "odd" for m in messages):
            raise TypeError("roles must alternate")
        return [word for m in messages for word in m.content.split()]

    def submit(self, request, prompt, call):
        if call.sampling.temperature > 2:
            raise ValueError("temperature must be at most 2")
        limit = min(call.sampling.max_tokens or 99, self.context - len(prompt))
        self.running[request] = [prompt, [], limit]

    def step(self):
        self.stepped.set()
        self.hold.wait()
        if self.breaks:
            raise RuntimeError("the engine core died")
        self.most = max(self.most, len(self.running))
        done = []
        for request, (prompt, out, limit) in list(self.running.items()):
            said = [word for word in prompt if word != "nothing"]
            if len(out) < min(limit, len(said)):
                out.append(said[len(out)])
                continue
            del self.running[request]
            reason = "stop" if len(out) == len(said) else "length"
            reason = "abort" if "abort" in prompt else reason
            done.append(Finished(request, " ".join(out), len(prompt), len(out), reason))
        return done

    def give_up(self, requests):
        for request in requests:
            self.given_up.append(request)
            self.running.pop(request, None)

    def close(self):
        self.closed += 1


SPECS = fleet(model("m", 8001, engine="vllm"), model("n", 8002, engine="vllm")).models


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    monkeypatch.setattr("graphsearch.engines.vllm.engine.vllm_version", lambda: "0.32.0")


def call(text, name="m", *, role="user", **sampling):
    return Call(name, (Message(role, text),), Sampling(**{"temperature": 0.0, **sampling}))


def engine_of(*fakes):
    made = iter(fakes)
    return VllmEngine(SPECS, load=lambda spec: next(made))


def run(engine, *calls):
    async def main():
        try:
            return await asyncio.gather(*map(engine.generate, calls), return_exceptions=True)
        finally:
            await engine.aclose()

    return asyncio.run(main())


class TestConformance(EngineConformance):
    unknown_model = "nobody"
    options: ClassVar = {"serve": {"weights": "./small", "args": ["--seed", 7]}}

    def make_engine(self):
        return VllmEngine(SPECS, load=lambda spec: Fake())

    def make_call(self, index):
        return call(f"say {index}")

    def test_token_counts_are_unknown_or_whole(self):
        """By the model's tokenizer: with a real vLLM only."""

    def test_a_prompt_has_no_more_tokens_than_were_reserved_for_it(self):
        """As above."""


def test_calls_run_together_and_end_as_the_model_ended_them():
    fake = Fake()
    replies = run(
        engine_of(fake), call("a b c"), call("nothing"), call("a b c", max_tokens=2), call("a b")
    )
    assert [reply.text for reply in replies] == ["a b c", "", "a b", "a b"]
    assert [reply.outcome for reply in replies] == [
        Outcome.ANSWERED,
        Outcome.EMPTY,
        Outcome.TRUNCATED,
        Outcome.ANSWERED,
    ]
    assert (replies[0].usage.prompt_tokens, replies[0].usage.completion_tokens) == (3, 3)
    assert replies[0].detail == {"finish_reason": "stop"}
    assert fake.most >= 2
    assert fake.closed == 1


def test_what_cannot_be_run_is_refused_alone():
    fake = Fake()
    long, bad, odd, broken, good = run(
        engine_of(fake),
        call("w " * 12),
        call("a", temperature=3.0),
        call("a", role="odd"),
        call("abort"),
        call("a"),
    )
    assert isinstance(long, ContextTooLong)
    assert "12 tokens, the model's context is 12" in str(long)
    assert isinstance(bad, BadRequest)
    assert isinstance(odd, BadRequest)
    assert "roles must alternate" in str(odd)
    assert isinstance(broken, BrokenReply)
    assert good.text == "a"


def test_a_model_that_breaks_is_loaded_anew():
    first, second = Fake(), Fake()
    first.breaks = True

    async def main():
        engine = engine_of(first, second)
        results = await asyncio.gather(engine.generate(call("a")), return_exceptions=True)
        reply = await engine.generate(call("b"))
        await engine.aclose()
        return results[0], reply

    failed, reply = asyncio.run(main())
    assert isinstance(failed, Unavailable)
    assert "the engine core died" in str(failed)
    assert reply.text == "b"
    assert (first.closed, second.closed) == (1, 1)


def test_a_model_that_cannot_be_loaded_is_not_tried_for_every_call():
    tries = []

    def load(spec):
        tries.append(spec.name)
        raise RuntimeError("no weights")

    async def main():
        engine = VllmEngine(SPECS, load=load)
        for _ in range(3):
            with pytest.raises(Rejected, match="cannot load the model: no weights"):
                await engine.generate(call("a"))
        await engine.aclose()

    asyncio.run(main())
    assert tries == ["m"]


def test_opening_loads_all_models_before_the_first_call():
    loaded = []

    def load(spec):
        loaded.append(spec.name)
        return Fake()

    async def main():
        engine = VllmEngine(SPECS, load=load)
        assert isinstance(engine, Opens)
        await engine.open()
        assert sorted(loaded) == ["m", "n"]
        await engine.generate(call("a"))
        await engine.aclose()

    asyncio.run(main())
    assert len(loaded) == 2


def test_a_cancelled_call_leaves_the_batch():
    fake = Fake()
    fake.hold.clear()

    async def main():
        engine = engine_of(fake)
        gone = asyncio.create_task(engine.generate(call("a b c d")))
        stays = asyncio.create_task(engine.generate(call("e f")))
        await asyncio.to_thread(fake.stepped.wait)
        gone.cancel()
        await asyncio.sleep(0)
        fake.hold.set()
        reply = await stays
        await engine.aclose()
        return gone, reply

    gone, reply = asyncio.run(main())
    assert gone.cancelled()
    assert reply.text == "e f"
    assert fake.given_up == ["1"]


def test_closing_cancels_what_runs_and_a_later_call_starts_anew():
    fake, other = Fake(), Fake()
    fake.hold.clear()

    async def main():
        engine = engine_of(fake, other)
        task = asyncio.create_task(engine.generate(call("a b")))
        await asyncio.to_thread(fake.stepped.wait)
        closing = asyncio.create_task(engine.aclose())
        await asyncio.sleep(0)
        fake.hold.set()
        await closing
        (result,) = await asyncio.gather(task, return_exceptions=True)
        again = await engine.generate(call("a"))
        await engine.aclose()
        return result, again

    result, again = asyncio.run(main())
    assert isinstance(result, Cancelled)
    assert again.text == "a"


def test_facts_and_what_they_follow():
    engine = VllmEngine(SPECS)
    info = engine.info("m")
    assert info.name == "vllm"
    assert not info.deterministic
    assert "0.32.0" in info.fingerprint
    serve = {**SPECS[0].options["serve"], "dtype": "bfloat16"}
    other = replace(SPECS[0], options={"serve": serve})
    assert VllmEngine([other]).info("m").fingerprint != info.fingerprint
    with pytest.raises(FleetError, match="needs a block 'serve'"):
        VllmEngine([replace(SPECS[0], options={})])


def test_models_of_a_fleet_share_one_engine():
    mine = fleet(*(model(n, 8001, engine="vllm", endpoint=None) for n in ("a", "b")))
    engines = engines_for(mine, mine.names)
    assert engines["a"] is engines["b"]
    assert isinstance(engines["a"], VllmEngine)


def test_without_the_package_the_way_to_it_is_told(monkeypatch):
    monkeypatch.setattr("graphsearch.engines.vllm.local.PACKAGES", ("no-such-package",))
    monkeypatch.setattr("graphsearch.engines.vllm.engine.vllm_version", vllm_version)
    with pytest.raises(FleetError, match="pip install vllm"):
        VllmEngine(SPECS).info("m")
    (failed,) = run(VllmEngine(SPECS), call("a"))
    assert isinstance(failed, Rejected)
    assert "pip install vllm" in str(failed)


def test_flags_and_memory_are_those_of_servers(monkeypatch):
    import sys
    from types import ModuleType, SimpleNamespace

    platforms = ModuleType("vllm.platforms")
    platforms.current_platform = SimpleNamespace(is_cpu=lambda: True)
    monkeypatch.setitem(sys.modules, "vllm", ModuleType("vllm"))
    monkeypatch.setitem(sys.modules, "vllm.platforms", platforms)
    row = model("m", 8001, engine="vllm", serve={"dtype": "float32", "args": ["--enforce-eager"]})
    (found,) = load_models_plan(fleet(row).models).values()
    assert found[0] == ("--dtype", "float32", "--enforce-eager")
    assert found[1]["VLLM_CPU_KVCACHE_SPACE"] == "1"
    assert found[1]["DO_NOT_TRACK"] == "1"
