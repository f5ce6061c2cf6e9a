"""What `make demo` finds, and what it takes.

For each seed a fresh search of `configs/demo.yaml` in a folder of its own: the winner on the sealed
test against the best single model and the best self-consistency (as many copies as the winner's
used cost buys), with paired 95 % intervals; calls asked for and made; seconds.

    python -m benchmarks.demo [--seeds 0 1 2] [--install]

`--install` clones the project's last commit and types `make demo` there, with no pip cache: it
needs git, make and a package index.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("torch", "litellm")
PLAIN = {"single": ("single", "sampled"), "self_consistency": ("self_consistency",)}


def measure(seeds: Sequence[int] = (0,), *, install: bool = False) -> dict[str, Any]:
    """Figures of each seed, the least of them, and those of a fresh clone when asked for."""
    found = {str(seed): _search(seed) for seed in seeds}
    least = {
        f"least_above_{kind}": min(run[f"above_{kind}"]["low"] for run in found.values())
        for kind in PLAIN
    }
    return {
        "seeds": found,
        **least,
        "least_sharing": min(run["calls"]["search"]["asked_per_made"] for run in found.values()),
        "install": _install() if install else None,
    }


def _search(seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "demo"
        begun, before = time.perf_counter(), os.times()
        search = ["run", "demo", "--out", str(out), "--seed", str(seed)]
        subprocess.run(
            [sys.executable, "-m", "graphsearch.cli", *search],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        seconds, after = time.perf_counter() - begun, os.times()
        result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return {**_read(result), "seconds": round(seconds, 1), "cpu_s": round(cpu, 1)}


def _read(result: dict[str, Any]) -> dict[str, Any]:
    test, calls = result["test"], result["calls"]
    return {
        "winner": result["winner"]["text"],
        "accuracy": round(test["accuracy"], 4),
        "interval": _rounded(test["interval"]),
        "n": test["n"],
        "used": round(test["used"], 2),
        **{f"above_{kind}": _against(result, kinds) for kind, kinds in PLAIN.items()},
        "above_best_plain": _above(_named(result, result["best_plain"])),
        "calls": {
            **{name: _sharing(counts) for name, counts in calls["accounts"].items()},
            "all": _sharing(calls),
        },
    }


def _against(result: dict[str, Any], kinds: tuple[str, ...]) -> dict[str, Any]:
    """The most accurate alternative of these kinds."""
    rivals = [plain for plain in result["baselines"] if plain["kind"] in kinds]
    return _above(max(rivals, key=lambda plain: float(plain["evidence"]["accuracy"])))


def _named(result: dict[str, Any], name: str) -> dict[str, Any]:
    return next(plain for plain in result["baselines"] if plain["name"] == name)


def _above(plain: dict[str, Any]) -> dict[str, Any]:
    difference = plain["difference"]
    low, high = _rounded(difference["interval"])
    return {
        "name": plain["name"],
        "accuracy": round(plain["evidence"]["accuracy"], 4),
        "used": round(plain["evidence"]["used"], 2),
        "difference": round(difference["mean"], 4),
        "low": low,
        "high": high,
        "n": difference["n"],
    }


def _rounded(interval: Sequence[float]) -> list[float]:
    return [round(end, 4) for end in interval]


def _sharing(counts: dict[str, int]) -> dict[str, Any]:
    asked, made = counts["asked"], counts["made"]
    return {
        "asked": asked,
        "made": made,
        "asked_per_made": round(asked / made, 2) if made else None,
    }


def _install() -> dict[str, Any]:
    """`make demo` in a fresh clone of the last commit, nothing cached."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        begun = time.perf_counter()
        subprocess.run(
            ["make", "demo"],
            cwd=clone,
            env={**os.environ, "PIP_NO_CACHE_DIR": "1"},
            check=True,
            stdout=sys.stderr,
        )
        seconds = time.perf_counter() - begun
        venv = clone / ".venv"
        there = [path.name.split("-")[0] for path in venv.glob("lib/python*/site-packages/*")]
        return {
            "seconds": round(seconds, 1),
            "venv_mb": round(_bytes_on_disk(venv) / 1e6, 1),
            "heavy_packages": sum(name in there for name in HEAVY),
        }


def _bytes_on_disk(folder: Path) -> int:
    return sum(512 * path.lstat().st_blocks for path in folder.rglob("*"))


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--install", action="store_true")
    given = parser.parse_args()
    print(json.dumps(measure(given.seeds, install=given.install), indent=2))


if __name__ == "__main__":
    main()
