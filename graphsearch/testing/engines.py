"""What every engine must do, as a class of tests that plug-ins import too.

    class TestMyEngine(EngineConformance):
        def make_engine(self): return MyEngine(...)
        def make_call(self, index): return Call("my-model", ...)

Plain methods and `asyncio.run`, so that no pytest plug-in is needed.
"""

# ruff: noqa: D102 - the names of the tests are sentences

import asyncio
import json
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from graphsearch.engines.base import Engine
from graphsearch.records.calls import Call, Outcome, Reply
from graphsearch.records.errors import EngineError, FleetError
from graphsearch.records.models import ModelSpec
from graphsearch.records.options import EngineOptions

__all__ = ["EngineConformance"]

_TEMPLATE_TOKENS = 16
"""What `graphsearch.execution` allows a chat template to add to a message at least."""


class EngineConformance(ABC):
    """The contract of `graphsearch.engines.base.Engine`.

    Attributes:
        unknown_model: a model the engine does not have, or None where every name is served.
        options: what a fleet may say in `options` of a model of this engine; empty where its class
            declares no `Options`.
    """

    unknown_model: str | None = None
    options: ClassVar[Mapping[str, Any]] = {}

    @abstractmethod
    def make_engine(self) -> Engine:
        """A fresh engine."""

    @abstractmethod
    def make_call(self, index: int) -> Call:
        """A call the engine can answer; different for each index from 0 to 15."""

    def test_it_is_an_engine(self) -> None:
        assert isinstance(self.make_engine(), Engine)

    def test_its_options_are_checked_and_survive_json(self) -> None:
        kind = getattr(type(self.make_engine()), "Options", EngineOptions)
        assert issubclass(kind, EngineOptions)
        assert bool(kind.model_fields) == bool(self.options), "say `options` of this engine"
        found = kind.of(_model(self.options))
        assert kind.of(_model(json.loads(json.dumps(found.to_json())))).to_json() == found.to_json()
        assert json.loads(json.dumps(found.identity())) == found.identity()
        moved = found.at(Path("/some/where")).absolute()
        assert moved.at(Path("/else/where")).absolute().to_json() == moved.to_json()
        assert all(isinstance(text, str) for text in found.may_run_code())
        try:
            kind.of(_model({**self.options, "no_such_option": 1}))
        except FleetError as error:
            assert "no_such_option" in str(error)  # noqa: PT017 - no pytest here
        else:
            raise AssertionError("an option that nobody knows was taken")

    def test_building_one_starts_no_thread(self) -> None:
        before = threading.active_count()
        self.make_engine()
        assert threading.active_count() == before

    def test_info_is_stable_and_names_the_engine(self) -> None:
        engine, other = self.make_engine(), self.make_engine()
        model = self.make_call(0).model
        info = engine.info(model)
        assert info.name
        assert info == engine.info(model) == other.info(model)
        assert info.concurrency is None or info.concurrency >= 1

    def test_info_needs_no_network_and_no_event_loop(self) -> None:
        with _no_network():
            engine = self.make_engine()
            for index in range(4):
                engine.info(self.make_call(index).model)

    def test_calls_are_told_apart_by_model(self) -> None:
        engine = self.make_engine()
        models = {self.make_call(index).model for index in range(16)}
        assert len({engine.info(model).fingerprint for model in models}) == len(models)

    def test_token_counts_are_unknown_or_whole(self) -> None:
        count = self.make_engine().count_tokens(self.make_call(0).model, "2 + 3")
        assert count is None or (isinstance(count, int) and count >= 1)

    def test_a_reply_is_complete(self) -> None:
        for reply in self._replies([self.make_call(index) for index in range(4)]):
            assert isinstance(reply.text, str)
            assert reply.outcome.is_graded
            assert (reply.outcome is Outcome.EMPTY) <= (reply.text == "")
            assert reply.usage.calls == 1
            assert reply.usage.prompt_tokens is None or reply.usage.prompt_tokens >= 1
            assert reply.usage.completion_tokens is None or reply.usage.completion_tokens >= 0
            assert reply.seconds >= 0
            assert json.loads(json.dumps(reply.detail)) == reply.detail

    def test_a_reply_can_be_written_down(self) -> None:
        for reply in self._replies([self.make_call(index) for index in range(4)]):
            assert reply.text.encode().decode() == reply.text

    def test_a_prompt_has_no_more_tokens_than_were_reserved_for_it(self) -> None:
        """Budgets hold because of this: see `Executor.worst_case`."""
        calls = [self.make_call(index) for index in range(4)]
        engine = self.make_engine()
        bounds = [_most_prompt_tokens(engine, call) for call in calls]
        for reply, bound in zip(self._replies(calls), bounds, strict=True):
            assert reply.usage.prompt_tokens is None or reply.usage.prompt_tokens <= bound

    def test_many_calls_at_once_are_all_answered(self) -> None:
        calls = [self.make_call(index % 16) for index in range(64)]
        assert all(reply.outcome.is_graded for reply in self._replies(calls))

    def test_max_tokens_is_kept_and_told(self) -> None:
        call = self.make_call(0)
        (reply,) = self._replies([replace(call, sampling=replace(call.sampling, max_tokens=1))])
        assert reply.usage.completion_tokens is None or reply.usage.completion_tokens <= 1
        assert reply.outcome in {Outcome.TRUNCATED, Outcome.EMPTY, Outcome.ANSWERED}

    def test_a_deterministic_engine_ignores_company_and_order(self) -> None:
        calls = [self.make_call(index) for index in range(16)]
        if not self.make_engine().info(calls[0].model).deterministic:
            return
        together = self._replies(calls)
        backwards = self._replies(calls[::-1])[::-1]
        alone = [self._replies([call])[0] for call in calls[:3]]
        facts = [_facts(reply) for reply in together]
        assert facts == [_facts(reply) for reply in backwards]
        assert facts[:3] == [_facts(reply) for reply in alone]

    def test_a_cancelled_call_is_given_up_and_the_engine_lives_on(self) -> None:
        async def main() -> Reply:
            engine = self.make_engine()
            task = asyncio.create_task(engine.generate(self.make_call(0)))
            await asyncio.sleep(0)
            task.cancel()
            (result,) = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(result, asyncio.CancelledError | Reply)
            reply = await engine.generate(self.make_call(1))
            await engine.aclose()
            return reply

        assert asyncio.run(main()).outcome.is_graded

    def test_a_call_given_up_takes_no_other_with_it(self) -> None:
        async def main() -> list[Reply | BaseException]:
            engine = self.make_engine()
            tasks = [asyncio.create_task(engine.generate(self.make_call(i))) for i in range(8)]
            await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            await engine.aclose()
            return results

        results = asyncio.run(main())
        assert all(isinstance(r, Reply | asyncio.CancelledError) for r in results[::2])
        assert all(isinstance(result, Reply) for result in results[1::2])

    def test_an_unknown_model_is_an_error_of_ours(self) -> None:
        if self.unknown_model is None:
            return
        call = replace(self.make_call(0), model=self.unknown_model)
        try:
            self._replies([call])
        except EngineError as error:
            assert not error.retryable  # noqa: PT017 - no pytest here
            assert self.unknown_model in str(error)  # noqa: PT017
        else:
            raise AssertionError("an unknown model was answered")

    def test_it_can_be_closed_twice_and_unused(self) -> None:
        async def main() -> None:
            engine = self.make_engine()
            await engine.aclose()
            await engine.aclose()

        asyncio.run(main())

    def test_it_can_be_closed_twice_after_use(self) -> None:
        async def main() -> None:
            engine = self.make_engine()
            await engine.generate(self.make_call(0))
            await engine.aclose()
            await engine.aclose()

        asyncio.run(main())

    def test_closing_leaves_no_call_waiting(self) -> None:
        async def main() -> list[Reply | BaseException]:
            engine = self.make_engine()
            tasks = [asyncio.create_task(engine.generate(self.make_call(i))) for i in range(8)]
            await asyncio.sleep(0)
            await engine.aclose()
            async with asyncio.timeout(60):
                results = await asyncio.gather(*tasks, return_exceptions=True)
            await engine.aclose()
            return results

        results = asyncio.run(main())
        assert all(isinstance(result, Reply | EngineError) for result in results), results

    def test_closing_ends_its_threads(self) -> None:
        before = threading.active_count()
        self._replies([self.make_call(0)])
        assert threading.active_count() == before

    def test_one_engine_serves_several_loops_in_turn(self) -> None:
        engine = self.make_engine()
        for index in range(3):
            reply = asyncio.run(engine.generate(self.make_call(index)))
            assert reply.outcome.is_graded
        asyncio.run(engine.aclose())

    def _replies(self, calls: list[Call]) -> list[Reply]:
        async def main() -> list[Reply]:
            engine = self.make_engine()
            try:
                return await asyncio.gather(*(engine.generate(call) for call in calls))
            finally:
                await engine.aclose()

        return asyncio.run(main())


def _model(options: Mapping[str, Any]) -> ModelSpec:
    return ModelSpec("m", options=options)


@contextmanager
def _no_network() -> Iterator[None]:
    """Whoever opens a socket in here fails."""

    def refuse(*given: object) -> None:
        raise AssertionError(f"a connection was opened: {given[1:]}")

    before = socket.socket.connect
    socket.socket.connect = refuse  # type: ignore[method-assign]
    try:
        yield
    finally:
        socket.socket.connect = before  # type: ignore[method-assign]


def _most_prompt_tokens(engine: Engine, call: Call) -> int:
    """What is reserved for a prompt: where tokens cannot be counted, one is at least a byte."""
    overhead = engine.info(call.model).message_overhead
    total = 0
    for message in call.messages:
        count = engine.count_tokens(call.model, message.content)
        if count is None:
            total += len(message.content.encode()) + max(overhead, _TEMPLATE_TOKENS)
        else:
            total += count + overhead
    return total


def _facts(reply: Reply) -> tuple[object, ...]:
    """All of a reply but the time it took."""
    return reply.text, reply.usage, reply.outcome, reply.detail
