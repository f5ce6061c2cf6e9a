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
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.executor import Length
from graphsearch.agents.roles import get_roles
from graphsearch.cost import Amount
from graphsearch.engines.http import HttpEngine
from graphsearch.engines.vllm import Servers
from graphsearch.execution import Executor
from graphsearch.graph import CollaborationGraph
from graphsearch.ledger import Ledger
from graphsearch.records.models import Fleet, ModelSpec
from graphsearch.records.roles import NodeContext, SpeakingRole
from graphsearch.records.tasks import Item, TokenProfile
from graphsearch.store import Store

if TYPE_CHECKING:
    from aiohttp import ClientSession

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
    with served() as (url, name):
        seen = asyncio.run(_turns(url, name, parts))
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
    assert spec.endpoint is not None
    serve = dict(spec.options["serve"])
    del serve["python"]  # the one of the environment variable
    fleet = Fleet("bench", (replace(spec, options={"serve": serve}),), MODEL)
    with Servers(fleet, say=lambda text: print(f"  {text}", file=sys.stderr, flush=True)):
        yield spec.endpoint, MODEL


def _roles() -> Any:
    return get_roles("embedded", max_tokens=MAX_TOKENS)


async def _turns(url: str, name: str, parts: Sequence[Sequence[Item]]) -> list[tuple[float, float]]:
    """Answers a second of both, round by round.

    Both keep their connections, and the executor what it has learned of the server, as in a search
    that lasts.
    """
    import aiohttp

    seen: list[tuple[float, float]] = []
    # uvicorn closes what was idle for 5 s.
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=3)
    async with aiohttp.ClientSession(connector=connector) as session:
        with _executor(url, name) as executor:
            for number in range(0, len(parts), 2):
                print(f"  round {number // 2}", file=sys.stderr, flush=True)
                bare = partial(_bare, session, url, name, parts[number])
                ours = partial(_ours, executor, parts[number + 1])
                if number % 4:
                    first = await bare()
                    seen.append((first, await ours()))
                else:
                    first = await ours()
                    seen.append((await bare(), first))
    return seen


async def _bare(session: "ClientSession", url: str, name: str, asked: Sequence[Item]) -> float:
    """Answers a second of plain aiohttp."""
    role = _roles()["assistant"]
    assert isinstance(role, SpeakingRole)
    context = NodeContext(0, is_sink=True)
    sampling = role.sampling(context)
    queue = iter([role.prompt(item, (), context) for item in asked])

    async def work() -> None:
        for messages in queue:
            body = {
                "model": name,
                "messages": [{"role": m.role, "content": m.content} for m in messages],
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "seed": 0,
                "max_tokens": sampling.max_tokens,
            }
            found = json.loads(await _post(session, f"{url}/chat/completions", body))
            assert found["usage"]["completion_tokens"] > 0

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(STREAMS)))
    return len(asked) / (time.perf_counter() - begun)


async def _post(session: "ClientSession", url: str, body: dict[str, Any]) -> bytes:
    """The reply's bytes; asked again where the server closes a connection it was idle on."""
    from aiohttp import ServerDisconnectedError

    while True:
        try:
            async with session.post(url, json=body) as response:
                return await response.read()
        except ServerDisconnectedError:
            print("  a connection was closed by the server", file=sys.stderr, flush=True)


@contextmanager
def _executor(url: str, name: str) -> Iterator[Executor]:
    spec = ModelSpec("m", 45_984, 3, 64, endpoint=url, served_name=name)
    with tempfile.TemporaryDirectory() as folder, Store.open(folder) as store:
        yield Executor(
            {"m": HttpEngine(url, {"m": name})},
            _roles(),
            Fleet("bench", (spec,), "m"),
            store,
            Ledger([Amount(Decimal(10**12), "tokens")]),
            seed=0,
            profile=TokenProfile(12, 18),
            grader=Length(),
            concurrency=STREAMS,
        )


async def _ours(executor: Executor, asked: Sequence[Item]) -> float:
    """Answers a second of the executor."""
    begun = time.perf_counter()
    graph = CollaborationGraph.single("m")
    runs = await executor.run(graph, asked, stream="search", account="search")
    seconds = time.perf_counter() - begun
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
