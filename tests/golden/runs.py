"""Runs of a world: undisturbed, or stopped at an event and resumed."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.golden.product import ROOT, StopHere, command
from tests.golden.record import differences, kinds, read_run, scrubbed
from tests.golden.worlds import WORLDS

EXIT = 9
SAME = ("result", "journal", "ledger")
SHOWN = 20


def whole(name: str, home: Path) -> dict[str, Any]:
    """The record of a world that nothing disturbs, with its quote."""
    if WORLDS[name].by_command:
        return by_command(name, home)
    files, folder = _folders(home, "whole")
    quote = WORLDS[name].quote(files)
    WORLDS[name].run(files, folder)
    return {"quote": scrubbed(quote, home), **read_run(folder, home)}


def by_command(name: str, home: Path) -> dict[str, Any]:
    """The record of a world that the command line runs, with all that it prints."""
    files, folder = _folders(home, "whole")
    config = files / "search.yaml"
    config.write_text(json.dumps(WORLDS[name].make(files)), encoding="utf-8")  # JSON is YAML
    quoted = command("quote", config, at=home)
    quote = command("quote", config, "--json", at=home)
    done = command("run", config, "--out", folder, "--json", at=home)
    shown = {
        "quote": quoted.stdout.splitlines(),
        "run": done.stderr.splitlines(),
        "run --json": json.loads(done.stdout),
        "resume": command("resume", folder, at=home).stdout.splitlines(),
    }
    record = {"quote": json.loads(quote.stdout), "shown": shown}
    return {**scrubbed(record, home), **read_run(folder, home)}


def disturbances(name: str) -> list[tuple[str, int]]:
    """How a world is stopped: the kind and the number of the event or call."""
    world = WORLDS[name]
    planned = (("stop", world.stops), ("event", world.exits), ("call", world.deaths))
    return [(kind, number) for kind, numbers in planned for number in numbers]


def resumed(name: str, kind: str, at: int, home: Path, whole: Mapping[str, Any]) -> dict[str, Any]:
    """What a world comes to that is disturbed and then resumed.

    Returns:
        Kinds of the events that follow, and where the record differs from the one of the
        undisturbed run: nowhere, but for the gaps in resuming that golden files tell of.
    """
    files, folder = stopped(name, at, home) if kind == "stop" else killed(name, kind, at, home)
    before = len((folder / "events.jsonl").read_text(encoding="utf-8").splitlines())
    WORLDS[name].run(files, folder)
    now = read_run(folder, home)
    found = [line for part in SAME for line in differences(whole[part], now[part], f"/{part}")]
    if len(found) > SHOWN:
        found[SHOWN:] = [f"and {len(found) - SHOWN} more"]
    return {"events": kinds(folder / "events.jsonl", before), "differs": found}


def stopped(name: str, event: int, home: Path) -> tuple[Path, Path]:
    """The folders of a world whose listener raised at an event."""
    files, folder = _folders(home, f"stop-{event}")
    try:
        WORLDS[name].run(files, folder, _at(event, _stop))
    except StopHere:
        return files, folder
    raise AssertionError(f"world {name} tells fewer than {event} events")


def killed(name: str, kind: str, at: int, home: Path) -> tuple[Path, Path]:
    """The folders of a world whose process ended at an event or in a call."""
    files, folder = _folders(home, f"{kind}-{at}")
    words = ["--end-at", kind, str(at), "--home", str(home), name]
    done = subprocess.run(
        [sys.executable, "-m", "tests.golden", *words],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != EXIT:
        raise AssertionError(f"ended with {done.returncode} and not at {kind} {at}: {done.stderr}")
    return files, folder


def end_at(name: str, kind: str, at: int, home: Path) -> None:
    """Run a world and end this process at an event or in a call: what `killed` starts."""
    files, folder = _folders(home, f"{kind}-{at}")
    end = _at(at, lambda: os._exit(EXIT))
    if kind == "event":
        WORLDS[name].run(files, folder, listener=end)
    else:
        WORLDS[name].run(files, folder, on_call=end)


def _folders(home: Path, run: str) -> tuple[Path, Path]:
    files = home / "files"
    files.mkdir(exist_ok=True)
    return files, home / run


def _at(number: int, act: Callable[[], None]) -> Callable[..., None]:
    """What acts when it is called for the given time; it may get an event or nothing."""
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            act()

    return count


def _stop() -> None:
    raise StopHere
