"""What is shown of a search while it runs."""

import asyncio
import io
import json
import sqlite3
from contextlib import closing
from dataclasses import asdict, replace

import pytest
from typer.testing import CliRunner

from graphsearch import Study
from graphsearch.cli import app
from graphsearch.cli._view import Scene, best_line, show_progress
from graphsearch.records.events import (
    AdviceGiven,
    BaselineDone,
    Best,
    BlockDone,
    BudgetState,
    Done,
    EndpointChanged,
    EventLog,
    Finalists,
    NotEvaluated,
    RoundDone,
    RoundStarted,
    SearchStopped,
    StudyStarted,
    TrialDone,
    WinnerFound,
)
from tests.test_api import arguments as world

BEST = Best("k", "4x xs -> fuser m", 0.78125, (0.712, 0.839), 168, 17.2)


def budget(spent):
    return (BudgetState("units", 20000.0, spent, 20000.0 - spent),)


EVENTS = [
    StudyStarted(
        task="puzzle", searcher="random", seed=3, resumed=False, rounds_done=0, budgets=budget(0)
    ),
    RoundStarted(round=0, proposals=8, incumbents=0, items=56, budgets=budget(0)),
    BlockDone(phase="search", block=0, items=8, alive=5, stopped=3, round=0, budgets=budget(500)),
    TrialDone(
        number=0,
        round=0,
        origin="sample",
        state="complete",
        key="k",
        text="4x xs -> fuser m",
        n=56,
        accuracy=0.78125,
        interval=(0.7, 0.8),
        expected_cost=17.2,
        budgets=budget(900),
        best=BEST,
    ),
    AdviceGiven(
        round=0, agent="rules", valid=True, summary="wider", budgets=budget(900), best=BEST
    ),
    RoundDone(round=0, mean=0.5, best_accuracy=0.78, budgets=budget(1000), best=BEST),
    SearchStopped(rule="rounds", reason="2 rounds are done", budgets=budget(1000), best=BEST),
    Finalists(graphs=({"key": "k", "text": "t"},), items=200, budgets=budget(1500), best=BEST),
    WinnerFound(
        key="k",
        text="4x xs -> fuser m",
        accuracy=0.8,
        interval=(0.7, 0.9),
        n=200,
        expected_cost=17.2,
        budgets=budget(2000),
        best=BEST,
    ),
    BaselineDone(
        name="m",
        baseline="single",
        n=500,
        accuracy=0.6,
        interval=(0.55, 0.65),
        difference=0.2,
        budgets=budget(2500),
        best=BEST,
    ),
    Done(verdict="it wins", seconds=12.0, budgets=budget(2500), best=BEST),
]


def scene(times):
    ticks = iter(times)
    last = [0.0]

    def clock():
        last[0] = next(ticks, last[0])
        return last[0]

    return Scene("18 units", 40, clock=clock)


def test_the_scene_follows_the_events():
    shown = scene([1.0, 11.0])
    for event in EVENTS[:6]:
        shown.take(event)
    rows = dict(shown.rows())
    assert rows[""] == "puzzle with random, seed 3"
    assert rows["round"] == "1 of 40"
    assert rows["best"] == "78.1 % [71.2, 83.9] n 168  4x xs -> fuser m  (17.20)"
    assert rows["spent"].endswith(" 1,000 of 20,000 units")
    assert rows["a graph"] == "at most 18 units a question"
    assert rows["advice"] == "wider"
    # 1,000 of 20,000 units in 10 s: 190 s more; 1 of 40 rounds in 10 s: 390 s more.
    assert rows["time"] == "10 s, search ends in about 3:10 min"


def test_nothing_is_known_before_anything_happened():
    shown = scene([5.0])
    rows = dict(shown.rows())
    assert (rows["best"], rows["time"], shown.left()) == ("-", "-", None)


def test_a_resumed_search_is_timed_by_what_it_spends_now():
    shown = scene([1.0, 11.0])
    started = StudyStarted(
        task="t", searcher="s", seed=0, resumed=True, rounds_done=10, budgets=budget(15000)
    )
    shown.take(started)
    shown.take(RoundDone(round=10, mean=0.5, best_accuracy=None, budgets=budget(16000)))
    assert shown.left() == pytest.approx(40.0)
    assert shown.title == "t with s, seed 0, goes on after round 10"


def test_plain_lines_where_there_is_no_terminal(capsys):
    with show_progress(scene([1.0]), live=False) as listener:
        for event in EVENTS:
            listener(event)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "puzzle with random, seed 3",
        f"round 1: best {best_line(BEST)}; spent 1,000 of 20,000 units",
        "search ended: 2 rounds are done",
        "1 finalist on 200 items",
        "winner: 4x xs -> fuser m",
        "baseline: 60.0 % [55.0, 65.0] n 500  m",
    ]


def endpoint(why="429: slow down", paused_s=0.0, **changes):
    fields = {"endpoint": "h", "limit": 2, "most": 64, "is_down": False, **changes}
    return EndpointChanged(why=why, paused_s=paused_s, **fields)


def lines_of(capsys, *steps):
    """Lines for events at times, after a start at 0."""
    now = [0.0]
    shown = Scene("18 units", 40, clock=lambda: now[0])
    with show_progress(shown, live=False) as listener:
        listener(EVENTS[0])
        for now[0], event in steps:
            listener(event)
    return capsys.readouterr().err.splitlines()[1:]


