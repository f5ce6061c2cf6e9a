"""Throughput on a real vLLM server: the whole executor beside a bare client.

A server of the embedded fleet's `xs` is started by our own launcher with the Python that
`GRAPHSEARCH_VLLM_PYTHON` names (or the one at `GRAPHSEARCH_VLLM_URL` is asked); 64 calls are in
flight. Plain aiohttp and the executor, journal and ledger on, take turns with questions of the
puzzle's kind, new ones in every round for both, so that a cache of prompts helps neither.
Rates are the server's more than the client's: here both share the cores with it.

    python -m benchmarks.vllm [--calls 320] [--rounds 16]
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.executor import Length
from graphsearch.agents.roles import get_roles
from graphsearch.cost import Amount
from graphsearch.engines.http import HttpEngine
from graphsearch.engines.vllm import Servers
from graphsearch.execution import Executor
from graphsearch.fleet import Fleet, ModelSpec
from graphsearch.graph import CollaborationGraph
from graphsearch.ledger import Ledger
from graphsearch.roles import NodeContext, SpeakingRole
from graphsearch.store import Store
from graphsearch.tasks import Item, TokenProfile

STREAMS = 64
CALLS = 320
ROUNDS = 16
MODEL = "xs"
MAX_TOKENS = 24
ROOT = Path(__file__).resolve().parent.parent


def measure(calls: int = CALLS, rounds: int = ROUNDS) -> dict[str, Any]:
    """Answers a second of both, and their ratio; nothing where there is no vLLM."""
    if not (os.environ.get("GRAPHSEARCH_VLLM_URL") or os.environ.get("GRAPHSEARCH_VLLM_PYTHON")):
        return {"rate_to_bare": None}
    pool = questions(2 * calls * (rounds + 1))
    parts = [pool[at : at + calls] for at in range(0, len(pool), calls)]
    seen: list[tuple[float, float]] = []
    with served() as (url, name):
        for number in range(rounds + 1):
            print(f"  round {number} of {rounds}", file=sys.stderr, flush=True)
            turns = [(_bare, parts[2 * number]), (_executor, parts[2 * number + 1])]
            order = turns if number % 2 else turns[::-1]
            rates = {ask: asyncio.run(ask(url, name, asked)) for ask, asked in order}
            seen.append((rates[_bare], rates[_executor]))
    seen = seen[1:]  # the first one warms the server up
    # Over all rounds: the time of each round is its answers over its rate.
    bare, ours = (len(seen) / sum(1 / pair[place] for pair in seen) for place in (0, 1))
    return {
        "streams": STREAMS,
        "calls": calls,
        "rounds": rounds,
        "bare_per_s": round(bare, 1),
        "executor_per_s": round(ours, 1),
        "rate_to_bare": round(ours / bare, 3),
        "rate_to_bare_median": round(statistics.median(o / b for b, o in seen), 3),
        "rates_to_bare": [round(o / b, 3) for b, o in seen],
    }


def questions(count: int) -> list[Item]:
    """Four numbers of the puzzle in any order, whether or not they can be solved."""
    draw = random.Random(0)
    numbers = range(1, 14)
    return [
        Item(f"i{n}", f"P {' '.join(map(str, draw.choices(numbers, k=4)))} > 36", "36")
        for n in range(count)
    ]


@contextmanager
def served() -> Iterator[tuple[str, str]]:
    """A server's base URL and its name of the model."""
    url = os.environ.get("GRAPHSEARCH_VLLM_URL")
    if url:
        with urllib.request.urlopen(f"{url.rstrip('/')}/models", timeout=30) as found:
            yield url, str(json.loads(found.read())["data"][0]["id"])
        return
    path = ROOT / "configs" / "fleets" / "vllm-cpu.yaml"
    spec = Fleet.load(path).model(MODEL)
    assert spec.serve is not None
    assert spec.endpoint is not None
    serve = replace(spec.serve, python=None)  # the one of the environment variable
    fleet = Fleet("bench", (replace(spec, serve=serve),), MODEL)
    with Servers(fleet, say=lambda text: print(f"  {text}", file=sys.stderr, flush=True)):
        yield spec.endpoint, MODEL


def _roles() -> Any:
    return get_roles("embedded", max_tokens=MAX_TOKENS)


async def _bare(url: str, name: str, asked: Sequence[Item]) -> float:
    """Answers a second of plain aiohttp."""
    import aiohttp

    role = _roles()["assistant"]
    assert isinstance(role, SpeakingRole)
    context = NodeContext(0, is_sink=True)
    sampling = role.sampling(context)
    prompts = [role.prompt(item, (), context) for item in asked]
    queue = iter(prompts)

    async def work(session: aiohttp.ClientSession) -> None:
        for messages in queue:
            body = {
                "model": name,
                "messages": [{"role": m.role, "content": m.content} for m in messages],
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "seed": 0,
                "max_tokens": sampling.max_tokens,
            }
            address = f"{url}/chat/completions"
            async with session.post(address, json=body) as response:
                found = json.loads(await response.read())
            assert found["usage"]["completion_tokens"] > 0

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        begun = time.perf_counter()
        await asyncio.gather(*(work(session) for _ in range(STREAMS)))
        return len(asked) / (time.perf_counter() - begun)


async def _executor(url: str, name: str, asked: Sequence[Item]) -> float:
    """Answers a second of the executor."""
    spec = ModelSpec("m", 45_984, 3, 64, endpoint=url, served_name=name)
    engine = HttpEngine(url, {"m": name})
    with tempfile.TemporaryDirectory() as folder, Store.open(folder) as store:
        executor = Executor(
            {"m": engine},
            _roles(),
            Fleet("bench", (spec,), "m"),
            store,
            Ledger([Amount(Decimal(10**12), "tokens")]),
            seed=0,
            profile=TokenProfile(12, 18),
            grader=Length(),
            concurrency=STREAMS,
        )
        try:
            begun = time.perf_counter()
            graph = CollaborationGraph.single("m")
            runs = await executor.run(graph, asked, stream="search", account="search")
            seconds = time.perf_counter() - begun
        finally:
            await engine.aclose()
    assert all(run.verdict is not None for run in runs), runs[0].error
    return len(asked) / seconds


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    json.dump(measure(given.calls, given.rounds), sys.stdout, indent=2)


if __name__ == "__main__":
    main()
