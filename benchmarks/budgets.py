"""Randomised runs against a search budget: is it ever passed?

Each run draws a currency (USD, tokens, FLOPs, seconds; sometimes two), a budget from a sliver of
what the work could cost to more than all of it, graphs, questions, faults, and whom it asks: an
engine in this process whose worst case is exact (`engine`), a stub server over HTTP (`http`), or a
whole small search over HTTP with selection, test and baselines (`search`). Replies have a
random number of tokens, up to and with `max_tokens`; 64 calls may be in flight. All follows from
the run's number.

What is looked at: spend in the named currency, all accounts, as the journal on disk sums it up,
against the budget; and the tokens that the server has counted, lost replies too, against the
tokens booked, so that no spend is missing.

    python -m benchmarks.budgets [--runs 1000] [--first 0] [--only search]
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._world import SETTINGS, SPACE, fleet, luck, of_any_length, prompt_set, questions
from graphsearch.agents.roles import get_roles
from graphsearch.cost import Amount, CostModel
from graphsearch.engines.faulty import Fault, FaultyEngine
from graphsearch.engines.http import HttpEngine
from graphsearch.engines.scripted import ScriptedEngine
from graphsearch.evaluators.tasks import get_task
from graphsearch.execution import Executor, RetryPolicy
from graphsearch.ledger import Ledger, Spend
from graphsearch.records.calls import Call, Outcome, Reply, Usage
from graphsearch.records.errors import BudgetReached, BudgetRefused, StudyStopped
from graphsearch.space import Distribution, Space
from graphsearch.store import Store
from graphsearch.testing.clock import run_virtual
from graphsearch.testing.stub import StubFault, StubServer

RUNS = 1000
STREAMS = 64
CURRENCIES = ("usd", "tokens", "flops", "seconds")
KINDS = {"engine": 0.5, "http": 0.35, "search": 0.15}
POLICY = RetryPolicy(attempts=3, first_wait=0.0)
ENGINE_FAULTS = (Fault.RATE_LIMITED_SILENT, Fault.UNAVAILABLE, Fault.TIMEOUT)
SERVER_FAULTS = (
    StubFault.RATE_LIMITED,
    StubFault.SERVER_ERROR,
    StubFault.RESET,
    StubFault.CUT_JSON,
    StubFault.CUT_BODY,
    StubFault.WRONG_TYPE,
)


@dataclass(frozen=True, slots=True)
class Seen:
    """One run.

    Attributes:
        number: its seed.
        kind: whom it asked.
        budgets: what it was allowed.
        used: share of the budget that was spent, of the fuller one where there are two.
        stopped: whether the budget kept something from being done.
        calls: attempts booked.
        missing: tokens that the server counted and nobody booked.
        unsettled: reservations still open at the end.
        disagree: whether ledger and journal hold different totals.
        in_flight: most calls under way at once.
    """

    number: int
    kind: str
    budgets: tuple[Amount, ...]
    used: float
    stopped: bool
    calls: int
    missing: int = 0
    unsettled: int = 0
    disagree: bool = False
    in_flight: int = 0


def measure(runs: int = RUNS, *, first: int = 0, only: str | None = None) -> dict[str, Any]:
    """All runs; whether any passed its budget, and how close they came."""
    found: list[Seen] = []
    with tempfile.TemporaryDirectory() as folder:
        world = _World(Path(folder))
        for number in range(first, first + runs):
            found.append(one(number, world, only=only))
            if (number - first + 1) % 100 == 0:
                print(f"  {number - first + 1} of {runs} runs", file=sys.stderr, flush=True)
    return report(found)


def report(found: Sequence[Seen]) -> dict[str, Any]:
    """The figures of several runs."""
    stopped = [seen.used for seen in found if seen.stopped]
    return {
        "runs": len(found),
        "overruns": sum(seen.used > 1 for seen in found),
        "runs_with_unbooked_tokens": sum(seen.missing > 0 for seen in found),
        "reservations_left_open": sum(seen.unsettled for seen in found),
        "ledgers_that_differ_from_journals": sum(seen.disagree for seen in found),
        "kinds": dict(Counter(seen.kind for seen in found)),
        "currencies": dict(Counter(b.currency for seen in found for b in seen.budgets)),
        "with_two_budgets": sum(len(seen.budgets) > 1 for seen in found),
        "stopped_by_the_budget": len(stopped),
        "used_when_stopped_median": round(statistics.median(stopped), 3) if stopped else None,
        "used_at_most": max(seen.used for seen in found),
        "calls": sum(seen.calls for seen in found),
        "most_in_flight": max(seen.in_flight for seen in found),
        "overrun_by": [_told(seen) for seen in found if seen.used > 1],
    }


def _told(seen: Seen) -> dict[str, Any]:
    return {"run": seen.number, "kind": seen.kind, "used": seen.used, "of": str(seen.budgets)}


class _World:
    """What all runs share: questions, prompts, the space that graphs are drawn from."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.prompts = prompt_set(home / "prompts", max_tokens=24)
        self.roles = get_roles(self.prompts)
        self.path = questions(home / "sums.jsonl")
        self.task = get_task("local", path=self.path, grader="numeric")
        self.fleet = fleet("http://stub.invalid/v1")
        cost = CostModel(self.fleet, self.task.profile, "units", roles=self.roles)
        self.space = Space.build(cost, Amount.parse("20 units"), slots=5, sinks=SPACE["sinks"])
        self.graphs = Distribution(self.space)


