"""A small real search from the command line: run, resume, status, report, export."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from graphsearch.cli import app
from graphsearch.cost import Amount
from graphsearch.export import load_bundle
from graphsearch.spec import load_spec
from graphsearch.store import Store
from graphsearch.yamlfile import dump_yaml

CONFIG = {
    "task": "puzzle",
    "fleet": "embedded",
    "space": {"slots": 2, "models": ["nano", "xs"]},
    "graph_budget": "3 units",
    "search_budget": ["600 units", "100000 calls"],
    "searcher": "random",
    "agent": "rules",
    "evaluation": {
        "per_round": 3,
        "blocks": [2, 4],
        "search_items": 12,
        "rounds": 2,
        "finalists": 2,
        "selection_items": 10,
        "test_items": 20,
        "min_test_items": 5,
        "test_block": 10,
        "baselines": ["single", "self_consistency"],
    },
    "seed": 5,
}
FILES = {"config.yaml", "study.db", "events.jsonl", "result.json", "timing.json", "report.html"}


def call(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def good(*arguments):
    done = call(*arguments)
    assert done.exit_code == 0, done.stderr
    return done


def last_json(done):
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a configuration and one finished run of it."""
    home = tmp_path_factory.mktemp("run")
    (home / "c.yaml").write_text(dump_yaml(CONFIG))
    done = good("run", home / "c.yaml", "--out", home / "a", "--json")
    (home / "said.json").write_text(done.stdout)
    (home / "shown.txt").write_text(done.stderr)
    return home


def test_the_last_line_is_one_json_object(folder):
    said = json.loads((folder / "said.json").read_text().splitlines()[-1])
    assert said["winner"]["graph"]["nodes"]
    assert 0 <= said["interval"][0] <= said["accuracy"] <= said["interval"][1] <= 1
    assert said["n"] == 20
    assert said["spend"]["units"]["total"] <= 600
    assert {row["name"] for row in said["baselines"]} >= {"1x nano (greedy)", "1x xs (greedy)"}
    assert said["report"] == str(folder / "a" / "report.html")


def test_the_run_folder_has_all_its_parts(folder):
    assert {path.name for path in (folder / "a").iterdir()} >= FILES
    assert load_spec(folder / "a" / "config.yaml") == load_spec(folder / "c.yaml")
    assert "<html" in (folder / "a" / "report.html").read_text()


def test_progress_is_told_on_standard_error(folder):
    lines = (folder / "shown.txt").read_text().splitlines()
    assert lines[0] == "puzzle with random, seed 5"
    assert any(line.startswith("round 2: best ") for line in lines)
    assert any(line.startswith("winner: ") for line in lines)


def test_the_same_seed_gives_the_same_bytes(folder):
    good("run", folder / "c.yaml", "--out", folder / "b")
    assert (folder / "a/result.json").read_bytes() == (folder / "b/result.json").read_bytes()


def test_a_finished_run_resumes_to_its_result(folder):
    before = (folder / "a/result.json").read_bytes()
    said = last_json(good("resume", folder / "a", "--json"))
    assert said["calls"] == json.loads(before)["calls"]
    assert (folder / "a/result.json").read_bytes() == before


def test_status_and_report(folder, tmp_path):
    found = last_json(good("status", folder / "a", "--json"))
    assert (found["state"], found["rounds"], found["seed"]) == ("finished", 2, 5)
    page = tmp_path / "page.html"
    assert last_json(good("report", folder / "a", "--out", page, "--json"))["report"] == str(page)
    assert page.stat().st_size > 1000


def test_options_reach_the_search(folder):
    out = folder / "other"
    options = ["--searcher", "reinforce", "--seed", "9", "--graph-budget", "2 units"]
    said = last_json(good("run", folder / "c.yaml", "--out", out, *options, "--json"))
    assert (said["searcher"], said["seed"]) == ("reinforce", 9)
    assert said["winner"]["expected_cost"] <= 2
    assert load_spec(out / "config.yaml").graph_budget == Amount(2, "units")


