"""Graders that take time or ask models: off the event loop, once, and never a score by accident."""

import asyncio
import shutil
import threading
from collections import Counter
from typing import ClassVar

import pytest

from graphsearch.cost import Amount
from graphsearch.engines.scripted import ScriptedEngine
from graphsearch.execution import judge_account
from graphsearch.graph import CollaborationGraph
from graphsearch.ledger import Ledger, Limit
from graphsearch.records.calls import Message, Outcome, Sampling
from graphsearch.records.errors import GraderFailed, TaskError, Unavailable
from graphsearch.records.tasks import AskingGrader, BlockingGrader, Item, JudgeCall, Verdict
from tests.execution.helpers import ITEMS, LastWord, answer, executor, until

SINGLE = CollaborationGraph.single("a")
VOTE = CollaborationGraph.combine("vote", ["a", "a", "a"])
GRADED = Sampling(temperature=0.0, max_tokens=4)


class Slow(LastWord):
    """Blocks until it is let go, and remembers who called it."""

    name = "slow"
    blocking: ClassVar[bool] = True

    def __init__(self, fault=None):
        self.seen = []
        self.threads = set()
        self.closed = 0
        self.fault = fault
        self.go = threading.Event()
        self.go.set()
        self._lock = threading.Lock()

    def grade(self, item, text):
        with self._lock:
            self.seen.append((item.id, text))
            self.threads.add(threading.current_thread())
        assert self.go.wait(10)
        if self.fault is not None:
            raise self.fault
        return super().grade(item, text)

    def close(self):
        self.closed += 1


class Judge(LastWord):
    """Asks model `b` whether the answer is right."""

    name = "judge"
    models = ("b",)

    def calls(self, item):
        return [JudgeCall("b", (Message("user", f"judge {item.question}"),), 4)]

    async def judge(self, item, text, ask):
        prompt = Message("user", f"judge {item.question} {text}")
        reply = await ask("b", [prompt], sampling=GRADED, prompt_version="j1")
        if reply.text not in {"yes", "no"}:
            raise GraderFailed(f"said {reply.text!r}")
        return Verdict(float(reply.text == "yes"), parsed=self.parse(item, text))


def judged(call):
    """Model `b` judges, all others answer."""
    if call.stream != "judge":
        return answer(call)
    return "yes" if call.messages[-1].content.endswith("1") else "no"


def ready(folder, grader, engine=None, **options):
    return executor(folder, engine, grader=grader, **options)


async def run(ex, graph=SINGLE, items=ITEMS, account="search"):
    return await ex.run(graph, items, stream="search", account=account)


def test_which_graders_are_which():
    assert isinstance(Slow(), BlockingGrader)
    assert isinstance(Judge(), AskingGrader)
    assert not isinstance(LastWord(), (BlockingGrader, AskingGrader))


async def test_a_blocking_grader_works_in_threads_and_gives_the_same(tmp_path):
    slow = Slow()
    with ready(tmp_path / "a", slow) as ex:
        found = await run(ex)
    with ready(tmp_path / "b", LastWord()) as ex:
        plain = await run(ex)
    assert [r.verdict for r in found] == [r.verdict for r in plain]
    assert threading.main_thread() not in slow.threads


async def test_the_event_loop_goes_on_while_a_grader_blocks(tmp_path):
    slow = Slow()
    slow.go.clear()
    with ready(tmp_path, slow) as ex:
        task = asyncio.create_task(run(ex, items=ITEMS[:1]))
        await until(lambda: slow.seen)
        assert not task.done()
        slow.go.set()
        assert (await task)[0].verdict is not None


async def test_equal_texts_of_an_item_are_graded_once(tmp_path):
    slow = Slow()
    with ready(tmp_path, slow, ScriptedEngine("says 1")) as ex:
        for graph in (SINGLE, VOTE, SINGLE):
            await asyncio.gather(run(ex, graph), run(ex, graph))
        assert sorted(slow.seen) == [(item.id, "says 1") for item in ITEMS]
        other = [Item(ITEMS[0].id, ITEMS[0].question, "2")]
        (again,) = await run(ex, items=other)
    assert again.verdict.score == 0.0  # another gold answer is another item
    assert len(slow.seen) == len(ITEMS) + 1


