"""Stopped or killed anywhere, a study ends as if nothing had happened and pays nothing twice."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from graphsearch.graph import CollaborationGraph
from graphsearch.records.errors import Rejected, StoreError, StudyStopped
from graphsearch.records.events import BlockDone
from graphsearch.records.trials import Proposal
from graphsearch.searchers.base import Advice, Edit
from graphsearch.store import Store
from graphsearch.study.run import Run
from graphsearch.study.study import Study
from tests.study.world import luck, make_parts, reply

ROOT = Path(__file__).parents[2]
HERE = "tests.study.test_resume"


class StopHere(Exception):
    """Raised in the middle of a study."""


class Adviser:
    """An agent whose advice depends on what it sees, so that a wrong resume would show."""

    name = "adviser"

    async def advise(self, view):
        first = sorted(view.table)[int(view.best[0]["n"]) % len(view.table)]
        return Advice((Edit(first, 0.7, "because"),), summary=f"raise {first}")


def parts(script=reply):
    return make_parts(searcher="agent-reinforce", agent=lambda complete: Adviser(), script=script)


async def run(folder, script=reply, listener=None):
    async with Study.open(parts(script), folder, listener=listener) as study:
        return await study.run()


def calls_on_disk(folder):
    with Store.open(folder, read_only=True) as store:
        return len(store.journal)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    import asyncio

    folder = tmp_path_factory.mktemp("undisturbed")
    events = []
    asyncio.run(run(folder, listener=events.append))
    return folder, events


@pytest.mark.parametrize("share", [0.0, 0.15, 0.4, 0.63, 0.8, 0.97])
async def test_stopped_at_an_event_it_ends_the_same(undisturbed, tmp_path, share):
    folder, events = undisturbed
    at = int(share * len(events))
    heard = []

    def listener(event):
        heard.append(event)
        if len(heard) > at:
            raise StopHere

    with pytest.raises(StopHere):
        await run(tmp_path, listener=listener)
    before, log = calls_on_disk(tmp_path), []

    def script(call):
        log.append(call)
        return reply(call)

    await run(tmp_path, script=script)
    assert (tmp_path / "result.json").read_bytes() == (folder / "result.json").read_bytes()
    assert before + len(log) == calls_on_disk(tmp_path) == calls_on_disk(folder)


def unlucky(call):
    """Some calls of search and selection never come through."""
    if call.stream != "test" and luck("refused", call.stream, call.item, call.sample) < 0.03:
        raise Rejected("not today")
    return reply(call)


async def test_what_failed_is_not_asked_again_once_more_was_built_on_it(tmp_path):
    await run(tmp_path / "whole", script=unlucky)
    text = (tmp_path / "whole" / "result.json").read_bytes()
    assert json.loads(text)["outcomes"]["selection"]["rejected"]

    def stop_in_the_test(event):
        if isinstance(event, BlockDone) and event.phase == "test":
            raise StopHere

    with pytest.raises(StopHere):
        await run(tmp_path / "cut", script=unlucky, listener=stop_in_the_test)
    await run(tmp_path / "cut")  # now every call would come through
    assert (tmp_path / "cut" / "result.json").read_bytes() == text


async def test_finished_studies_make_no_call_again(undisturbed, tmp_path):
    folder, _ = undisturbed
    log = []
    text = (folder / "result.json").read_bytes()
    await run(folder, script=lambda call: log.append(call) or reply(call))
    assert log == []
    assert (folder / "result.json").read_bytes() == text


def kill_after(calls, folder):
    """In a process of its own: run, and be killed in the middle of the n-th call."""
    import asyncio

    made = []

    def script(call):
        made.append(call)
        if len(made) > calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return reply(call)

    asyncio.run(run(folder, script=script))


def test_killed_three_times_it_ends_the_same(undisturbed, tmp_path):
    folder, _ = undisturbed
    for calls in (30, 150, 250):
        code = f"from {HERE} import kill_after; kill_after({calls}, {str(tmp_path)!r})"
        ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
        assert ended.returncode == -signal.SIGKILL
    import asyncio

    before, log = calls_on_disk(tmp_path), []
    asyncio.run(run(tmp_path, script=lambda call: log.append(call) or reply(call)))
    assert (tmp_path / "result.json").read_bytes() == (folder / "result.json").read_bytes()
    assert before > 0
    assert before + len(log) == calls_on_disk(folder)


async def test_the_seal_serves_its_record_and_no_other_winner(undisturbed):
    folder, _ = undisturbed
    with Store.open(folder) as store:
        mark = store.get_checkpoint("test")
        store.put_checkpoint("test", {**mark, "winner": "another graph"})
    try:
        with pytest.raises(StudyStopped, match="already read for another winner"):
            await run(folder)
    finally:
        with Store.open(folder) as store:
            store.put_checkpoint("test", mark)


async def test_a_decided_admission_is_not_decided_again(tmp_path):
    run = Run.open(parts(), tmp_path)
    items = run.experiment.task.splits["search"]
    graphs = [CollaborationGraph.single(model) for model in ("small", "large")]

    async def admitted(name):
        parts = run.admitted(name, graphs, items, account="search")
        return sum([len(part.items) async for part in parts])

    first = await admitted("x")
    run.ledger.book("search", run.executor.pricer.worst("large", 10**9, 10**9))
    assert await admitted("x") == first == len(items)
    assert await admitted("y") == 0
    await run.aclose()


class Turns:
    """A searcher of somebody's own, with `ask` and `tell` alone; it follows scores."""

    name = "turns"

    def __init__(self, first=0):
        self.turn = first

    def ask(self, k):
        models = ["small", "large"]
        found = []
        for _ in range(k):
            count, self.turn = 1 + self.turn % 3, self.turn + 1
            sink = CollaborationGraph.combine("vote", [models[self.turn % 2]] * (count + 1))
            found.append(Proposal(sink if self.turn % 3 else CollaborationGraph.single("small")))
        return found

    def tell(self, trials):
        self.turn += sum((trial.mean or 0) > 0.4 for trial in trials)


async def own(folder, searcher, listener=None):
    made = replace(make_parts(budget="9 units"), make_searcher=lambda space: searcher)
    async with Study.open(made, folder, listener=listener) as study:
        return await study.run()


async def cut(folder, searcher):
    """A search that is stopped when its second round has ended."""

    def listener(event):
        if event.kind == "round_done" and event.round == 1:
            raise StopHere

    with pytest.raises(StopHere):
        await own(folder, searcher, listener)


async def test_a_searcher_with_ask_and_tell_alone_goes_on_by_its_history(tmp_path):
    whole = await own(tmp_path / "whole", Turns())
    await cut(tmp_path / "cut", Turns())
    again = await own(tmp_path / "cut", Turns())
    assert again.to_json() == whole.to_json()


async def test_a_searcher_that_proposes_something_else_is_refused(tmp_path):
    await cut(tmp_path, Turns())
    with pytest.raises(StoreError, match=r"'turns' does not propose again what it proposed in rou"):
        await own(tmp_path, Turns(first=1))


async def test_a_search_of_an_earlier_release_is_refused_in_words(tmp_path):
    await cut(tmp_path, Turns())
    with Store.open(tmp_path) as store:
        store.put_checkpoint("study", {**store.get_checkpoint("study"), "version": 1})
    with pytest.raises(StoreError, match=r"begun by another release .* begin in a new folder"):
        await own(tmp_path, Turns())