def test_a_quote_spends_nothing(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = last_json(good("quote", folder / "c.yaml", "--json"))
    assert found["phases"]["total"]["cost"]["units"]["expected"] > 0
    assert "units" in good("quote", folder / "c.yaml").stdout
    assert list(tmp_path.iterdir()) == []


def test_the_winner_is_exported_and_answers(folder, tmp_path):
    said = last_json(good("export", folder / "a", tmp_path / "bundle", "--json"))
    with load_bundle(tmp_path / "bundle") as bundle:
        assert bundle.digest == said["digest"]
        answer = bundle.answer_sync("P 2 7 9 10 > 36")
    assert answer.text
    assert answer.usage


@pytest.mark.parametrize(
    ("how", "ctrl_c"),
    [
        ("SIGINT", "default_int_handler"),
        ("SIGTERM", "default_int_handler"),
        ("SIGHUP", "default_int_handler"),
        ("SIGTERM", "SIG_IGN"),
    ],
)
def test_an_interrupted_run_says_130_and_goes_on_to_the_same_result(folder, how, ctrl_c):
    out = folder / f"stopped by {how}, {ctrl_c}"
    code = (
        "import os, signal, sys\n"
        # Whatever the shell of this test ignores: a background job's ignores Ctrl-C.
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
        f"signal.signal(signal.SIGINT, signal.{ctrl_c})\n"
        "from graphsearch.study.search import Search\n"
        "whole = Search.evaluate\n"
        "async def evaluate(self, proposals):\n"
        "    if self.rounds:\n"
        f"        os.kill(os.getpid(), signal.{how})\n"
        "    return await whole(self, proposals)\n"
        "Search.evaluate = evaluate\n"
        "from graphsearch.cli import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", code, "run", str(folder / "c.yaml"), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 130, done.stderr
    assert "everything finished so far is kept" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (out / "result.json").exists()
    good("resume", out)
    assert (out / "result.json").read_bytes() == (folder / "a/result.json").read_bytes()


def damaged(folder, name, change):
    """A copy of the finished run without its result, its database changed."""
    out = folder / name
    shutil.copytree(folder / "a", out)
    (out / "result.json").unlink()
    change(out / "study.db")
    return call("resume", out)


def test_a_study_that_lost_what_it_had_paid_for_is_not_begun_anew_in_silence(folder):
    done = damaged(folder, "lost", lambda path: path.unlink())
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "study.db: there is no study here" in done.stderr

    def empty(path):
        path.unlink()
        Store.open(path).close()

    done = damaged(folder, "empty", empty)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "study.db: is empty, though the search had begun" in done.stderr


def test_a_damaged_study_is_named(folder):
    done = damaged(folder, "cut", lambda path: os.truncate(path, 20_000))
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "study.db: cannot be " in done.stderr


def test_a_log_with_rubbish_in_it_stops_nothing(folder):
    out = folder / "rubbish"
    shutil.copytree(folder / "a", out)
    with (out / "events.jsonl").open("ab") as file:
        file.write(b"\xff\xfe\n3\n" + b"[" * 100_000 + b"\n")
    assert last_json(good("status", out, "--json"))["rounds"] == 2
    good("resume", out)


def test_an_interrupt_while_the_program_loads_is_no_traceback():
    code = (
        "import builtins\n"
        "known = builtins.__import__\n"
        "def stop(name, *rest):\n"
        "    if name == 'typer':\n"
        "        raise KeyboardInterrupt\n"
        "    return known(name, *rest)\n"
        "builtins.__import__ = stop\n"
        "from graphsearch.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (130, b"")


def test_a_full_disk_is_a_failure_and_no_bad_input(folder):
    def full(connection, cursor, statement, *_):
        if statement.startswith("INSERT INTO calls"):
            raise OperationalError(statement, {}, sqlite3.OperationalError("disk is full"))

    event.listen(Engine, "before_cursor_execute", full)
    try:
        done = call("run", folder / "c.yaml", "--out", folder / "full")
    finally:
        event.remove(Engine, "before_cursor_execute", full)
    assert done.exit_code == 1
    assert "study.db: cannot be written: disk is full" in done.stderr
    assert "Traceback" not in done.stderr
