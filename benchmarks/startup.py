"""How long it takes until graphsearch is there: importing it, and showing its help.

Promised: the import under 0.15 s above bare Python, `graphsearch --help` under 0.35 s in all.
Runs alternate, so that whatever else the machine does falls on all of them alike; CPU seconds say
what it would be on a quiet machine.
"""

import os
import statistics
import subprocess
import sys
import time
from typing import Any

RUNS = 9
COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "import": [sys.executable, "-c", "import graphsearch"],
    "help": [sys.executable, "-m", "graphsearch.cli", "--help"],
    "run_help": [sys.executable, "-m", "graphsearch.cli", "run", "--help"],
    "version": [sys.executable, "-m", "graphsearch.cli", "--version"],
}
HEAVY = ("numpy", "optuna", "pydantic", "rich", "sqlalchemy", "networkx", "yaml")


def measure() -> dict[str, Any]:
    wall: dict[str, list[float]] = {name: [] for name in COMMANDS}
    cpu: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, command in COMMANDS.items():
            seconds, spent = _time(command)
            wall[name].append(seconds)
            cpu[name].append(spent)
    middle = {name: statistics.median(values) for name, values in wall.items()}
    spent = {name: statistics.median(values) for name, values in cpu.items()}
    return {
        "runs": RUNS,
        "wall_s": {name: round(value, 4) for name, value in middle.items()},
        "fastest_wall_s": {name: round(min(values), 4) for name, values in wall.items()},
        "cpu_s": {name: round(value, 4) for name, value in spent.items()},
        "import_above_python_s": round(middle["import"] - middle["python"], 4),
        "heavy_modules_on_import": _loaded("import graphsearch"),
        "heavy_modules_on_help": _loaded("import graphsearch.cli"),
    }


def _time(command: list[str]) -> tuple[float, float]:
    before, started = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - started, os.times()
    spent = after.children_user + after.children_system
    return seconds, spent - before.children_user - before.children_system


def _loaded(statement: str) -> list[str]:
    code = f"import sys; {statement}; print(*[m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.split()


if __name__ == "__main__":
    import json

    print(json.dumps(measure()))
