"""Executor overhead: CPU a call with an engine that answers at once, journal and ledger on.

Best of several rounds, since CPU time too rises while other work shares the cores.
"""

import asyncio
import tempfile
import time
from decimal import Decimal
from typing import Any

from graphsearch.agents.roles import get_roles
from graphsearch.cost import Amount
from graphsearch.engines.scripted import ScriptedEngine
from graphsearch.execution import Executor
from graphsearch.graph import CollaborationGraph
from graphsearch.ledger import Ledger
from graphsearch.records.calls import Call, Outcome
from graphsearch.records.models import Fleet, ModelSpec
from graphsearch.records.tasks import Item, TokenProfile, Verdict
from graphsearch.store import Store

ITEMS = 400
ROUNDS = 3


class Length:
    """A grader that costs next to nothing."""

    name = "length"

    def parse(self, item: Item, text: str) -> str | None:
        return text.split()[-1] if text.split() else None

    def claims(self, item: Item, text: str) -> bool | None:
        return None

    def grade(self, item: Item, text: str) -> Verdict:
        return Verdict(1.0, Outcome.ANSWERED, self.parse(item, text))


def _fleet() -> Fleet:
    models = (
        ModelSpec("s", 150_000, 3, 64, engine="scripted"),
        ModelSpec("m", 350_000, 3, 96, engine="scripted"),
    )
    return Fleet("bench", models, "s")


def _answer(call: Call) -> str:
    return f"A 2 + 7 9 B 9 + {call.seed % 50} 18 C 18 + 1 19 19 ="


async def _run(graphs: list[CollaborationGraph], folder: str, count: int = ITEMS) -> dict[str, Any]:
    items = [Item(f"item-{i}", f"P 2 7 {i} 10 > 36", "36") for i in range(count)]
    engine = ScriptedEngine(_answer)
    ledger = Ledger([Amount(Decimal(10**9), "units")])
    with Store.open(folder) as store:
        executor = Executor(
            {"s": engine, "m": engine},
            get_roles("embedded"),
            _fleet(),
            store,
            ledger,
            seed=0,
            profile=TokenProfile(12, 18),
            grader=Length(),
            concurrency=64,
        )
        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(
            *(executor.run(graph, items, stream="search", account="search") for graph in graphs)
        )
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        traffic = executor.traffic
        return {
            "calls_made": traffic.made,
            "calls_asked": traffic.asked,
            "cpu_ms_per_call_made": round(1000 * cpu / traffic.made, 4) if traffic.made else None,
            "cpu_ms_per_call_asked": round(1000 * cpu / traffic.asked, 4),
            "calls_per_commit": round(traffic.made / max(store.commits, 1), 1),
            "wall_s": round(wall, 2),
        }


def measure() -> dict[str, Any]:
    """CPU a call: of one graph, of many that share calls, and of a run found in the journal."""
    fuse = CollaborationGraph.fan_in(["s"] * 4, "fuser", "m")
    shared = [CollaborationGraph.fan_in(["s"] * n, "fuser", "m") for n in range(2, 8)]
    single = [CollaborationGraph.single("s")]
    rounds: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(_run([fuse], f"{home}/warm", 20))  # imports and first connections
        for number in range(ROUNDS):
            folder = f"{home}/{number}"
            for name, graphs, store, items in (
                ("fan_in_4", [fuse], "a", ITEMS),
                ("found_in_journal", [fuse], "a", ITEMS),
                ("six_sharing", shared, "b", ITEMS),
                ("single", single, "c", 5 * ITEMS),
            ):
                seen = asyncio.run(_run(graphs, f"{folder}/{store}", items))
                rounds.setdefault(name, []).append(seen)
    return {name: min(seen, key=_cpu) for name, seen in rounds.items()}


def _cpu(seen: dict[str, Any]) -> float:
    return float(seen["cpu_ms_per_call_asked"])