def test_a_short_trouble_of_an_endpoint_is_no_line(capsys):
    assert lines_of(capsys, (1, endpoint()), (3, endpoint()), (4, endpoint(""))) == []


def test_a_trouble_that_lasts_is_told_once_a_minute_and_when_it_ends(capsys):
    steps = [(second, endpoint()) for second in range(1, 100)] + [(100, endpoint(""))]
    told = "2 calls at a time to h: 429: slow down"
    assert lines_of(capsys, *steps) == [told, told, "h is well again"]


def test_a_long_pause_is_told_at_once(capsys):
    (line,) = lines_of(capsys, (1, endpoint(paused_s=30.0)))
    assert line == "2 calls at a time after 30 s to h: 429: slow down"


def lost(item, model="m", outcome="rejected"):
    told = {"model": model, "outcome": outcome, "error": "400: too long"}
    return NotEvaluated(item=item, question="Why?", **told)


def test_questions_without_a_verdict_are_told_and_soon_only_counted(capsys):
    scene = Scene("18 units", None)
    with show_progress(scene, live=False) as listener:
        for number in range(9):
            listener(lost(f"q{number}"))
            listener(lost(f"q{number}", None))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "not evaluated: question 'q0' (Why?) by m: 400: too long"
    assert lines[-1] == "not evaluated: question 'q4' (Why?): 400: too long (5 questions so far)"
    rows = dict(scene.rows())
    assert rows["not evaluated"] == "'q8' (Why?): 400: too long (9 questions so far)"


def test_one_cause_of_many_losses_is_told_once(capsys):
    with show_progress(Scene("18 units", None), live=False) as listener:
        for number in range(9):
            listener(lost(f"q{number}", outcome="unavailable"))
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "not evaluated: question 'q0' (Why?) by m: 400: too long"


def test_a_long_silence_is_broken(capsys):
    steps = [(second, EVENTS[2]) for second in range(10, 130, 10)]
    line = "search: block of 8 items done, 5 graphs in, 3 stopped early"
    assert lines_of(capsys, *steps) == [line] * 2


def test_warnings_and_plain_finalists_are_told(capsys, monkeypatch):
    started = replace(EVENTS[0], warnings=("no graph can have model 'l'",))
    finalists = replace(EVENTS[7], graphs=({"key": "k", "text": "t"},) * 8, plain=3)
    told = lines_of(capsys, (1, started), (2, finalists))
    assert told[1:] == [
        "warning: no graph can have model 'l'",
        "5 finalists and 3 baselines on 200 items",
    ]
    screen = terminal_of(monkeypatch)
    with show_progress(scene([1.0]), live=True) as listener:
        listener(started)
    assert "warning: no graph can have model 'l'\n" in screen.getvalue()


def terminal_of(monkeypatch):
    """A terminal of 100 columns in place of standard error (pytest resets it after fixtures)."""
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return terminal


def test_the_live_view_draws_on_a_terminal(monkeypatch):
    screen = terminal_of(monkeypatch)
    with show_progress(scene([1.0]), live=True) as listener:
        for event in EVENTS[:6]:
            listener(event)
    assert "4x xs -> fuser m" in screen.getvalue()


def test_markup_in_an_advice_is_text(monkeypatch):
    screen = terminal_of(monkeypatch)
    with show_progress(scene([1.0]), live=True) as listener:
        listener(EVENTS[0])
        listener(AdviceGiven(round=0, agent="chat", valid=True, summary="[/red] [bold]"))
    assert "[/red] [bold]" in screen.getvalue()


def status_of(folder):
    done = CliRunner().invoke(app, ["status", str(folder), "--json"])
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_status_reads_events(tmp_path):
    (tmp_path / "config.yaml").touch()
    log = EventLog(tmp_path / "events.jsonl", lambda: 12.5)
    for event in EVENTS[:6]:
        log.write(event)
    log.close()
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"event": "round_do')  # a kill cut the line off
    found = status_of(tmp_path)
    assert (found["state"], found["rounds"], found["trials"]) == ("unfinished", 1, 1)
    assert found["best"]["text"] == "4x xs -> fuser m"
    assert found["budgets"][0]["spent"] == 1000
    (tmp_path / "result.json").touch()
    assert status_of(tmp_path)["state"] == "finished"


def test_status_of_something_else(tmp_path):
    done = CliRunner().invoke(app, ["status", str(tmp_path)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"error: {tmp_path}: holds no run\n"


def test_status_tells_what_the_books_say(tmp_path):
    """Events are as old as the last block that ended; the books are not."""

    async def begun():
        async with Study.create(**world(), out=tmp_path) as study:
            study.ask(1)
            await study.evaluate(study.ask(1))
            return study.budgets

    (now,) = asyncio.run(begun())
    assert now.spent > 0
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    (tmp_path / "events.jsonl").write_text(lines[0] + "\n")  # said when nothing was spent
    found = status_of(tmp_path)
    assert found["budgets"] == [asdict(now)]
    with closing(sqlite3.connect(tmp_path / "study.db")) as base, base:
        base.execute("UPDATE calls SET spent_tokens = 5")
    found = status_of(tmp_path)
    assert "calls were lost or changed outside graphsearch" in found["trouble"]
    assert found["budgets"][0]["spent"] == 0


def test_the_live_view_tells_what_is_spent_now():
    shown = scene([1.0])
    shown.take(EVENTS[0])
    shown.meter = lambda: budget(777)
    assert dict(shown.rows())["spent"].endswith(" 777 of 20,000 units")
