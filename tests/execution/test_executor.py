"""The executor: which draw a node uses, what is shared, what an outcome is."""

import asyncio
import tempfile
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsearch.cost import CostModel
from graphsearch.engines.scripted import ScriptedEngine
from graphsearch.execution import RetryPolicy
from graphsearch.graph import CollaborationGraph, Node
from graphsearch.records.calls import Call, Message, Outcome, Reply, Sampling, Usage
from graphsearch.records.errors import (
    CallTimeout,
    FleetError,
    GraphError,
    RateLimited,
    Rejected,
    TaskError,
)
from graphsearch.records.roles import NodeContext
from graphsearch.records.tasks import TokenProfile, Verdict
from graphsearch.testing import run_virtual
from tests.execution.helpers import FLEET, ITEMS, ROLES, LastWord, Shuffled, answer, executor, until

SINGLE = CollaborationGraph.single("a")
FUSED = CollaborationGraph.fan_in(["a", "a", "a"], "assistant", "b")
VOTED = CollaborationGraph.combine("vote", ["a", "a", "a", "a"])


def search(ready, graph, items=ITEMS, **options):
    return ready.run(graph, items, stream="search", account="search", **options)


def plain(runs):
    """Everything of runs but who made the calls."""
    return [
        (r.item_id, r.outcome, r.text, r.usage, r.price, r.verdict, r.texts, r.error) for r in runs
    ]


# -- promise 7: independent where it must be, shared where it may be -----------------------------


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 6))
    nodes = [
        Node(draw(st.sampled_from(["assistant", "twin"])), draw(st.sampled_from("ab")))
        for _ in range(count)
    ]
    edges = {
        (i, j) for j in range(count) for i in range(j) if draw(st.booleans()) or j == count - 1
    }
    return CollaborationGraph(tuple(nodes), tuple(edges), count - 1)


def by_the_book(graph, item, seeds):
    """Promise 7 word for word, one node after the other in canonical order."""
    graph = graph.canonical()
    asked, texts = [], []
    for index, node in enumerate(graph.nodes):
        parents = graph.parents(index)
        context = NodeContext(len(parents), index == graph.sink)
        role = ROLES[node.role]
        messages = role.prompt(item, [texts[p] for p in parents], context)
        call = (node.model, messages, role.sampling(context))
        sample = asked.count(call)
        asked.append(call)
        seed = seeds[(*call, item.id, sample)]
        texts.append(answer(Call(*call, sample=sample, seed=seed)))
    return tuple(texts)


@settings(max_examples=12)
@given(teams=st.lists(graphs(), min_size=3, max_size=6), order=st.integers(0, 10**6))
def test_the_kth_node_that_makes_a_call_uses_its_kth_draw_whatever_finishes_first(teams, order):
    engine = Shuffled(answer, order)

    async def main(folder):
        with executor(folder, engine) as ready:
            return await asyncio.gather(*(search(ready, team, ITEMS[:2]) for team in teams))

    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(main(folder))
    seeds = {(c.model, c.messages, c.sampling, c.item, c.sample): c.seed for c in engine.calls}
    assert len(set(seeds.values())) == len(engine.calls)
    for team, runs in zip(teams, found, strict=True):
        for item, run in zip(ITEMS, runs, strict=False):
            assert run.texts == by_the_book(team, item, seeds)


@pytest.mark.parametrize("slow", [0, 1])
async def test_a_node_that_is_ready_first_leaves_the_first_draw_to_the_lower_one(tmp_path, slow):
    gate = asyncio.Event()

    class OneSlow(ScriptedEngine):
        async def generate(self, call):
            if call.model == "a" and call.sample == slow:
                await gate.wait()
            return await super().generate(call)

    # Two nodes that read the same words from two roots, one of which takes long.
    nodes = (*[Node("assistant", "a")] * 2, *[Node("assistant", "b")] * 3)
    graph = CollaborationGraph(nodes, ((0, 2), (1, 3), (2, 4), (3, 4)), 4)
    engine = OneSlow(lambda call: "same" if call.model == "a" else f"draw {call.sample}")
    with executor(tmp_path, engine) as ready:
        task = asyncio.create_task(search(ready, graph, ITEMS[:1]))
        await until(lambda: any(call.model == "a" for call in engine.calls))
        for _ in range(20):
            await asyncio.sleep(0.001)
        gate.set()
        (run,) = await task
    assert [node.sample for node in run.nodes] == [0, 1, 0, 1, 0]
    assert run.texts[2:4] == ("draw 0", "draw 1")


