"""Other clients at the same server: `http` runs this with the Python of another environment.

    python -m benchmarks._peers openai|litellm  < {"url", "prompts", "warm", "streams"}

Each prompt is asked once, `streams` at a time; the first `warm` are not counted. One JSON object:
milliseconds of CPU a call (the whole process, all threads) and calls a second. Nothing of
graphsearch is imported: that environment need not have it.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any

__all__: list[str] = []

Ask = Callable[[list[dict[str, str]]], Awaitable[Any]]
SAMPLING: dict[str, Any] = {"temperature": 0.0, "top_p": 1.0, "seed": 0, "max_tokens": 64}


def _openai(url: str) -> Ask:
    from openai import AsyncOpenAI

    client = AsyncOpenAI(base_url=url, api_key="none", max_retries=0)

    async def ask(messages: list[dict[str, str]]) -> Any:
        return await client.chat.completions.create(model="m", messages=messages, **SAMPLING)

    return ask


def _litellm(url: str) -> Ask:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm

    litellm.telemetry = False
    litellm.suppress_debug_info = True

    async def ask(messages: list[dict[str, str]]) -> Any:
        return await litellm.acompletion(
            model="openai/m",
            api_base=url,
            api_key="none",
            messages=messages,
            num_retries=0,
            max_retries=0,
            **SAMPLING,
        )

    return ask


async def _all(ask: Ask, prompts: list[list[dict[str, str]]], streams: int) -> None:
    queue = iter(prompts)

    async def work() -> None:
        for messages in queue:
            reply = await ask(messages)
            assert reply.choices[0].message.content
            assert reply.usage.completion_tokens > 0

    await asyncio.gather(*(work() for _ in range(streams)))


async def _measure(ask: Ask, given: dict[str, Any]) -> dict[str, float]:
    prompts, warm, streams = given["prompts"], given["warm"], given["streams"]
    await _all(ask, prompts[:warm], streams)
    wall, cpu = time.perf_counter(), time.process_time()
    await _all(ask, prompts[warm:], streams)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    count = len(prompts) - warm
    return {"cpu_ms": 1000 * cpu / count, "calls_per_s": count / wall}


def main() -> None:
    """Read the task from standard input, write the figures to standard output."""
    given = json.load(sys.stdin)
    make = {"openai": _openai, "litellm": _litellm}[sys.argv[1]]
    seen = asyncio.run(_measure(make(given["url"]), given))
    sys.stdout.write("\n" + json.dumps({**seen, "version": version(sys.argv[1])}) + "\n")


if __name__ == "__main__":
    main()
