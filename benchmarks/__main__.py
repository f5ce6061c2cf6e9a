"""Run the parts by name, all but the long ones by default, and print one JSON object.

Each part is a module here with `measure() -> dict`; it prints nothing and is timed side by side
with whatever it is compared to. Progress goes to standard error, so standard output stays one
JSON object: the goals first (`reached` is null where nothing was measured), then every figure.
"""

import argparse
import json
import os
import sys
import time
import traceback
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import benchmarks
from benchmarks._goals import judge

ENGINES = ("http", "memory", "faults", "kills", "budgets", "vllm")
"""Parts of `make bench-engines`, which run only when they are named: they take minutes."""

GRADERS = ("graders", "graders_code", "replays")
"""Parts of `make bench-graders`."""


def main(arguments: list[str] | None = None) -> int:
    known = sorted(m.name for m in iter_modules(benchmarks.__path__) if m.name[0] != "_")
    parser = argparse.ArgumentParser(prog="benchmarks", description=(__doc__ or "").split("\n")[0])
    named = f"all but {', '.join(ENGINES)} when left out; {', '.join(known)}"
    parser.add_argument("parts", nargs="*", help=named)
    parser.add_argument(
        "--install", action="store_true", help="let demo time a fresh clone too (downloads)"
    )
    parser.add_argument("--engines", action="store_true", help="all that `make bench-engines` runs")
    parser.add_argument("--graders", action="store_true", help="all that `make bench-graders` runs")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.parts if name not in known]
    if unknown:
        parser.error(f"no benchmark named {unknown[0]!r}; known: {', '.join(known)}")
    results: dict[str, Any] = {}
    broken: dict[str, str] = {}
    seconds: dict[str, float] = {}
    begun_at = os.getloadavg()[0]
    short = [name for name in known if name not in ENGINES]
    graders = [name for name in GRADERS if name in known]
    for name in given.parts or (ENGINES if given.engines else graders if given.graders else short):
        print(f"{name} ...", file=sys.stderr, flush=True)
        options = {"install": given.install} if name == "demo" else {}
        begun = time.perf_counter()
        try:
            results[name] = import_module(f"benchmarks.{name}").measure(**options)
        except Exception as error:  # the other parts' minutes are not lost with this one
            traceback.print_exc()
            results[name], broken[name] = {}, f"{type(error).__name__}: {error}"
        seconds[name] = round(time.perf_counter() - begun, 1)
    goals = judge(results)
    summary = {
        "goals": goals,
        "missed": [goal["goal"] for goal in goals if goal["reached"] is False],
        "not_measured": [goal["goal"] for goal in goals if goal["reached"] is None],
        "broken": broken,
        "machine": {
            "cores": os.cpu_count(),
            "python": sys.version.split()[0],
            "load": [round(load, 1) for load in (begun_at, os.getloadavg()[0])],
        },
        "seconds": seconds,
    }
    print(json.dumps({**summary, "parts": results}, indent=2))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
