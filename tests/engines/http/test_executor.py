"""The whole way of a call: executor, engine, server, and back into journal and ledger."""

from decimal import Decimal

from graphsearch.cost import Amount
from graphsearch.engines import engines_for
from graphsearch.engines.http import HttpEngine
from graphsearch.execution import RetryPolicy
from graphsearch.graph import CollaborationGraph
from graphsearch.ledger import Ledger
from graphsearch.records.calls import Call, Message, Outcome, Sampling, Usage
from graphsearch.records.models import Fleet, ModelSpec
from graphsearch.testing import StubFault, StubReply, StubServer
from tests.execution.helpers import ITEMS, executor

FUSED = CollaborationGraph.fan_in(["a", "b", "a"], "assistant", "b")
SINGLE = CollaborationGraph.single("a")
PATIENT = RetryPolicy(attempts=12, first_wait=0.0)
FAULTS = [f for f in StubFault if f not in {StubFault.SLOW, StubFault.HANG}]


def says(asked):
    """A reply that depends on what is asked and on the draw."""
    return f"says {(asked['seed'] + len(asked['messages'][-1]['content'])) % 3}"


async def run_all(folder, rates=None):
    async with StubServer(says, rates=rates) as server:
        engine = HttpEngine(server.base_url)
        with executor(folder, engine, policy=PATIENT) as ready:
            runs = await ready.run(FUSED, ITEMS, stream="search", account="search")
            await engine.aclose()
            assert ready.ledger.booked() == ready.store.totals()
            assert ready.ledger.open_reservations == 0
            return runs, ready.ledger, server.served


async def test_faults_change_no_result_and_every_token_is_booked(tmp_path):
    calm, _, served = await run_all(tmp_path / "calm")
    assert served.usage.calls == 4 * len(ITEMS)
    rough, ledger, served = await run_all(tmp_path / "rough", dict.fromkeys(FAULTS, 0.05))
    assert rough == calm
    assert sum(served.faults.values()) > 4
    used, lost = served.usage, served.lost_usage
    assert ledger.spent("calls") == served.requests
    assert ledger.spent("tokens", "search") == used.prompt_tokens + used.completion_tokens
    # A reply that came broken was made: its worst case is booked, which is no less than it used.
    assert (served.lost > 0) == (ledger.spent("tokens", "waste") > 0)
    assert ledger.spent("tokens", "waste") >= lost.prompt_tokens + lost.completion_tokens


async def test_a_server_that_tells_no_usage_is_booked_at_the_worst_case(tmp_path):
    async with StubServer(lambda asked: StubReply("it is 1", tells_usage=False)) as server:
        engine = HttpEngine(server.base_url, message_overhead=20)
        limit = Ledger([Amount(Decimal(1000), "tokens")])
        with executor(tmp_path, engine, ledger=limit) as ready:
            (run,) = await ready.run(SINGLE, ITEMS[:1], stream="search", account="search")
            await engine.aclose()
            assert run.verdict.score == 1.0
            assert run.usage == {"a": Usage(None, None, 1)}
            assert run.price.get("tokens") is None
            assert run.price.get("calls") == 1
            worst = len(ITEMS[0].question) + 20 + 8
            assert limit.spent("tokens") == worst
            assert limit.booked() == ready.store.totals()
            again = await ready.run(SINGLE, ITEMS[:1], stream="search", account="search")
            assert again[0].usage == run.usage
        with executor(tmp_path, ledger=Ledger()) as ready:
            assert ready.ledger.spent("tokens") == worst


async def test_a_cap_counts_what_nobody_knows_as_the_worst(tmp_path):
    async with StubServer(lambda asked: StubReply("it is 1", tells_usage=False)) as server:
        engine = HttpEngine(server.base_url, message_overhead=20)
        with executor(tmp_path, engine) as ready:
            cap = Amount(Decimal(100), "tokens")
            options = {"stream": "search", "account": "search", "cap": cap}
            (run,) = await ready.run(FUSED, ITEMS[:1], **options)
            await engine.aclose()
    assert run.outcome is Outcome.BUDGET_STOPPED
    assert server.served.requests == 2, "each may have used 38 of 100"


async def test_a_fleet_names_its_servers(monkeypatch):
    monkeypatch.setenv("OTHER_KEY", "another-long-key")
    async with StubServer(says) as here, StubServer(says, key="another-long-key") as there:
        fleet = Fleet(
            "mixed",
            (
                ModelSpec("a", 1, 1, 1, endpoint=here.base_url, served_name="org/a"),
                ModelSpec("b", 1, 1, 1, endpoint=here.base_url),
                ModelSpec("c", 1, 1, 1, endpoint=there.base_url, api_key_env="OTHER_KEY"),
            ),
            "a",
        )
        assert Fleet.from_json(fleet.to_json()) == fleet
        engines = engines_for(fleet, ["a", "b", "c"])
        assert engines["a"] is engines["b"]
        assert engines["a"] is not engines["c"]
        for name in "abc":
            made = Call(name, (Message("user", "hello"),), Sampling())
            assert (await engines[name].generate(made)).text
        for engine in {id(engine): engine for engine in engines.values()}.values():
            await engine.aclose()
        assert [asked["model"] for asked in here.requests] == ["org/a", "b"]
        assert [asked["model"] for asked in there.requests] == ["c"]
