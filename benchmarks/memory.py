"""Memory over 100,000 calls through executor and engine `http`, journal and ledger on.

A process of its own asks a stub server about ever new questions, 64 at a time, and writes down its
resident memory every few thousand calls. What may grow with the calls: their keys in the journal
(about 100 bytes each, so 10 MB in all), and until they are full the memories that are bounded:
recent replies (about 16 MB), prompts and worst cases of items.

    python -m benchmarks.memory [--calls 100000]
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks._world import serving
from benchmarks.executor import Length
from benchmarks.http import STREAMS, items
from graphsearch.agents.roles import get_roles
from graphsearch.cost import Amount
from graphsearch.engines.http import HttpEngine
from graphsearch.execution import Executor
from graphsearch.graph import CollaborationGraph
from graphsearch.ledger import Ledger
from graphsearch.records.models import Fleet, ModelSpec
from graphsearch.records.tasks import TokenProfile
from graphsearch.store import Store

CALLS = 100_000
FROM = 10_000
STEP = 2_500
ROOT = Path(__file__).resolve().parent.parent


def measure(calls: int = CALLS) -> dict[str, Any]:
    """Resident memory as calls go by, in a process that does nothing else."""
    command = [sys.executable, "-m", "benchmarks.memory", "--here", "--calls", str(calls)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def here(calls: int) -> dict[str, Any]:
    """The same in this process."""
    begun, cpu = time.perf_counter(), time.process_time()
    with serving() as server:
        series = asyncio.run(_ask(server.url, calls))
        served = server.served()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - begun
    first = next((mb for count, mb in series if count >= FROM), series[0][1])
    return {
        "calls": served["replies"],
        "rss_mb_by_calls": {str(count): mb for count, mb in series},
        "grown_mb": round(series[-1][1] - first, 1),
        "grown_since_calls": FROM,
        "most_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "cpu_ms_per_call": round(1000 * cpu / calls, 4),
        "seconds": round(wall, 1),
    }


async def _ask(url: str, calls: int) -> list[tuple[int, float]]:
    engine, graph = HttpEngine(url), CollaborationGraph.single("m")
    fleet = Fleet("bench", (ModelSpec("m", 10**9, 16, 2048, endpoint=url),), "m")
    series: list[tuple[int, float]] = []
    with tempfile.TemporaryDirectory() as folder, Store.open(folder) as store:
        executor = Executor(
            {"m": engine},
            get_roles("chat", max_tokens=64),
            fleet,
            store,
            Ledger([Amount(Decimal(10**12), "tokens")]),
            seed=0,
            profile=TokenProfile(60, 8),
            grader=Length(),
            concurrency=STREAMS,
        )
        for done in range(0, calls, STEP):
            asked = items(min(STEP, calls - done), done)
            runs = await executor.run(graph, asked, stream="search", account="search")
            assert all(run.verdict is not None for run in runs)
            del asked, runs
            series.append((min(done + STEP, calls), _resident()))
        await engine.aclose()
    return series


def _resident() -> float:
    """Resident memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--here", action="store_true", help="in this very process")
    given = parser.parse_args()
    json.dump((here if given.here else measure)(given.calls), sys.stdout, indent=2)


if __name__ == "__main__":
    main()