async def test_many_graphs_at_once_share_calls_and_see_what_each_alone_would_see(tmp_path):
    everything = [SINGLE, FUSED, VOTED, CollaborationGraph.chain(["a", "b", "a"])]
    alone = []
    for number, graph in enumerate(everything):
        with executor(tmp_path / f"alone{number}") as ready:
            alone.append(plain(await search(ready, graph)))
    with executor(tmp_path / "together", Shuffled(answer, 1)) as ready:
        together = await asyncio.gather(*(search(ready, graph) for graph in everything))
        traffic = ready.traffic
        assert [plain(runs) for runs in together] == alone
        # FUSED and VOTED share the three hot draws of `a`, and the chain's first is one of them.
        assert traffic.asked == 6 * (1 + 4 + 4 + 3)
        assert traffic.made == 6 * (1 + 4 + 1 + 2) == len(ready.engine.calls)
        assert traffic.cache_hits + traffic.shared == traffic.asked - traffic.made
        assert sum(run.made for runs in together for run in runs) == traffic.made
        assert ready.ledger.spent("calls") == traffic.made
        assert len(ready.store.journal) == traffic.made


async def test_isomorphic_graphs_are_one_graph(tmp_path):
    nodes = (Node("assistant", "a"), Node("assistant", "b"), Node("assistant", "a"))
    one = CollaborationGraph(nodes, ((0, 2), (1, 2)), 2)
    other = CollaborationGraph((nodes[2], nodes[1], nodes[0]), ((2, 0), (1, 0)), 0)
    with executor(tmp_path) as ready:
        first, second = await search(ready, one), await search(ready, other)
        assert plain(first) == plain(second)
        assert all(run.made == 0 for run in second)
        assert all(run.shared == 3 for run in second)


async def test_streams_seeds_and_versions_never_share_draws(tmp_path):
    with executor(tmp_path) as ready:
        await ready.run(SINGLE, ITEMS[:1], stream="search", account="search")
        await ready.run(SINGLE, ITEMS[:1], stream="test", account="test")
    with executor(tmp_path, seed=1) as ready:
        await ready.run(SINGLE, ITEMS[:1], stream="search", account="search")
    other = ScriptedEngine(answer, fingerprint="other weights")
    with executor(tmp_path, other) as ready:
        await ready.run(SINGLE, ITEMS[:1], stream="search", account="search")
        assert len(ready.store.journal) == 4
        assert ready.ledger.spent("calls", "test") == 1


async def test_what_is_in_the_journal_is_not_made_again_and_costs_the_search_nothing(tmp_path):
    with executor(tmp_path) as ready:
        before = await search(ready, FUSED)
        spent = ready.ledger.booked()
    with executor(tmp_path, ScriptedEngine(Rejected("not again"))) as ready:
        after = await search(ready, FUSED)
        assert plain(after) == plain(before)
        assert ready.ledger.booked() == spent
        assert ready.traffic.made == 0
        assert ready.engine.calls == []


async def test_an_executor_can_be_used_from_one_event_loop_after_another(tmp_path):
    with executor(tmp_path, concurrency=1) as ready:
        for graph in (FUSED, VOTED):
            found = await asyncio.to_thread(lambda g=graph: asyncio.run(search(ready, g)))
            assert len(found) == len(ITEMS)


# -- what came of it -----------------------------------------------------------------------------


async def test_a_run_tells_usage_price_and_transcript(tmp_path):
    with executor(tmp_path) as ready:
        (run,) = await search(ready, FUSED, ITEMS[:1])
    assert set(run.usage) == {"a", "b"}
    # "question 0" is two words; a reply of two words and its end are three tokens.
    assert run.usage["a"] == Usage(6, 9, 3)
    assert run.usage["b"] == Usage(2 + 3 * 3, 3, 1)
    model = CostModel(FLEET, TokenProfile(10, 5), "flops")
    expected = 3 * model.usage_ticks("a", Usage(2, 3, 1)) + model.usage_ticks("b", run.usage["b"])
    assert run.price.get("flops") == expected
    assert run.price.get("tokens") == 15 + 14
    assert run.price.get("calls") == 4
    assert run.price.get("usd") is None
    assert float(run.price.get("units")) == pytest.approx(expected / model.unit_flops)
    assert [node.sample for node in run.nodes] == [0, 1, 2, 0]
    assert run.text == run.texts[-1] == run.nodes[-1].message


