"""What may be spent and how much may go on at once."""

import asyncio
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsearch.cost import Amount
from graphsearch.engines.scripted import ScriptedEngine
from graphsearch.graph import CollaborationGraph
from graphsearch.ledger import Ledger, Spend
from graphsearch.records.calls import Outcome, Reply, Usage
from graphsearch.records.errors import BudgetRefused
from tests.execution.helpers import ITEMS, Shuffled, executor, until

SINGLE = CollaborationGraph.single("a")
FUSED = CollaborationGraph.fan_in(["a", "a", "a"], "assistant", "b")
VOTED = CollaborationGraph.combine("vote", ["a", "a", "a", "a"])
CHAIN = CollaborationGraph.chain(["a", "b", "a", "b"])


def sized(call):
    """Replies of 1 to 8 tokens, by their seed."""
    count = call.seed % 8 + 1
    prompt = sum(len(message.content.split()) for message in call.messages)
    return Reply("w " * (count - 1) + "1", Usage(prompt, count, 1))


def search(ready, graph, items=ITEMS, **options):
    return ready.run(graph, items, stream="search", account="search", **options)


async def test_calls_in_flight_to_a_model_keep_to_the_concurrency(tmp_path):
    with executor(tmp_path, ScriptedEngine(sized, latency=3600.0), concurrency=3) as ready:
        task = asyncio.create_task(search(ready, VOTED))
        await until(lambda: ready.engine.in_flight == 3)
        for _ in range(50):
            await asyncio.sleep(0)
        assert ready.engine.most_in_flight == 3
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_thousands_of_items_are_not_all_begun_at_once(tmp_path):
    with executor(tmp_path, ScriptedEngine(sized, latency=3600.0), concurrency=2) as ready:
        task = asyncio.create_task(search(ready, FUSED, ITEMS * 500))
        await until(lambda: ready.engine.in_flight == 2)
        assert len(asyncio.all_tasks()) < 60
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


# -- promise 2: the search budget -----------------------------------------------------------------


@settings(max_examples=15)
@given(
    budget=st.integers(1, 60),
    currency=st.sampled_from(["tokens", "calls", "flops", "units"]),
    order=st.integers(0, 10**6),
    graph=st.sampled_from([FUSED, VOTED, CHAIN]),
)
def test_the_search_budget_is_never_exceeded_and_what_fits_is_run(budget, currency, order, graph):
    scale = {"tokens": 10, "calls": 1, "flops": 200_000, "units": 2}[currency]
    limit = Amount.parse(f"{budget * scale} {currency}")
    ledger = Ledger([limit])

    async def main(folder):
        with executor(folder, Shuffled(sized, order), ledger=ledger) as ready:
            runs = await search(ready, graph)
            assert ready.ledger.booked() == ready.store.totals()
            return runs, ready.worst_case(graph, ITEMS[0])

    with tempfile.TemporaryDirectory() as folder:
        runs, worst = asyncio.run(main(folder))
    assert ledger.spent(currency) <= limit.value
    assert ledger.open_reservations == 0
    outcomes = {run.outcome for run in runs}
    assert outcomes <= {Outcome.ANSWERED, Outcome.BUDGET_STOPPED}
    if Outcome.BUDGET_STOPPED in outcomes:
        # It stopped because one more call might not have fitted, not before.
        assert ledger.spent(currency) + worst.get(currency) > limit.value
        stopped = next(run for run in runs if run.outcome is Outcome.BUDGET_STOPPED)
        assert stopped.verdict is None
        assert "the budget of" in stopped.error


@settings(max_examples=15)
@given(order=st.integers(0, 10**6), graph=st.sampled_from([FUSED, VOTED, CHAIN, SINGLE]))
def test_the_worst_case_is_never_passed(order, graph):
    async def main(folder):
        with executor(folder, Shuffled(sized, order)) as ready:
            for item in ITEMS:
                (run,) = await search(ready, graph, [item])
                worst = ready.worst_case(graph, item)
                for currency in ("tokens", "calls", "flops", "units", "flops_plain"):
                    assert run.price.get(currency) <= worst.get(currency)
                assert worst.get("usd") is None

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(folder))


async def test_an_admitted_block_is_run_whole(tmp_path):
    with executor(tmp_path / "probe", ScriptedEngine(sized)) as ready:
        worst = Spend.total(ready.worst_case(FUSED, item) for item in ITEMS)
    ledger = Ledger([Amount(worst.get("tokens"), "tokens")])
    with executor(tmp_path / "run", ScriptedEngine(sized), ledger=ledger) as ready:
        assert ledger.would_cover(worst)
        runs = await search(ready, FUSED)
        assert {run.outcome for run in runs} == {Outcome.ANSWERED}
    short = Ledger([Amount(worst.get("tokens") - 1, "tokens")])
    assert not short.would_cover(worst)


