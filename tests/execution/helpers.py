"""A small fleet, task and executor for tests."""

import asyncio
import hashlib
import random
from contextlib import contextmanager

from graphsearch.agents.roles import SelectRole, VoteRole
from graphsearch.engines.base import EngineInfo
from graphsearch.engines.scripted import ScriptedEngine
from graphsearch.execution import Executor, RetryPolicy
from graphsearch.ledger import Ledger
from graphsearch.records.calls import Message, Outcome, Sampling
from graphsearch.records.models import Fleet, ModelSpec
from graphsearch.records.roles import SpeakingRole
from graphsearch.records.tasks import Item, TokenProfile, Verdict
from graphsearch.store import Store

FLEET = Fleet(
    "test",
    (
        ModelSpec("a", 1000, 2, 16, engine="scripted"),
        ModelSpec("b", 5000, 2, 32, engine="scripted"),
    ),
    "a",
)
ITEMS = [Item(f"i{n}", f"question {n}", "1") for n in range(6)]
FAST = RetryPolicy(attempts=3, first_wait=0.0)


class LastWord:
    """Reads the last word; right when it is the gold answer; claims success by a `!` before it."""

    name = "last-word"

    def parse(self, item, text):
        words = text.split()
        return words[-1] if words and words[-1].isalnum() else None

    def claims(self, item, text):
        return "!" in text

    def grade(self, item, text):
        said = self.parse(item, text)
        if said is None:
            return Verdict(0.0, Outcome.UNPARSED)
        return Verdict(float(said == item.gold), Outcome.ANSWERED, said)


class Speaker(SpeakingRole):
    """Writes the question and what it heard; roots draw hot, the sink cold."""

    prompt_version = "v1"

    def __init__(self, name):
        self.name = name

    def sampling(self, context):
        return Sampling(temperature=0.0 if context.is_sink else 0.8, max_tokens=8)

    def prompt(self, item, parents, context):
        return (Message("user", " | ".join([item.question, *parents])),)

    def message(self, reply):
        return reply.strip()


# `twin` writes the same prompts as `assistant`: their calls are the same calls.
ROLES = {
    "assistant": Speaker("assistant"),
    "twin": Speaker("twin"),
    "vote": VoteRole(),
    "select": SelectRole(),
}


def answer(call, words=3):
    """A reply that depends on everything a draw depends on, out of few, so that some agree."""
    text = f"{call.model} {call.messages[-1].content} {call.sampling} {call.sample} {call.seed}"
    number = hashlib.blake2b(text.encode(), digest_size=4).digest()
    return f"says {int.from_bytes(number, 'big') % words}"


class Shuffled(ScriptedEngine):
    """Lets calls finish in an order of its own."""

    def __init__(self, script, seed):
        super().__init__(script)
        self._rng = random.Random(seed)

    def info(self, model):
        return EngineInfo("shuffled", deterministic=True)

    async def generate(self, call):
        for _ in range(self._rng.randrange(12)):
            await asyncio.sleep(0)
        return await super().generate(call)


@contextmanager
def executor(
    folder,
    engine=None,
    *,
    ledger=None,
    seed=0,
    policy=FAST,
    concurrency=8,
    roles=ROLES,
    fleet=FLEET,
    halts=False,
    grader=None,
    changed=None,
):
    """An executor over a store in `folder`, its ledger restored as a study does it.

    `engine` serves both models, or is one for each.
    """
    engine = engine or ScriptedEngine(answer)
    ledger = Ledger() if ledger is None else ledger
    with Store.open(folder) as store:
        ledger.restore(store.totals())
        ready = Executor(
            engine if isinstance(engine, dict) else {"a": engine, "b": engine},
            roles,
            fleet,
            store,
            ledger,
            seed=seed,
            profile=TokenProfile(10, 5),
            grader=grader or LastWord(),
            concurrency=concurrency,
            policy=policy,
            halts=halts,
            changed=changed,
        )
        ready.ledger, ready.store, ready.engine = ledger, store, engine
        yield ready


async def until(condition):
    """Let everything else go on until something is so."""
    for _ in range(5000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came to this")
