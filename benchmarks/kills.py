"""Kill searches over HTTP with SIGKILL: does each end the same, and what does its server see?

A small search against a stub server runs once undisturbed. Then it is started and killed at a
random moment, over and over, while the server lives on: some searches are killed once, some several
times before they may end. The server counts requests, each with its tokens, so it is the judge:

- the result must be the undisturbed one's, byte for byte;
- requests of a search <= requests of the undisturbed one + those in flight at its kills, which are
  the ones sent by the killed process that are not on its disk;
- no request is made again that was not in flight at a kill;
- the ledger holds what the server counted, every different request once: to the call and token.

(`resume` does the same on the embedded fleet, where the calls are made in the killed process.)

    python -m benchmarks.kills [--kills 200]
"""

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks._runs import end, keys_in, start
from benchmarks._world import SETTINGS, SPACE, answer, fleet, prompt_set, questions, serving_here
from graphsearch.records.calls import digest
from graphsearch.spec import Evaluation
from graphsearch.store import Store
from graphsearch.testing.stub import StubServer

KILLS = 200
SIDE_BY_SIDE = 2
MOST_IN_A_ROW = 4
LATENCY = 0.01
SMALL = SETTINGS.model_copy(
    update={
        "per_round": 3,
        "blocks": (4, 8),
        "rounds": 3,
        "search_items": 24,
        "selection_items": 12,
        "test_items": 20,
        "baselines": ("single", "self_consistency"),
    }
)


def measure(
    kills: int = KILLS, *, side_by_side: int = SIDE_BY_SIDE, settings: Evaluation = SMALL
) -> dict[str, Any]:
    """Kill `kills` times; returns what was seen."""
    seen, todo = _Seen(), _Todo(kills)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as pool:
        homes = [Path(folder) / str(number) for number in range(side_by_side)]
        for _ in pool.map(lambda home: _torture(home, settings, todo, seen), homes):
            pass
    return seen.report()


class _Todo:
    """Kills that are left, handed out to searches."""

    def __init__(self, kills: int) -> None:
        self._rng = random.Random(0)
        self._left = self._all = kills
        self._lock = threading.Lock()

    def take(self) -> int:
        """Kills of the next search; 0 when there were enough."""
        with self._lock:
            count = min(self._rng.randint(1, MOST_IN_A_ROW), self._left)
            self._left -= count
            print(f"  {self._all - self._left} of {self._all} kills", file=sys.stderr, flush=True)
            return count

    def give_back(self, count: int) -> None:
        """Kills that came too late."""
        with self._lock:
            self._left += count


class _Seen:
    """Counts of the whole run."""

    def __init__(self) -> None:
        self.undisturbed: list[int] = []
        self.seconds: list[float] = []
        self.searches: list[dict[str, Any]] = []

    def report(self) -> dict[str, Any]:
        moments = [flight for search in self.searches for flight in search["in_flight"]]
        return {
            "kills": sum(search["kills"] for search in self.searches),
            "searches": len(self.searches),
            "results_that_differ": sum(search["differs"] for search in self.searches),
            "requests_too_many": sum(search["too_many"] for search in self.searches),
            "repeated_though_not_in_flight": sum(search["repeated"] for search in self.searches),
            "ledgers_that_differ_in_calls": sum(s["calls_off"] != 0 for s in self.searches),
            "ledgers_that_differ_in_tokens": sum(s["tokens_off"] != 0 for s in self.searches),
            "requests_undisturbed": self.undisturbed,
            "requests_in_all": sum(search["requests"] for search in self.searches),
            "in_flight_at_the_kills": sum(moments),
            "in_flight_at_most": max(moments, default=0),
            "kills_with_calls_in_flight": sum(flight > 0 for flight in moments),
            "seconds_undisturbed": [round(value, 2) for value in self.seconds],
        }


class _Books:
    """What a server has been asked: every different request, how often, and its tokens."""

    def __init__(self) -> None:
        self.times: Counter[str] = Counter()
        self.tokens: dict[str, int] = {}
        self.asked = 0

    def answer(self, asked: Mapping[str, Any]) -> str:
        text = answer(asked)
        key = digest(asked)
        prompt = sum(len(str(message["content"]).split()) for message in asked["messages"])
        self.times[key] += 1
        self.tokens[key] = prompt + len(text.split())
        self.asked += 1
        return text

    def clear(self) -> None:
        self.times.clear()
        self.tokens.clear()
        self.asked = 0