async def test_what_is_only_held_back_is_waited_for(tmp_path):
    # Four calls of at worst 10 tokens that use 3: three of them and one at worst are 19.
    short = ScriptedEngine(Reply("1", Usage(2, 1, 1)))
    with executor(tmp_path, short, ledger=Ledger([Amount(19, "tokens")])) as ready:
        (run,) = await search(ready, VOTED, ITEMS[:1])
        assert run.outcome is Outcome.ANSWERED
        (run,) = await search(ready, VOTED, ITEMS[1:2])
        assert run.outcome is Outcome.BUDGET_STOPPED


async def test_a_budget_in_an_unknown_currency_is_refused_before_the_first_call(tmp_path):
    ledger = Ledger([Amount.parse("5 usd")])
    with executor(tmp_path, ledger=ledger) as ready:
        with pytest.raises(BudgetRefused, match="usd is unknown"):
            await search(ready, SINGLE)
        assert ready.engine.calls == []


# -- promise 1: the cap on a question ------------------------------------------------------------


@settings(max_examples=15)
@given(
    cap=st.integers(0, 130),
    order=st.integers(0, 10**6),
    graph=st.sampled_from([FUSED, VOTED, CHAIN]),
)
def test_a_question_never_uses_more_than_its_cap_and_stops_at_the_same_node(cap, order, graph):
    async def main(folder, seed):
        with executor(folder, Shuffled(sized, seed)) as ready:
            return await search(ready, graph, ITEMS[:3], cap=Amount(cap, "tokens"))

    found = []
    for seed in (order, order + 1):
        with tempfile.TemporaryDirectory() as folder:
            found.append(asyncio.run(main(folder, seed)))
    for first, second in zip(*found, strict=True):
        assert first.price.get("tokens") <= cap
        assert [n.outcome for n in first.nodes] == [n.outcome for n in second.nodes]
        assert (first.price, first.text, first.verdict) == (
            second.price,
            second.text,
            second.verdict,
        )
        if first.outcome is Outcome.BUDGET_STOPPED:
            assert first.verdict is None
            assert first.error == "the question's cap is reached"
        else:
            assert first.outcome is Outcome.ANSWERED


async def test_a_cap_that_the_real_usage_keeps_lets_the_question_through(tmp_path):
    short = ScriptedEngine(Reply("1", Usage(2, 1, 1)))
    # Worst cases alone: 4 x (2 + 8) = 40. Real usage: 4 x 3 = 12; the last call may take 10.
    with executor(tmp_path, short) as ready:
        (run,) = await search(ready, VOTED, ITEMS[:1], cap=Amount(19, "tokens"))
        assert run.outcome is Outcome.ANSWERED
        (run,) = await search(ready, VOTED, ITEMS[:1], cap=Amount(18, "tokens"))
        assert run.outcome is Outcome.BUDGET_STOPPED


async def test_a_cap_counts_shared_calls_in_full(tmp_path):
    short = ScriptedEngine(Reply("1", Usage(2, 1, 1)))
    with executor(tmp_path, short) as ready:
        await search(ready, VOTED, ITEMS[:1])
        (run,) = await search(ready, VOTED, ITEMS[:1], cap=Amount(18, "tokens"))
        assert run.outcome is Outcome.BUDGET_STOPPED
        assert ready.traffic.made == 4


async def test_a_cap_in_an_unknown_currency_is_refused(tmp_path):
    with executor(tmp_path) as ready:
        with pytest.raises(BudgetRefused, match="cap of 1 usd a question cannot be kept"):
            await search(ready, SINGLE, cap=Amount.parse("1 usd"))
        assert ready.engine.calls == []


class Letters(ScriptedEngine):
    """Counts a token a letter for model `b`, a word for model `a`."""

    def count_tokens(self, model, text):
        return len(text) if model == "b" else super().count_tokens(model, text)


async def test_models_that_count_alike_are_not_thought_to_stretch_messages(tmp_path):
    with executor(tmp_path / "alike", ScriptedEngine(sized)) as ready:
        # Roots: 3 x (2 + 8). Sink: question 2, bars 3, three messages of 1 or up to 8, reply 8.
        assert ready.worst_case(FUSED, ITEMS[0]).get("tokens") == 30 + 2 + 3 + 3 + 24 + 8
    with executor(tmp_path / "apart", Letters(sized)) as ready:
        letters = len(f"{ITEMS[0].question} | x | x | x")
        assert ready.worst_case(FUSED, ITEMS[0]).get("tokens") == 30 + letters + 2 * 24 + 8