async def test_grades_are_the_graders(tmp_path):
    replies = {"question 0": "it is 1", "question 1": "it is 2", "question 2": "who knows?"}
    with executor(tmp_path, ScriptedEngine(replies)) as ready:
        right, wrong, unread = await search(ready, SINGLE, ITEMS[:3])
    assert (right.outcome, right.verdict.score) == (Outcome.ANSWERED, 1.0)
    assert (wrong.outcome, wrong.verdict.score) == (Outcome.ANSWERED, 0.0)
    assert (unread.outcome, unread.verdict.score) == (Outcome.UNPARSED, 0.0)


@pytest.mark.parametrize("outcome", [Outcome.TRUNCATED, Outcome.EMPTY, Outcome.REFUSED])
async def test_a_model_that_fails_at_the_sink_is_wrong_and_counted_apart(tmp_path, outcome):
    reply = Reply("it is 1", Usage(2, 8, 1), outcome)
    with executor(tmp_path, ScriptedEngine(reply)) as ready:
        (run,) = await search(ready, SINGLE, ITEMS[:1])
    assert (run.outcome, run.verdict.score, run.verdict.outcome) == (outcome, 0.0, outcome)


async def test_a_truncated_parent_is_read_as_it_is(tmp_path):
    def script(call):
        if "|" in call.messages[-1].content:
            return "so 1"
        return Reply("half an ans", Usage(2, 8, 1), Outcome.TRUNCATED)

    with executor(tmp_path, ScriptedEngine(script)) as ready:
        (run,) = await search(ready, FUSED, ITEMS[:1])
        assert ready.engine.calls[-1].messages[-1].content.count("half an ans") == 3
    assert (run.outcome, run.verdict.score) == (Outcome.ANSWERED, 1.0)


async def test_combining_sinks_pick_a_message_and_cost_nothing(tmp_path):
    replies = {"question 0": ["it is 2", "it is 1", "so it is 1", "?"]}
    with executor(tmp_path, ScriptedEngine(replies)) as ready:
        (vote,) = await search(ready, VOTED, ITEMS[:1])
        (select,) = await search(ready, CollaborationGraph.combine("select", ["a", "a"]), ITEMS[:1])
    assert vote.text == "it is 1"
    assert vote.price.get("calls") == 4
    assert select.text == "it is 2"


async def test_a_grader_that_breaks_is_named(tmp_path):
    class Broken(LastWord):
        name = "broken"

        def grade(self, item, text):
            raise KeyError("gold")

    broken = pytest.raises(TaskError, match="grader 'broken' on item 'i0' failed: KeyError")
    with executor(tmp_path) as ready, broken:
        await search(ready, SINGLE, ITEMS, grader=Broken())


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (None, "returned NoneType, not a Verdict"),
        (Verdict(float("nan")), "gave the score nan; a score lies from 0 to 1"),
        (Verdict(2.0), "gave the score 2.0; a score lies from 0 to 1"),
        (Verdict(-0.5), "gave the score -0.5"),
        (Verdict("1"), "gave the score '1'"),
        (Verdict(1.0, Outcome.TIMEOUT), "gave the outcome timeout, which is the infrastructure's"),
        (Verdict(1.0, Outcome.UNPARSED), "gave the score 1.0 to an answer that is unparsed"),
    ],
)
async def test_what_is_no_verdict_never_becomes_a_score(tmp_path, verdict, words):
    class Odd(LastWord):
        name = "odd"

        def grade(self, item, text):
            return verdict

    odd = pytest.raises(TaskError, match=f"grader 'odd' on item 'i0' {words}")
    with executor(tmp_path) as ready, odd:
        await search(ready, SINGLE, ITEMS, grader=Odd())