def one(number: int, world: _World, *, only: str | None = None) -> Seen:
    """Run number `number`."""
    rng = random.Random(number)
    kind = only or rng.choices(list(KINDS), list(KINDS.values()))[0]
    with tempfile.TemporaryDirectory(dir=world.home) as folder:
        run = {"engine": _in_process, "http": _over_http, "search": _search}[kind]
        return run(number, rng, world, Path(folder))


# -- graphs on questions ---------------------------------------------------------------------------


def _in_process(number: int, rng: random.Random, world: _World, folder: Path) -> Seen:
    share = rng.choice([0.0, 0.1, 0.3])

    def script(call: Call) -> Reply:
        asked = {"seed": call.seed, "model": call.model, "text": call.messages[-1].content}
        most = call.sampling.max_tokens or 0
        used = int((most + 1) * luck(asked, "words"))
        text = f"Answer: {call.seed % 300}" if used else ""
        heard = sum(len(message.content.split()) for message in call.messages)
        outcome = Outcome.ANSWERED if used else Outcome.EMPTY
        return Reply(text, Usage(heard, used, 1), outcome)

    inner = ScriptedEngine(script, latency=lambda call: 1e-6 * (call.seed % 999))
    rates = dict.fromkeys(ENGINE_FAULTS, share / len(ENGINE_FAULTS))
    engine = FaultyEngine(inner, rates, seed=number)

    async def main() -> Seen:
        seen, _ = await _run(number, rng, world, engine, folder)
        return replace(seen, kind="engine", in_flight=inner.most_in_flight)

    return run_virtual(main())


def _over_http(number: int, rng: random.Random, world: _World, folder: Path) -> Seen:
    async def main() -> Seen:
        async with _server(number, rng) as server:
            engine = HttpEngine(server.base_url, timeout_s=20.0)
            try:
                seen, tokens = await _run(number, rng, world, engine, folder)
            finally:
                await engine.aclose()
            return replace(seen, kind="http", **_missing(server, tokens))

    return run_virtual(main())


def _server(number: int, rng: random.Random) -> StubServer:
    share = rng.choice([0.0, 0.1, 0.3])
    rates = dict.fromkeys(SERVER_FAULTS, share / len(SERVER_FAULTS))
    return StubServer(of_any_length, rates=rates, seed=number, latency_s=0.002)


def _missing(server: StubServer, booked: int) -> dict[str, int]:
    used, lost = server.served.usage, server.served.lost_usage
    parts = (used.prompt_tokens, used.completion_tokens, lost.prompt_tokens, lost.completion_tokens)
    counted = sum(part or 0 for part in parts)
    return {"missing": max(0, counted - booked), "in_flight": server.served.most_in_flight}