async def test_machinery_that_fails_leaves_items_unevaluated_and_says_why(tmp_path):
    with ready(tmp_path, Slow(GraderFailed("no sandbox here"))) as ex:
        found = await run(ex)
    assert all(r.verdict is None for r in found)
    assert {r.outcome for r in found} == {Outcome.UNAVAILABLE}
    assert found[0].error == "grader 'slow': no sandbox here"
    assert found[0].text  # what was to be graded is told


async def test_an_inline_grader_may_fail_too(tmp_path):
    grader = Slow(GraderFailed("gone"))
    grader.blocking = False
    with ready(tmp_path, grader) as ex:
        (found,) = await run(ex, items=ITEMS[:1])
    assert found.verdict is None
    assert grader.threads == {threading.main_thread()}


async def test_failures_are_not_remembered(tmp_path):
    slow = Slow(GraderFailed("not yet"))
    with ready(tmp_path, slow) as ex:
        assert (await run(ex))[0].verdict is None
        slow.fault = None
        assert (await run(ex))[0].verdict is not None


async def test_a_grader_that_breaks_is_the_users_to_mend(tmp_path):
    broken = pytest.raises(TaskError, match="grader 'slow' on item 'i0' failed")
    with ready(tmp_path, Slow(ValueError("oops"))) as ex, broken:
        await run(ex, items=ITEMS[:1])


async def test_a_run_given_up_leaves_no_grading_behind(tmp_path):
    slow = Slow()
    slow.go.clear()
    with ready(tmp_path, slow) as ex:
        task = asyncio.create_task(run(ex))
        await until(lambda: slow.seen)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        ex.close()
        begun = len(slow.seen)
        slow.go.set()
        for thread in slow.threads:
            thread.join(10)
        assert len(slow.seen) == begun  # what had not begun never does
        assert slow.closed == 1
        assert all(r.verdict is not None for r in await run(ex))  # and a closed one starts anew


async def test_one_of_two_runs_given_up_leaves_the_other_its_grading(tmp_path):
    slow = Slow()
    slow.go.clear()
    with ready(tmp_path, slow, ScriptedEngine("says 1")) as ex:
        first, second = (asyncio.create_task(run(ex, items=ITEMS[:1])) for _ in range(2))
        await until(lambda: slow.seen)
        for _ in range(10):
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        slow.go.set()
        assert (await second)[0].verdict.score == 1.0
    assert len(slow.seen) == 1


# -- verdicts on disk ---------------------------------------------------------------------------


class Fickle(Slow):
    """Right about every text the first time it is asked, wrong the second time, and so on."""

    name = "fickle"
    asked: ClassVar[Counter] = Counter()

    def grade(self, item, text):
        with self._lock:
            Fickle.asked[item.id, text] += 1
            odd = Fickle.asked[item.id, text] % 2
        return Verdict(float(odd), parsed=self.parse(item, text), reason=f"time {odd}")


@pytest.fixture
def fickle(monkeypatch):
    monkeypatch.setattr(Fickle, "asked", Counter())
    return Fickle


async def test_a_verdict_is_made_once_in_all_lives_of_a_study(tmp_path, fickle):
    found = {}
    for graphs in ([SINGLE], [SINGLE, VOTE], [VOTE, SINGLE]):  # killed after each of them
        with ready(tmp_path, fickle()) as ex:
            for graph in graphs:
                verdicts = [r.verdict for r in await run(ex, graph)]
                assert found.setdefault(graph.key, verdicts) == verdicts
    assert set(fickle.asked.values()) == {1}


async def test_a_verdict_is_on_disk_before_anyone_hears_of_it(tmp_path, fickle):
    with ready(tmp_path / "a", fickle(), ScriptedEngine("says 1")) as ex:
        found = await run(ex, items=ITEMS[:1])
        shutil.copytree(tmp_path / "a", tmp_path / "b")  # as a kill would leave it now
    with ready(tmp_path / "b", fickle(), ScriptedEngine("says 1")) as ex:
        assert [r.verdict for r in await run(ex, items=ITEMS[:1])] == [r.verdict for r in found]


