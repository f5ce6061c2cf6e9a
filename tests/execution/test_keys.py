"""The key of a call: whatever may change its reply changes it, and nothing else does."""

import asyncio
from dataclasses import replace
from itertools import count, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsearch.engines.base import EngineInfo
from graphsearch.engines.scripted import ScriptedEngine
from graphsearch.execution import Executor
from graphsearch.graph import CollaborationGraph
from graphsearch.ledger import Ledger
from graphsearch.records.calls import Message, Outcome, Reply, Sampling, Usage
from graphsearch.records.errors import Unavailable
from graphsearch.records.models import Fleet
from graphsearch.records.tasks import TokenProfile
from graphsearch.store import Store
from tests.execution.helpers import FLEET, ITEMS, LastWord, executor

texts = st.text(max_size=6) | st.sampled_from(["", " ", "a", "a b", "b", '"', '","', "0", "1 "])
samplings = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 0.5, 1.0]),
    top_p=st.sampled_from([0.5, 1.0]),
    max_tokens=st.sampled_from([8, 10]),
    stop=st.lists(texts, max_size=2).map(tuple),
)
messages = st.lists(st.builds(Message, role=texts, content=texts), min_size=1, max_size=2)
calls = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 3),
        "stream": texts,
        "model": texts,
        "revision": texts,
        "fingerprint": texts,
        "prompt_version": texts,
        "sampling": samplings,
        "sample": st.integers(0, 11),
        "item": texts,
        "messages": messages.map(tuple),
    }
)


class Numbered(ScriptedEngine):
    """Never says the same twice, whatever is asked."""

    def __init__(self, made, fingerprint):
        super().__init__("x")
        self.made = made
        self.fingerprint = fingerprint

    def info(self, model):
        return EngineInfo("numbered", self.fingerprint)

    async def generate(self, call):
        return Reply(f"says {next(self.made)}", Usage(1, 1, 1))


@pytest.fixture(scope="module")
def reply_to(tmp_path_factory):
    """Asks executors over one store; equal replies are those of one key, since no two are made."""
    made = count()

    def ask(*asked):
        return asyncio.run(main(asked))

    async def main(asked):
        replies = []
        for call in asked:
            engine = Numbered(made, call["fingerprint"])
            spec = replace(FLEET.models[0], name=call["model"], revision=call["revision"] or None)
            executor = Executor(
                {spec.name: engine},
                {},
                Fleet("f", (spec,), spec.name),
                store,
                Ledger(),
                seed=call["seed"],
                profile=TokenProfile(10, 5),
                grader=LastWord(),
            )
            names = ("sampling", "stream", "sample", "item", "prompt_version")
            rest = {name: call[name] for name in names}
            reply = await executor.ask(call["model"], call["messages"], account="agent", **rest)
            replies.append(reply.text)
        return replies

    with Store.open(tmp_path_factory.mktemp("keys")) as store:
        yield ask


@settings(max_examples=150)
@given(calls, calls, st.data())
def test_a_change_of_any_part_changes_the_key(reply_to, call, other, data):
    parts = data.draw(st.sets(st.sampled_from(sorted(call)), min_size=1))
    changed = {name: other[name] if name in parts else call[name] for name in call}
    first, again, third = reply_to(call, dict(call), changed)
    assert first == again
    assert (first == third) == (changed == call)


PLAIN = {
    "seed": 0,
    "stream": "search",
    "model": "a",
    "revision": "",
    "fingerprint": "",
    "prompt_version": "1",
    "sampling": Sampling(max_tokens=8),
    "sample": 0,
    "item": "i",
    "messages": (Message("user", "hello"),),
}
OTHER = {
    "seed": 1,
    "stream": "test",
    "model": "b",
    "revision": "r2",
    "fingerprint": "awq",
    "prompt_version": "2",
    "sampling": Sampling(max_tokens=9),
    "sample": 1,
    "item": "j",
    "messages": (Message("user", "hello "),),
}
TEXTS = sorted(name for name, value in PLAIN.items() if isinstance(value, str))


@pytest.mark.parametrize("part", sorted(PLAIN))
def test_each_part_alone_changes_the_key(reply_to, part):
    first, second = reply_to(PLAIN, {**PLAIN, part: OTHER[part]})
    assert first != second


@pytest.mark.parametrize("names", list(permutations(TEXTS, 2)), ids=lambda names: "-".join(names))
def test_no_part_can_be_taken_for_the_end_of_another(reply_to, names):
    for between in (" ", "", ",", '","'):
        words = ["a", "b", "c"]
        cuts = [(between.join(words[:at]), between.join(words[at:])) for at in range(4)]
        calls = [{**PLAIN, **dict(zip(names, cut, strict=True))} for cut in cuts]
        assert len(set(reply_to(*calls))) == len(cuts)


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.7},
        {"top_p": 0.9},
        {"max_tokens": 9},
        {"stop": ("x",)},
    ],
)
def test_every_parameter_of_sampling_counts(reply_to, change):
    """And a new one must be added here."""
    assert {"temperature", "top_p", "max_tokens", "stop"} == set(Sampling.__dataclass_fields__)
    first, second = reply_to(PLAIN, {**PLAIN, "sampling": replace(PLAIN["sampling"], **change)})
    assert first != second


SINGLE = CollaborationGraph.single("a")


class Server(ScriptedEngine):
    """An engine whose server was started with flags that are part of its fingerprint."""

    def __init__(self, script, flags=""):
        super().__init__(script)
        self.flags = flags

    def info(self, model):
        return EngineInfo("http", f"http {model} {self.flags}".strip())


async def ask(folder, engine):
    with executor(folder, engine) as ready:
        (run,) = await ready.run(SINGLE, ITEMS[:1], stream="search", account="search")
        return run, len(engine.calls), ready.store.journal.counts()


async def test_other_flags_of_a_server_are_another_call(tmp_path):
    assert (await ask(tmp_path, Server("says 1")))[1] == 1
    assert (await ask(tmp_path, Server("says 1")))[1] == 0
    assert (await ask(tmp_path, Server("says 2", "--quantization awq")))[1] == 1
    run, made, _ = await ask(tmp_path, Server("says 3", "--quantization awq"))
    assert (run.text, made) == ("says 2", 0)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply("", Usage(3, 0, 1), Outcome.EMPTY), Outcome.EMPTY),
        (Reply("so it", Usage(3, 8, 1), Outcome.TRUNCATED), Outcome.TRUNCATED),
        (Reply("I will not", Usage(3, 2, 1), Outcome.REFUSED), Outcome.REFUSED),
    ],
)
async def test_what_was_no_answer_is_none_when_it_is_found_again(tmp_path, reply, outcome):
    first, made, counts = await ask(tmp_path, ScriptedEngine(reply))
    assert (made, counts) == (1, {outcome.value: 1})
    again, made, counts = await ask(tmp_path, ScriptedEngine("says 1"))
    assert (made, counts) == (0, {outcome.value: 1}), "it was paid for once"
    for run in (first, again):
        assert (run.outcome, run.verdict.score, run.verdict.parsed) == (outcome, 0.0, None)


async def test_a_failure_is_recorded_and_asked_again(tmp_path):
    failed, made, counts = await ask(tmp_path, ScriptedEngine(Unavailable("down")))
    assert (failed.verdict, made, counts) == (None, 3, {"unavailable": 3})
    found, made, counts = await ask(tmp_path, ScriptedEngine("says 1"))
    assert (found.verdict.score, made) == (1.0, 1)
    assert counts == {"answered": 1, "unavailable": 3}