def _torture(home: Path, settings: Evaluation, todo: _Todo, seen: _Seen) -> None:
    """Searches against one server, one after the other, until there were enough kills."""
    home.mkdir()
    books, rng = _Books(), random.Random(home.name)
    with serving_here(books.answer, latency_s=LATENCY) as server:
        config = write_config(home, server.base_url, settings)
        begun = time.perf_counter()
        end(config, home / "undisturbed")
        seen.seconds.append(time.perf_counter() - begun)
        undisturbed = books.asked
        seen.undisturbed.append(undisturbed)
        expected = (home / "undisturbed" / "result.json").read_bytes()
        while kills := todo.take():
            books.clear()
            run = home / "run"
            flights = [_kill(config, run, books, server, undisturbed, rng) for _ in range(kills)]
            end(config, run)
            todo.give_back(sum(flight is None for flight in flights))
            told = [flight for flight in flights if flight is not None]
            found = _judge(run, books, told, undisturbed=undisturbed)
            differs = (run / "result.json").read_bytes() != expected
            seen.searches.append({**found, "differs": differs, "kills": len(told)})
            shutil.rmtree(run)


def _kill(
    config: Path,
    run: Path,
    books: _Books,
    server: StubServer,
    undisturbed: int,
    rng: random.Random,
) -> int | None:
    """Start or go on, kill at a random moment; calls in flight then, None if it had ended."""
    before, on_disk = books.asked, len(keys_in(run))
    target = rng.randint(before, max(before, undisturbed))
    process = start(config, run)
    while process.poll() is None and books.asked < target:
        time.sleep(0.002)
    time.sleep(rng.uniform(0, 0.05))
    process.kill()  # does nothing where it has ended by itself
    killed = process.wait() == -signal.SIGKILL
    _hear_out(server, books)
    flight = (books.asked - before) - (len(keys_in(run)) - on_disk)
    return flight if killed else None


def _hear_out(server: StubServer, books: _Books) -> None:
    """Let the server read all that a killed process has sent: requests after it are the next's."""
    quiet = 0
    while quiet < 2:
        asked = books.asked
        time.sleep(5 * LATENCY)
        quiet = quiet + 1 if server.connections == 0 and books.asked == asked else 0


def _judge(run: Path, books: _Books, flights: list[int], *, undisturbed: int) -> dict[str, Any]:
    with Store.open(run, read_only=True) as store:
        totals = store.totals().values()
        calls = sum(int(account.known.get("calls") or 0) for account in totals)
        tokens = sum(int(account.known.get("tokens") or 0) for account in totals)
    repeated = sum(times - 1 for times in books.times.values())
    return {
        "requests": books.asked,
        "in_flight": flights,
        "too_many": max(0, books.asked - undisturbed - sum(flights)),
        "repeated": max(0, repeated - sum(flights)),
        "calls_off": calls - len(books.times),
        "tokens_off": tokens - sum(books.tokens.values()),
    }


def write_config(home: Path, url: str, settings: Evaluation = SMALL) -> Path:
    """Write the configuration of the search, and the files it names."""
    (home / "fleet.yaml").write_text(json.dumps(fleet(url).to_json()), encoding="utf-8")
    questions(home / "sums.jsonl")
    prompt_set(home / "prompts")
    config = {
        "schema_version": 1,
        "task": {
            "file": "sums.jsonl",
            "options": {"grader": "numeric"},
            "prompt_set": str(home / "prompts"),
        },
        "fleet": "fleet.yaml",
        "space": SPACE,
        "graph_budget": "8 units",
        "search_budget": "100000 units",
        "agent": "rules",
        "evaluation": settings.to_json(),
        "seed": 7,
    }
    path = home / "config.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--kills", type=int, default=KILLS)
    json.dump(measure(parser.parse_args().kills), sys.stdout, indent=2)


if __name__ == "__main__":
    main()
