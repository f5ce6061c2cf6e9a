"""A disk that is full, and a folder that is in use: stops with the reason, and loses nothing."""

import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from benchmarks._world import serving_here
from benchmarks.kills import SMALL, write_config
from graphsearch.store import Store

ROOT = Path(__file__).parents[2]
TINY = SMALL.model_copy(
    update={
        "rounds": 1,
        "blocks": (6,),
        "search_items": 6,
        "selection_items": 6,
        "test_items": 6,
        "min_test_items": 2,
    }
)


def command(*words, most_bytes=None):
    """A command of graphsearch in a process of its own, which may write files of so many bytes."""

    def limit():
        if most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    words = [sys.executable, "-m", "graphsearch.cli", *map(str, words)]
    return subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, preexec_fn=limit, check=False
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A configuration, its server, and how its search ends on a disk with room."""
    home = tmp_path_factory.mktemp("disk")
    with serving_here() as server:
        config = write_config(home, server.base_url, TINY)
        done = command("run", config, "--out", home / "calm", "--json")
        assert done.returncode == 0, done.stderr
        yield config, home / "calm"


def assert_whole(folder):
    """Nothing is corrupted: SQLite says so, and rows and books agree."""
    with closing(sqlite3.connect(folder / "study.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with Store.open(folder) as store:
        assert len(store.journal) == sum(store.journal.counts().values())
        return len(store.journal)


def ends_as_if_nothing_had_been(folder, calm):
    done = command("resume", folder, "--json")
    assert done.returncode == 0, done.stderr
    assert (folder / "result.json").read_bytes() == (calm / "result.json").read_bytes()


@pytest.mark.parametrize("most_bytes", [60_000, 150_000])
def test_a_file_that_may_not_grow(world, tmp_path, most_bytes):
    config, calm = world
    run = tmp_path / "run"
    stopped = command("run", config, "--out", run, "--json", most_bytes=most_bytes)
    assert stopped.returncode == 1, stopped.stderr
    (line,) = stopped.stderr.strip().splitlines()[-1:]
    assert line.startswith("error: ")
    assert str(run) in line
    assert json.loads(stopped.stdout.splitlines()[-1])["error"]["exit_code"] == 1
    assert_whole(run)
    ends_as_if_nothing_had_been(run, calm)


@contextmanager
def small_disk(folder):
    """A disk with hardly any room; the test skips where none may be mounted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_without_room(world, tmp_path):
    config, calm = world
    with small_disk(tmp_path / "disk") as disk:
        stopped = command("run", config, "--out", disk / "run", "--json")
        assert stopped.returncode == 1, stopped.stderr
        assert "full" in stopped.stderr or "No space" in stopped.stderr
        shutil.copytree(disk / "run", tmp_path / "run")  # as if room had been made
    assert assert_whole(tmp_path / "run") > 0
    ends_as_if_nothing_had_been(tmp_path / "run", calm)


def test_a_folder_in_use_is_refused_with_the_reason(world):
    _, calm = world
    with Store.open(calm):
        refused = command("resume", calm, "--json")
        assert refused.returncode == 2
        assert f"in use by process {os.getpid()}" in refused.stderr
        assert command("status", calm).returncode == 0  # to look is allowed
