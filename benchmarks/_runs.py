"""Searches in processes of their own, which can be killed and gone on with."""

import shutil
import subprocess
import sys
from pathlib import Path

from graphsearch.store import Store

__all__ = ["end", "keys_in", "start"]


def start(config: Path, run: Path) -> subprocess.Popen[bytes]:
    """`run` where there is nothing yet, else `resume`."""
    command = ["run", str(config), "--out", str(run)]
    if (run / "config.yaml").exists():
        command = ["resume", str(run)]
    elif run.exists():
        shutil.rmtree(run)  # killed before the configuration was written: nothing was spent
    with run.with_suffix(".log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "graphsearch.cli", *command],
            stdout=subprocess.DEVNULL,
            stderr=log,
        )


def end(config: Path, run: Path) -> None:
    """Start or go on, and let it end."""
    code = start(config, run).wait()
    if code != 0:
        said = run.with_suffix(".log").read_text(encoding="utf-8")
        raise RuntimeError(f"a search ended with exit code {code}: {said}")


def keys_in(run: Path) -> set[str]:
    """Keys of the calls on disk."""
    if not (run / "study.db").exists():
        return set()
    with Store.open(run, read_only=True) as store:
        return {row["key"] for row in store.journal.rows()}