async def test_another_item_text_or_fingerprint_is_another_verdict(tmp_path, fickle):
    item = ITEMS[0]
    others = [
        (item, "says 1", None),
        (item, "says  1", None),
        (Item(item.id, item.question, "2"), "says 1", None),
        (Item("other", item.question, item.gold), "says 1", None),
        (item, "says 1", "fickle, another limit"),
    ]
    for number, (asked, text, fingerprint) in enumerate(others, start=1):
        first = None
        for _ in range(2):  # the second time nothing is remembered but what is on disk
            grader = fickle()
            if fingerprint:
                grader.fingerprint = fingerprint
            with ready(tmp_path, grader) as ex:
                found = await ex.verdict(asked, text, account="search")
            assert first in (None, found)
            first = found
            assert sum(fickle.asked.values()) == number


async def test_a_failure_of_the_machinery_is_not_on_disk(tmp_path):
    with ready(tmp_path, Slow(GraderFailed("not today"))) as ex:
        assert (await run(ex))[0].verdict is None
    with ready(tmp_path, Slow()) as ex:
        assert (await run(ex))[0].verdict is not None


# -- asking graders ---------------------------------------------------------------------------


async def test_a_judge_is_asked_through_the_journal_and_booked_apart(tmp_path):
    engine = ScriptedEngine(judged)
    with ready(tmp_path, Judge(), engine) as ex:
        found = await run(ex)
        expected = [float(r.text.endswith("1")) for r in found]
        assert [r.verdict.score for r in found] == expected
        assert set(expected) == {0.0, 1.0}
        assert ex.ledger.spent("calls", "judge") == len(ITEMS)
        assert ex.ledger.spent("calls", "search") == len(ITEMS)
        assert found[0].price.get("calls") == 1  # a graph's price is its own
    made = len(engine.calls)
    with ready(tmp_path, Judge(), engine) as ex:
        assert [r.verdict for r in await run(ex)] == [r.verdict for r in found]
    assert len(engine.calls) == made  # paid once


async def test_judges_of_later_phases_have_accounts_of_their_own(tmp_path):
    assert judge_account("search") == "judge"
    with ready(tmp_path, Judge(), ScriptedEngine(judged)) as ex:
        await run(ex, account="test")
        assert ex.ledger.spent("calls", "judge-test") == len(ITEMS)
        assert ex.ledger.spent("calls", "judge") == 0


async def test_a_judge_without_a_verdict_or_without_a_server_scores_nothing(tmp_path):
    def rambling(call):
        return "well, who knows" if call.stream == "judge" else answer(call)

    def down(call):
        return Unavailable("down") if call.stream == "judge" else answer(call)

    for name, script, why in (("r", rambling, "said 'well, who knows'"), ("d", down, "down")):
        with ready(tmp_path / name, Judge(), ScriptedEngine(script)) as ex:
            found = await run(ex)
        assert all(r.verdict is None for r in found)
        assert {r.outcome for r in found} == {Outcome.UNAVAILABLE}
        assert why in found[0].error


async def test_the_budget_of_a_judge_is_kept(tmp_path):
    ledger = Ledger([Limit(Amount.parse("4 calls"), frozenset({"judge"}))])
    with ready(tmp_path, Judge(), ScriptedEngine(judged), ledger=ledger) as ex:
        found = await run(ex)
        assert ex.ledger.spent("calls", "judge") == 4
    stopped = [r for r in found if r.verdict is None]
    assert len(stopped) == len(ITEMS) - 4
    assert {r.outcome for r in stopped} == {Outcome.BUDGET_STOPPED}


@pytest.mark.parametrize(("graph", "calls"), [(SINGLE, 1), (VOTE, 3)])
async def test_the_worst_case_counts_the_judge_and_is_never_passed(tmp_path, graph, calls):
    def wordy(call):
        return " ".join(["word"] * 20)

    item = ITEMS[0]
    with ready(tmp_path, Judge(), ScriptedEngine(wordy)) as ex:
        alone = ex.worst_verdict(graph, item)
        assert alone.get("calls") == 1
        assert ex.worst_case(graph, item).get("calls") == calls + 1
        longest = " ".join(["word"] * 8)
        with pytest.raises(GraderFailed):  # it speaks to its last token, and says nothing
            await ex.verdict(item, longest, account="search")
        assert ex.ledger.spent("tokens", "judge") == alone.get("tokens") == 3 + 8 + 4


def test_a_pure_grader_costs_nothing(tmp_path):
    with ready(tmp_path, LastWord()) as ex:
        assert ex.worst_verdict(SINGLE, ITEMS[0]).get("calls") == 0
