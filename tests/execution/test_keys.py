"""The key of a call: whatever may change its reply changes it, and nothing else does."""

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsearch.engines.base import EngineInfo
from graphsearch.engines.scripted import ScriptedEngine
from graphsearch.execution._plan import Identity, draw_of, prompt_body
from graphsearch.graph import CollaborationGraph
from graphsearch.records.calls import Message, Outcome, Reply, Sampling, Usage
from graphsearch.records.errors import Unavailable
from graphsearch.records.models import Fleet
from tests.execution.helpers import FLEET, ITEMS, executor

texts = st.text(max_size=6) | st.sampled_from(["", " ", "a", "a b", "b", '"', '","', "0", "1 "])
samplings = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 0.5, 1.0]),
    top_p=st.sampled_from([0.5, 1.0]),
    max_tokens=st.sampled_from([None, 1, 10]),
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


def key_of(call):
    """The key as an executor makes it, by way of its own `_version`."""
    engine = ScriptedEngine("x", fingerprint=call["fingerprint"])
    spec = replace(FLEET.models[0], name="a", revision=call["revision"] or None)
    version = versions(Fleet("f", (spec,), "a"), engine)("a")
    identity = Identity(call["seed"], call["stream"], lambda model: version)
    prefixes = identity.prefixes(call["model"], call["sampling"], call["prompt_version"])
    return draw_of(*prefixes, call["sample"], prompt_body(call["item"], call["messages"]))[1]


def versions(fleet, engine):
    from types import SimpleNamespace

    from graphsearch.execution import Executor

    half = SimpleNamespace(_fleet=fleet, _dispatcher=SimpleNamespace(engine=lambda model: engine))
    return lambda model: Executor._version(half, model)


@settings(max_examples=150)
@given(calls, calls, st.data())
def test_a_change_of_any_part_changes_the_key(call, other, data):
    assert key_of(call) == key_of(dict(call))
    parts = data.draw(st.sets(st.sampled_from(sorted(call)), min_size=1))
    changed = {name: other[name] if name in parts else call[name] for name in call}
    assert (key_of(changed) == key_of(call)) == (changed == call)


PLAIN = {
    "seed": 0,
    "stream": "search",
    "model": "a",
    "revision": "",
    "fingerprint": "",
    "prompt_version": "1",
    "sampling": Sampling(),
    "sample": 0,
    "item": "i",
    "messages": (Message("user", "hello"),),
}
TEXTS = sorted(name for name, value in PLAIN.items() if isinstance(value, str))


@pytest.mark.parametrize("names", list(permutations(TEXTS, 2)), ids=lambda names: "-".join(names))
def test_no_part_can_be_taken_for_the_end_of_another(names):
    for between in (" ", "", ",", '","'):
        words = ["a", "b", "c"]
        cuts = [(between.join(words[:at]), between.join(words[at:])) for at in range(4)]
        keys = {key_of({**PLAIN, **dict(zip(names, cut, strict=True))}) for cut in cuts}
        assert len(keys) == len(cuts)


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.7},
        {"top_p": 0.9},
        {"max_tokens": 9},
        {"stop": ("x",)},
    ],
)
def test_every_parameter_of_sampling_counts(change):
    """And a new one must be added here."""
    assert {"temperature", "top_p", "max_tokens", "stop"} == set(Sampling.__dataclass_fields__)
    assert key_of(PLAIN) != key_of({**PLAIN, "sampling": replace(Sampling(), **change)})


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
