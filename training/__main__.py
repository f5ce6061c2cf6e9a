"""``python -m training --size m --tokens 30e6 --out weights``."""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from training import DEFAULT_TOKENS, FLEET_SIZES, train_fleet
from training.trainer import Progress

_PRINT_EVERY = 200


class _Lines:
    """Prints mean losses from time to time."""

    def __init__(self) -> None:
        self._sums: dict[str, list[float]] = defaultdict(list)
        self._start = time.process_time()

    def __call__(self, progress: Progress) -> None:
        for kind, loss in progress.losses.items():
            self._sums[kind].append(loss)
        if progress.steps % _PRINT_EVERY and progress.tokens < progress.planned_tokens:
            return
        losses = " ".join(f"{k} {sum(v) / len(v):.3f}" for k, v in sorted(self._sums.items()))
        spent = time.process_time() - self._start
        done = f"{progress.tokens / 1e6:.2f} M tokens, {spent:.0f} CPU s"
        sys.stdout.write(f"{progress.size} step {progress.steps}, {done}: {losses}\n")
        sys.stdout.flush()
        self._sums.clear()


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description="Train sizes of the embedded fleet.")
    parser.add_argument(
        "--size", action="append", choices=FLEET_SIZES, help="repeatable; default all"
    )
    parser.add_argument("--out", type=Path, default=Path("weights"))
    parser.add_argument("--tokens", type=float, default=DEFAULT_TOKENS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--fresh", action="store_true", help="ignore checkpoints")
    options = parser.parse_args(arguments)
    train_fleet(
        options.size or FLEET_SIZES,
        options.out,
        tokens=int(options.tokens),
        seed=options.seed,
        threads=options.threads,
        resume=not options.fresh,
        progress=_Lines(),
    )


if __name__ == "__main__":
    main()
