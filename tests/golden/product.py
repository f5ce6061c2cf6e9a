"""The one place of the golden suite that imports the product: what a user of the package can call.

When a public name moves, only this file changes. Worlds and the recorder see mappings, files of the
run folder and the few objects a user makes for engines and tasks.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import graphsearch
from graphsearch.engines.faulty import FaultyEngine
from graphsearch.engines.scripted import ScriptedEngine
from graphsearch.evaluators.graders import get_grader
from graphsearch.graph import CollaborationGraph
from graphsearch.records.calls import Call, Outcome, Reply, Usage
from graphsearch.records.errors import Rejected, Unavailable
from graphsearch.records.tasks import Item, Task, TokenProfile, Verdict

__all__ = [
    "Call",
    "CollaborationGraph",
    "Counted",
    "FaultyEngine",
    "Item",
    "Outcome",
    "Rejected",
    "Reply",
    "ScriptedEngine",
    "StopHere",
    "Task",
    "TokenProfile",
    "Unavailable",
    "Usage",
    "Verdict",
    "command",
    "get_grader",
    "own_loop",
    "quote",
    "search",
]

ROOT = Path(__file__).resolve().parents[2]
Listener = Callable[[Any], None] | None


class StopHere(Exception):
    """Raised by a listener to end a search in the middle."""


class Counted:
    """An engine that tells of every call before it is made."""

    def __init__(self, inner: Any, on_call: Callable[[], None]) -> None:
        self.inner, self.on_call = inner, on_call
        self.info, self.count_tokens = inner.info, inner.count_tokens
        self.aclose = inner.aclose

    async def generate(self, call: Call) -> Reply:
        self.on_call()
        reply: Reply = await self.inner.generate(call)
        return reply


def search(arguments: Mapping[str, Any], folder: Path, listener: Listener = None) -> None:
    """One whole search, or the rest of one, in a run folder."""
    graphsearch.optimize(**arguments, out=folder, on_event=listener)


def quote(arguments: Mapping[str, Any]) -> Any:
    """The JSON of a quote for these arguments."""
    return graphsearch.quote(**arguments).to_json()


def own_loop(
    steps: Callable[[Any], Awaitable[None]],
    arguments: Mapping[str, Any],
    folder: Path,
    listener: Listener = None,
) -> None:
    """A loop of one's own: `steps` gets the open study and calls ask, evaluate, tell and finish."""

    async def loop() -> None:
        async with graphsearch.Study.create(**arguments, out=folder, on_event=listener) as study:
            await steps(study)

    asyncio.run(loop())


def command(*words: str | Path, at: Path) -> subprocess.CompletedProcess[str]:
    """A command of the package, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "graphsearch.cli", *map(str, words)],
        cwd=at,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
