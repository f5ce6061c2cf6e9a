"""Kill a search with SIGKILL again and again: does it end the same, and is anything paid twice?

A small search on the embedded fleet runs once undisturbed. Then it is started and killed at a
random moment (between any two calls that reach the disk, or after the last), over and over: some
searches are killed once, some several times in a row before they may end. Each must end with the
very same `result.json`, and may make only the calls that were not on disk when it went on.
"""

import json
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks._runs import end, keys_in, start

KILLS = 50
SIDE_BY_SIDE = 2
MOST_IN_A_ROW = 4
CONFIG = {
    "schema_version": 1,
    "task": {"name": "puzzle", "options": {"search": 40, "selection": 30, "test": 40}},
    "fleet": "embedded",
    "space": {"slots": 4, "models": ["nano", "xs"], "sinks": ["assistant", "vote", "select"]},
    "graph_budget": "8 units",
    "search_budget": "20000 units",
    "searcher": "agent-reinforce",
    "agent": "rules",
    "evaluation": {
        "per_round": 4,
        "blocks": [6, 12],
        "rounds": 4,
        "search_items": 36,
        "finalists": 3,
        "selection_items": 20,
        "test_items": 30,
        "test_block": 10,
    },
    "seed": 7,
}


def measure(kills: int = KILLS) -> dict[str, Any]:
    """Kill `kills` times; returns what was seen."""
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        config = home / "config.yaml"
        config.write_text(json.dumps(CONFIG), encoding="utf-8")  # JSON is YAML
        begun = time.monotonic()
        end(config, home / "undisturbed")
        seconds = time.monotonic() - begun
        expected = (home / "undisturbed" / "result.json").read_bytes()
        seen = _Seen(calls=len(keys_in(home / "undisturbed")))

        def kill(run: Path) -> None:
            """Until there were enough kills; two of these run side by side."""
            while (left := kills - seen.kills) > 0:
                _torture(config, run, rng, min(rng.randint(1, MOST_IN_A_ROW), left), seen)
                differs = (run / "result.json").read_bytes() != expected
                seen.searches += 1
                seen.different += differs
                shutil.rmtree(run)
                print(f"  {seen.kills} of {kills} kills", file=sys.stderr, flush=True)

        with ThreadPoolExecutor() as pool:
            for _ in pool.map(kill, [home / f"run-{number}" for number in range(SIDE_BY_SIDE)]):
                pass
    return seen.report(seconds)


class _Seen:
    """Counts of the whole run."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.kills = self.searches = self.different = self.repeated = 0
        self.moments: list[int] = []

    def report(self, seconds: float) -> dict[str, Any]:
        return {
            "kills": self.kills,
            "searches": self.searches,
            "results_that_differ": self.different,
            "calls_on_disk_made_again": self.repeated,
            "calls_of_a_search": self.calls,
            "calls_on_disk_at_the_kills": sorted(self.moments),
            "seconds_undisturbed": round(seconds, 2),
        }


def _torture(config: Path, run: Path, rng: random.Random, kills: int, seen: _Seen) -> None:
    """Start, kill and go on `kills` times, then let it end."""
    for _ in range(kills):
        target = rng.randint(_count(run), seen.calls)
        process = start(config, run)
        while process.poll() is None and _count(run) < target:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.1))
        process.kill()  # does nothing where it has ended by itself
        if process.wait() == -signal.SIGKILL:
            seen.kills += 1
            seen.moments.append(_count(run))
    before = keys_in(run)
    end(config, run)
    made = json.loads((run / "timing.json").read_text(encoding="utf-8"))["calls"]["made"]
    again = made - len(keys_in(run) - before)
    seen.repeated += again


def _count(run: Path) -> int:
    """Calls on disk, counted while another process writes."""
    try:
        with closing(sqlite3.connect(f"file:{run / 'study.db'}?mode=ro", uri=True)) as database:
            return int(database.execute("select count(*) from calls").fetchone()[0])
    except sqlite3.OperationalError:
        return 0  # not there yet


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else KILLS), indent=2))