async def _run(
    number: int, rng: random.Random, world: _World, engine: Any, folder: Path
) -> tuple[Seen, int]:
    """Graphs on questions, all at once, until the budget is spent."""
    draw = np.random.default_rng(number)
    graphs = [trace.graph for trace in world.graphs.sample_many(draw, rng.randint(1, 4))]
    items = world.task.splits["search"][: rng.randint(4, 40)]
    with Store.open(folder) as store:

        def make(ledger: Ledger) -> Executor:
            return Executor(
                dict.fromkeys(world.fleet.names, engine),
                world.roles,
                world.fleet,
                store,
                ledger,
                seed=number,
                profile=world.task.profile,
                grader=world.task.grader,
                concurrency=STREAMS,
                policy=POLICY,
            )

        worst = Spend.total(make(Ledger()).worst_case(g, i) for g in graphs for i in items)
        budgets = _budgets(rng, worst)
        ledger = Ledger(budgets)
        runner = make(ledger)
        runs = await asyncio.gather(
            *(runner.run(graph, items, stream="search", account="search") for graph in graphs)
        )
        stopped = any(run.outcome is Outcome.BUDGET_STOPPED for found in runs for run in found)
        seen = _seen(number, budgets, store, ledger, stopped=stopped)
        return seen, int(ledger.spent("tokens"))


def _budgets(rng: random.Random, worst: Spend) -> tuple[Amount, ...]:
    """One budget or two, from a sliver of the worst case to more than all of it."""
    names = rng.sample(CURRENCIES, rng.choice([1, 1, 1, 2]))
    return tuple(_part(worst, name, 10 ** rng.uniform(-2.3, 0.2)) for name in names)


def _part(worst: Spend, currency: str, share: float) -> Amount:
    whole = worst.get(currency)
    assert whole is not None, f"{currency} is unknown"
    value = Decimal(whole) * Decimal(str(share))
    return Amount(value if currency in {"usd", "seconds"} else Decimal(int(value)), currency)


def _seen(
    number: int, budgets: tuple[Amount, ...], store: Store, ledger: Ledger, *, stopped: bool
) -> Seen:
    totals = store.totals()
    on_disk = Ledger()
    on_disk.restore(totals)
    shares = [Decimal(on_disk.spent(b.currency)) / b.exact for b in budgets if b.exact]
    return Seen(
        number,
        "",
        budgets,
        float(max(shares, default=Decimal(0))),
        stopped,
        calls=int(on_disk.spent("calls")),
        unsettled=ledger.open_reservations,
        disagree=ledger.booked() != totals,
    )


# -- whole searches --------------------------------------------------------------------------------


def _search(number: int, rng: random.Random, world: _World, folder: Path) -> Seen:
    """A whole search; the study says itself when a budget covers nothing."""
    whole = Spend.of({"usd": 0.02, "tokens": 150_000, "flops": 10**15, "seconds": 900})
    budgets = _budgets(rng, whole)
    settings = SETTINGS.model_copy(
        update={
            "rounds": 2,
            "per_round": 3,
            "blocks": (4, 8),
            "selection_items": 8,
            "test_items": 10,
            "length_items": 2 * (number % 2),  # every other one measures lengths first
        }
    )

    async def main() -> Seen:
        from graphsearch.api import begin
        from graphsearch.spec.arguments import spec_of

        async with _server(number, rng) as server:
            engine = HttpEngine(server.base_url, timeout_s=20.0)
            try:
                asked = {
                    "task": world.path,
                    "task_options": {"grader": "numeric"},
                    "fleet": world.fleet,
                    "graph_budget": "8 units",
                    "search_budget": list(budgets),
                    "space": SPACE,
                    "prompt_set": world.prompts,
                    "searcher": rng.choice(["random", "reinforce"]),
                    "agent": None,
                    "settings": settings,
                    "seed": number,
                    "engines": dict.fromkeys(world.fleet.names, engine),
                }
                study = begin(spec_of(asked), folder)
            except BudgetRefused:
                return Seen(number, "search", budgets, 0.0, stopped=True, calls=0)
            async with study:
                stopped = await _ended(study.run)
                with Store.open(folder, read_only=True) as store:
                    seen = _seen(number, budgets, store, study.ledger, stopped=stopped)
                tokens = int(study.ledger.spent("tokens"))
            return replace(seen, kind="search", **_missing(server, tokens))

    return run_virtual(main())


async def _ended(run: Callable[[], Any]) -> bool:
    """Run a study to its end, whatever that is; whether a budget ended it."""
    try:
        result = await run()
    except (BudgetReached, BudgetRefused):
        return True
    except StudyStopped:
        return False  # three attempts were not enough for the faults drawn
    return bool(result.stopped_by["rule"] == "budget")


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--first", type=int, default=0, help="number of the first run")
    parser.add_argument("--only", choices=tuple(KINDS), help="one kind of run")
    given = parser.parse_args()
    json.dump(measure(given.runs, first=given.first, only=given.only), sys.stdout, indent=2)


if __name__ == "__main__":
    main()