async def test_a_grader_that_breaks_while_votes_are_counted_is_named(tmp_path):
    class Broken(LastWord):
        name = "broken"

        def parse(self, item, text):
            raise KeyError("gold")

    broken = pytest.raises(TaskError, match="role 'vote' with grader 'broken' on item 'i0' failed")
    with executor(tmp_path) as ready, broken:
        vote = CollaborationGraph.combine("vote", ["a", "a"])
        await search(ready, vote, ITEMS, grader=Broken())


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (None, "the engine returned NoneType, not a reply"),
        (Reply(None, Usage(1, 1, 1)), "whose text is NoneType"),
        (Reply("it is 1", Usage(1, -5, 1)), "impossible usage"),
        (Reply("it is 1", Usage("3", 1, 1)), "impossible usage"),
        (Reply("it is 1", Usage(True, 1, 1)), "impossible usage"),
        (Reply("it is 1", Usage(1, 10**9, 1)), "1000000000 tokens of a reply that has 8 at most"),
        (Reply("it is 1", Usage(2**70, 1, 1)), "tokens of a prompt that has 74 at most"),
        (Reply("it is 1", Usage(1, 1, 1), Outcome.TIMEOUT), "a reply that is timeout"),
    ],
)
async def test_what_is_no_reply_is_the_infrastructures_fault(tmp_path, reply, words):
    class Odd(ScriptedEngine):
        async def generate(self, call):
            return reply

    with executor(tmp_path, Odd("it is 1")) as ready:
        (run,) = await search(ready, SINGLE, ITEMS[:1])
        assert (run.outcome, run.verdict) == (Outcome.UNAVAILABLE, None)
        assert words in run.error
        assert len(ready.store.journal) == 0
        assert ready.ledger.booked() == ready.store.totals()


async def test_a_server_that_counts_a_little_more_than_asked_for_is_booked_as_it_counts(tmp_path):
    class Generous(ScriptedEngine):
        async def generate(self, call):
            return Reply("it is 1", Usage(900, 40, 1))

    with executor(tmp_path, Generous("it is 1")) as ready:
        (run,) = await search(ready, SINGLE, ITEMS[:1])
        assert run.verdict is not None
        assert ready.ledger.spent("tokens") == 940
        assert ready.ledger.overruns == 1


async def test_half_a_character_in_a_reply_ends_no_search(tmp_path):
    reply = Reply("\ud83d\ude00 \ud800 it is 1", Usage(2, 8, 1))
    with executor(tmp_path, ScriptedEngine(reply)) as ready:
        (run,) = await search(ready, SINGLE, ITEMS[:1])
    assert (run.text, run.verdict.score) == ("\U0001f600 \ufffd it is 1", 1.0)


# -- promise 4: an infrastructure error is never a score -----------------------------------------


async def test_retryable_errors_are_tried_again_and_each_attempt_is_booked(tmp_path):
    script = [RateLimited("slow down"), CallTimeout("too slow"), "it is 1"]
    with executor(tmp_path, ScriptedEngine(script)) as ready:
        (run,) = await search(ready, SINGLE, ITEMS[:1])
        assert run.verdict.score == 1.0
        assert ready.store.journal.counts() == {"answered": 1, "rate_limited": 1, "timeout": 1}
        assert ready.ledger.spent("calls") == 3
        # A refused attempt used nothing; one that timed out may have used all it could.
        assert ready.ledger.spent("tokens", "waste") == 2 + 8
        assert ready.ledger.booked() == ready.store.totals()
        assert ready.ledger.open_reservations == 0


async def test_a_final_error_is_not_tried_again_and_leaves_the_item_unevaluated(tmp_path):
    with executor(tmp_path, ScriptedEngine(Rejected("context too long"))) as ready:
        (run,) = await search(ready, SINGLE, ITEMS[:1])
        assert (run.outcome, run.verdict, run.error) == (
            Outcome.REJECTED,
            None,
            "context too long",
        )
        assert len(ready.engine.calls) == 1
        await search(ready, SINGLE, ITEMS[:1])
        assert len(ready.engine.calls) == 2, "a failure must not be served from the journal"


async def test_the_first_failing_node_names_the_outcome_and_the_others_are_kept(tmp_path):
    def script(call):
        if call.sample == 1:
            return Rejected("second")
        if call.sample == 2:
            return CallTimeout("third")
        return "it is 1"

    for order in range(3):
        with executor(tmp_path / str(order), Shuffled(script, order)) as ready:
            (run,) = await search(ready, FUSED, ITEMS[:1])
            assert (run.outcome, run.error, run.verdict) == (Outcome.REJECTED, "second", None)
            assert [node.outcome.value for node in run.nodes] == [
                "answered",
                "rejected",
                "timeout",
                "cancelled",
            ]
            assert len(ready.store.journal) == 1


