"""What a call over HTTP costs: executor, journal and ledger on, beside plain aiohttp.

A stub server in a process of its own answers after 20 ms; 64 calls are in flight. Clients take
turns, so that whatever else the machine does falls on all of them alike: plain aiohttp (writes
the same JSON from messages that are ready, reads the reply and its usage), the engine alone, the
whole executor, which renders the prompts too, and, in processes of another environment whose Python
`GRAPHSEARCH_PEERS_PYTHON` names, the openai client and LiteLLM alone. CPU is that of the client's
process, all threads, in the best round; rates and ratios are medians over rounds.

    python -m benchmarks.http [--calls 4000] [--rounds 5]
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.executor import Length
from graphsearch.agents.roles import get_roles
from graphsearch.cost import Amount
from graphsearch.engines.http import HttpEngine
from graphsearch.execution import Executor
from graphsearch.graph import CollaborationGraph
from graphsearch.ledger import Ledger
from graphsearch.records.calls import Call, Message, Sampling
from graphsearch.records.models import Fleet, ModelSpec
from graphsearch.records.roles import NodeContext, SpeakingRole
from graphsearch.records.tasks import Item, TokenProfile
from graphsearch.store import Store

STREAMS = 64
LATENCY = 0.02
CALLS = 4000
ROUNDS = 5
WARM = 256
ROOT = Path(__file__).resolve().parent.parent
PEERS = "GRAPHSEARCH_PEERS_PYTHON"
OTHERS = ("openai", "litellm")

Rounds = Sequence[Mapping[str, Mapping[str, Any] | None]]
Ask = Callable[[Item], Awaitable[None]]


@contextmanager
def stub(latency: float) -> Iterator[str]:
    """A stub server in a process of its own: its base URL."""
    command = [sys.executable, "-m", "graphsearch.testing.stub", "--latency", str(latency)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["base_url"]
        process.communicate()


def items(count: int, first: int) -> list[Item]:
    """Questions of about thirty words, all different."""
    words = " ".join(f"word{n}" for n in range(25))
    return [
        Item(f"i{n}", f"question {n} of many: {words} ?", "1") for n in range(first, first + count)
    ]


def _asked(count: int) -> tuple[list[Item], list[Item]]:
    """Items to warm up on, and items to be timed on."""
    return items(WARM, 10**6), items(count, 0)


def _roles() -> Any:
    return get_roles("chat", max_tokens=64)


def _prompts(asked: list[Item]) -> dict[str, tuple[Message, ...]]:
    """What the role says to each item."""
    role = _roles()["assistant"]
    assert isinstance(role, SpeakingRole)
    return {item.id: role.prompt(item, (), NodeContext(0, is_sink=True)) for item in asked}


async def _streams(ask: Ask, asked: list[Item]) -> None:
    """Ask about all items, so many at a time."""
    queue = iter(asked)

    async def work() -> None:
        for item in queue:
            await ask(item)

    await asyncio.gather(*(work() for _ in range(STREAMS)))


async def _timed(run: Callable[[list[Item]], Awaitable[None]], count: int) -> dict[str, float]:
    warm, asked = _asked(count)
    await run(warm)
    wall, cpu = time.perf_counter(), time.process_time()
    await run(asked)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu_ms": 1000 * cpu / count, "calls_per_s": count / wall}


async def _plain(url: str, count: int) -> dict[str, float]:
    import aiohttp

    warm, asked = _asked(count)
    prompts = _prompts([*warm, *asked])
    headers = {"Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def ask(item: Item) -> None:
            body = {
                "model": "m",
                "messages": [{"role": m.role, "content": m.content} for m in prompts[item.id]],
                "temperature": 0.0,
                "top_p": 1.0,
                "seed": 0,
                "max_tokens": 64,
            }
            data = json.dumps(body).encode()
            async with session.post(f"{url}/chat/completions", data=data) as response:
                found = json.loads(await response.read())
            assert found["choices"][0]["message"]["content"]
            assert found["usage"]["completion_tokens"] > 0

        return await _timed(lambda asked: _streams(ask, asked), count)


async def _engine(url: str, count: int) -> dict[str, float]:
    warm, asked = _asked(count)
    prompts = _prompts([*warm, *asked])
    engine = HttpEngine(url)

    async def ask(item: Item) -> None:
        call = Call("m", prompts[item.id], Sampling(0.0, max_tokens=64))
        assert (await engine.generate(call)).text

    try:
        return await _timed(lambda asked: _streams(ask, asked), count)
    finally:
        await engine.aclose()


async def _executor(url: str, count: int) -> dict[str, float]:
    engine, graph = HttpEngine(url), CollaborationGraph.single("m")
    fleet = Fleet("bench", (ModelSpec("m", 10**9, 16, 2048, endpoint=url),), "m")
    ledger = Ledger([Amount(Decimal(10**12), "tokens")])
    with tempfile.TemporaryDirectory() as folder, Store.open(folder) as store:
        executor = Executor(
            {"m": engine},
            _roles(),
            fleet,
            store,
            ledger,
            seed=0,
            profile=TokenProfile(60, 8),
            grader=Length(),
            concurrency=STREAMS,
        )

        async def run(asked: list[Item]) -> None:
            runs = await executor.run(graph, asked, stream="search", account="search")
            assert all(run.verdict is not None for run in runs)

        try:
            return await _timed(run, count)
        finally:
            await engine.aclose()


CLIENTS: dict[str, Callable[[str, int], Any]] = {
    "aiohttp": _plain,
    "engine": _engine,
    "executor": _executor,
}


def _peer(name: str, url: str, count: int) -> dict[str, Any] | None:
    """Another client in a process of its own; None where its environment is absent."""
    python = os.environ.get(PEERS)
    if not python:
        return None
    warm, asked = _asked(count)
    prompts = _prompts([*warm, *asked])
    given = {
        "url": url,
        "warm": len(warm),
        "streams": STREAMS,
        "prompts": [
            [{"role": m.role, "content": m.content} for m in prompts[item.id]]
            for item in [*warm, *asked]
        ],
    }
    command = [python, "-m", "benchmarks._peers", name]
    done = subprocess.run(
        command, input=json.dumps(given), stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def measure(calls: int = CALLS, rounds: int = ROUNDS) -> dict[str, Any]:
    """CPU a call and calls a second of each client, and their ratios to one another."""
    seen: list[dict[str, dict[str, Any] | None]] = []
    with stub(LATENCY) as url:
        for number in range(rounds):
            print(f"  round {number + 1} of {rounds}", file=sys.stderr, flush=True)
            ours = {name: asyncio.run(run(url, calls)) for name, run in CLIENTS.items()}
            seen.append({**ours, **{name: _peer(name, url, calls // 4) for name in OTHERS}})
    found: dict[str, Any] = {"streams": STREAMS, "latency_ms": 1000 * LATENCY, "calls": calls}
    for name in (*CLIENTS, *OTHERS):
        found[name] = _figures(seen, name)
    for name in OTHERS:
        found["executor"][f"cpu_to_{name}"] = _ratio(seen, "executor", name, "cpu_ms")
    return found


def _figures(seen: Rounds, name: str) -> dict[str, Any] | None:
    """The figures of one client."""
    told = [found for r in seen if (found := r[name]) is not None]
    if not told:
        return None
    cpu = [found["cpu_ms"] for found in told]
    version = {"version": told[0]["version"]} if "version" in told[0] else {}
    return {
        "cpu_ms_per_call": round(min(cpu), 4),
        "cpu_ms_median": round(statistics.median(cpu), 4),
        "calls_per_s": round(statistics.median(found["calls_per_s"] for found in told)),
        "rate_to_aiohttp": _ratio(seen, name, "aiohttp", "calls_per_s"),
        "cpu_to_aiohttp": _ratio(seen, name, "aiohttp", "cpu_ms"),
        **version,
    }


def _ratio(seen: Rounds, name: str, other: str, figure: str) -> float | None:
    """A client's figure to another's in the same round, the median of all rounds."""
    pairs = [(r[name], r[other]) for r in seen]
    found = [a[figure] / b[figure] for a, b in pairs if a is not None and b is not None]
    return round(statistics.median(found), 3) if found else None


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    json.dump(measure(given.calls, given.rounds), sys.stdout, indent=2)


if __name__ == "__main__":
    main()
