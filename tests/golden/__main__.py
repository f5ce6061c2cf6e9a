"""`python -m tests.golden`: write golden files, or end a world's process at an event."""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.golden import runs
from tests.golden.record import GOLDEN, dump
from tests.golden.worlds import WORLDS


def made(name: str) -> dict[str, Any]:
    """The golden record of a world, with the events that follow each stop."""
    with tempfile.TemporaryDirectory(prefix="golden-") as folder:
        home = Path(folder)
        record = runs.whole(name, home)
        told = {
            f"{kind} {at}": runs.resumed(name, kind, at, home, record)
            for kind, at in runs.disturbances(name)
        }
        return {**record, "resumed": told}


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__)
    parser.add_argument("worlds", nargs="*", metavar="WORLD", help="all when left out")
    parser.add_argument("--update", action="store_true", help="write golden files")
    parser.add_argument("--end-at", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    unknown = sorted({*given.worlds} - {*WORLDS})
    if unknown:
        parser.error(f"no world {unknown[0]!r}; worlds: {', '.join(WORLDS)}")
    if given.end_at is not None:
        kind, at = given.end_at
        runs.end_at(given.worlds[0], kind, int(at), given.home)
    elif given.update:
        GOLDEN.mkdir(exist_ok=True)
        for name in given.worlds or WORLDS:
            begun = time.perf_counter()
            text = dump(made(name)) + "\n"
            (GOLDEN / f"{name}.json").write_text(text, encoding="utf-8")
            print(f"{name}: {len(text):,} bytes, {time.perf_counter() - begun:.1f} s")
    else:
        parser.error("nothing to do; `make golden` checks, --update writes")


if __name__ == "__main__":
    main()