def test_waits_between_attempts_grow_and_honour_the_server(tmp_path):
    sent, errors = [], [CallTimeout("x")] * 5 + [CallTimeout("x", retry_after=9)]

    class Late(ScriptedEngine):
        async def generate(self, call):
            sent.append(asyncio.get_running_loop().time())
            raise errors[len(sent) - 1] if len(sent) <= len(errors) else CallTimeout("x")

    async def main():
        policy = RetryPolicy(first_wait=1, longest_wait=5, attempts=7)
        with executor(tmp_path, Late(answer), policy=policy) as ready:
            (run,) = await search(ready, SINGLE, ITEMS[:1])
            assert run.outcome is Outcome.TIMEOUT

    run_virtual(main())
    waits = [later - earlier for earlier, later in pairwise(sent)]
    assert len(waits) == 6
    for most, wait in zip((1, 2, 4, 5, 5), waits, strict=False):
        assert most / 2 <= wait <= most + 0.01
    assert waits[-1] == pytest.approx(9, abs=0.01)


async def test_an_error_of_our_own_ends_the_run_and_leaves_nothing_behind(tmp_path):
    class Mute(type(ROLES["assistant"])):
        def prompt(self, item, parents, context):
            if parents:
                raise GraphError("no words")
            return super().prompt(item, parents, context)

    roles = ROLES | {"assistant": Mute("assistant")}
    with executor(tmp_path, Shuffled(answer, 3), roles=roles) as ready:
        with pytest.raises(GraphError, match="no words"):
            await search(ready, FUSED)
        await until(lambda: len(asyncio.all_tasks()) == 1)
        assert ready.ledger.open_reservations == 0


# -- cancelling ----------------------------------------------------------------------------------


async def test_a_cancelled_run_gives_its_calls_up_and_frees_what_was_held_back(tmp_path):
    with executor(tmp_path, ScriptedEngine(answer, latency=3600.0)) as ready:
        task = asyncio.create_task(search(ready, FUSED))
        await until(lambda: ready.engine.in_flight == 8)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: len(asyncio.all_tasks()) == 1)
        assert ready.engine.in_flight == 0
        assert ready.ledger.open_reservations == 0
        assert ready.ledger.booked() == {}


async def test_a_call_that_another_run_waits_for_goes_on(tmp_path):
    gate = asyncio.Event()

    class Gated(ScriptedEngine):
        async def generate(self, call):
            await gate.wait()
            return await super().generate(call)

    with executor(tmp_path, Gated(answer)) as ready:
        first = asyncio.create_task(search(ready, SINGLE, ITEMS[:1]))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(search(ready, SINGLE, ITEMS[:1]))
        await asyncio.sleep(0.01)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        gate.set()
        (run,) = await second
        assert run.outcome is Outcome.ANSWERED
        assert len(ready.engine.calls) == 1


async def test_a_call_that_is_given_up_can_be_asked_for_again_at_once(tmp_path):
    with executor(tmp_path, ScriptedEngine(answer, latency=3600.0)) as ready:
        messages = (Message("user", "question"),)

        def ask():
            sampling = Sampling(max_tokens=8)
            return asyncio.create_task(
                ready.ask("a", messages, sampling=sampling, stream="agent", account="agent")
            )

        first = ask()
        await until(lambda: ready.engine.in_flight == 1)
        first.cancel()
        second = ask()
        await until(lambda: len(ready.engine.calls) == 2)
        assert not second.done()
        second.cancel()
        assert [type(e) for e in await asyncio.gather(first, second, return_exceptions=True)] == [
            asyncio.CancelledError
        ] * 2


# -- single calls ------------------------------------------------------------------------------


async def test_single_calls_go_through_journal_and_ledger(tmp_path):
    messages = ROLES["assistant"].prompt(ITEMS[0], [], NodeContext(0, True))
    sampling = Sampling(max_tokens=8)
    with executor(tmp_path) as ready:
        for sample in (0, 0, 1):
            reply = await ready.ask(
                "b", messages, sampling=sampling, stream="agent", account="agent", sample=sample
            )
        assert reply.usage.calls == 1
        assert ready.ledger.spent("calls", "agent") == 2
        assert len(ready.engine.calls) == 2


# -- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("graph", "error", "words"),
    [
        (CollaborationGraph.single("c"), FleetError, "c"),
        (CollaborationGraph.single("a", role="poet"), GraphError, "unknown role 'poet'"),
        (CollaborationGraph((Node("assistant", None),), (), 0), GraphError, "names no model"),
    ],
)
async def test_a_graph_that_cannot_run_is_refused(tmp_path, graph, error, words):
    with executor(tmp_path) as ready:
        with pytest.raises(error, match=words):
            await search(ready, graph)
        assert ready.engine.calls == []
