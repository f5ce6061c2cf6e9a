"""A small world to search in: sums, two models behind one server, the same answers in every run.

What the server says follows from the request alone, so equal searches get equal answers, in
whatever order their calls arrive and however often the server has failed before.
"""

import asyncio
import hashlib
import json
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from graphsearch.agents.roles.prompts import PROMPTS
from graphsearch.records.models import Fleet, ModelSpec
from graphsearch.spec import Evaluation
from graphsearch.testing.stub import StubReply, StubServer

MAX_TOKENS = 48
SKILL = {"small": 0.35, "large": 0.6}
SETTINGS = Evaluation(
    per_round=4,
    blocks=(6, 12),
    rounds=4,
    search_items=36,
    finalists=3,
    selection_items=20,
    test_items=30,
    test_block=10,
    min_test_items=10,
)
SPACE = {"slots": 4, "roles": ["assistant", "fuser"], "sinks": ["assistant", "fuser", "vote"]}


def fleet(url: str) -> Fleet:
    """Two models at one server, with prices and rates that are made up."""
    small = ModelSpec(
        "small",
        10**9,
        16,
        2048,
        input_price=Decimal("0.05"),
        output_price=Decimal("0.1"),
        prefill_rate=20_000.0,
        decode_rate=150.0,
        overhead_s=0.01,
        endpoint=url,
    )
    large = ModelSpec(
        "large",
        3 * 10**9,
        28,
        3072,
        input_price=Decimal("0.2"),
        output_price=Decimal("0.4"),
        prefill_rate=8_000.0,
        decode_rate=60.0,
        overhead_s=0.01,
        endpoint=url,
    )
    return Fleet("world", (small, large), "small")


def questions(path: Path, count: int = 150) -> Path:
    """Write sums with their answers, one a line."""
    rows = ({"question": f"What is {n} + {n + 7} ?", "answer": 2 * n + 7} for n in range(count))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def prompt_set(folder: Path, max_tokens: int = MAX_TOKENS) -> Path:
    """The chat prompts, with replies of at most so many tokens."""
    folder.mkdir(parents=True)
    for file in (PROMPTS / "chat").iterdir():
        text = file.read_text(encoding="utf-8")
        text = text.replace("max_tokens: 1024", f"max_tokens: {max_tokens}")
        (folder / file.name).write_text(text, encoding="utf-8")
    return folder


# -- what the server says --------------------------------------------------------------------------


def answer(asked: Mapping[str, Any]) -> str:
    """Right with the model's skill; a reader that sees the right answer mostly keeps it."""
    prompt = str(asked["messages"][-1]["content"])
    found = re.search(r"What is (\d+) \+ (\d+)", prompt)
    gold = int(found[1]) + int(found[2]) if found else 0
    skill = SKILL.get(str(asked["model"]), 0.5)
    if re.search(rf"Answer: {gold}\b", prompt):
        skill = 0.5 + 0.5 * skill
    draw, length = luck(asked, "right"), luck(asked, "length")
    thoughts = "so " * int(30 * length)
    return f"{thoughts}Answer: {gold if draw < skill else int(10_000 * draw)}"


def faltering(asked: Mapping[str, Any]) -> str | StubReply:
    """The same, but now and then nothing at all, or more than may be said."""
    draw = luck(asked, "falter")
    if draw < 0.05:
        return StubReply("")
    return "so " * 2000 if draw < 0.1 else answer(asked)


def of_any_length(asked: Mapping[str, Any]) -> str | StubReply:
    """From no token to as many as are asked for, all as likely; the answer comes last."""
    most = int(asked["max_tokens"])
    words = int((most + 1) * luck(asked, "words"))
    said = answer(asked).split()[-2:] if words > 1 else ["hm"]
    return StubReply(" ".join(["so"] * (words - len(said)) + said if words else []))


def luck(asked: Mapping[str, Any], what: str) -> float:
    """A number in [0, 1) that follows from the request and from what it is drawn for."""
    text = what + json.dumps(asked, sort_keys=True)
    found = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return (int.from_bytes(found, "little") >> 11) * 2.0**-53


# -- the server ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Server:
    """A stub server in a process of its own."""

    url: str

    def served(self) -> dict[str, Any]:
        """What it has counted so far."""
        with urllib.request.urlopen(self.url.removesuffix("/v1") + "/served", timeout=30) as found:
            counts: dict[str, Any] = json.loads(found.read())
        return counts


@contextmanager
def serving(answers: str = "answer", **options: Any) -> Iterator[Server]:
    """A stub server that answers by a function of this module.

    Args:
        answers: the function's name.
        **options: of the stub's command line; mappings go as JSON.
    """
    command = [sys.executable, "-m", "graphsearch.testing.stub"]
    command += ["--answer", f"{__name__}:{answers}"]
    for name, value in options.items():
        text = json.dumps(value) if isinstance(value, Mapping) else str(value)
        command += [f"--{name.replace('_', '-')}", text]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield Server(json.loads(process.stdout.readline())["base_url"])
        finally:
            process.communicate()


@contextmanager
def serving_here(
    answers: Callable[[dict[str, Any]], str | StubReply] = answer, **options: Any
) -> Iterator[StubServer]:
    """A stub server in a thread of this process, whose books lie open.

    Args:
        answers: what it says.
        **options: of `StubServer`.
    """
    server, loop = StubServer(answers, **options), asyncio.new_event_loop()
    loop.run_until_complete(server.start())
    thread = threading.Thread(target=loop.run_forever, name="stub")
    thread.start()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
