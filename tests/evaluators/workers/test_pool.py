"""Killable processes: what a request does costs its own worker, and nothing else."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graphsearch.evaluators.patience import Spent
from graphsearch.evaluators.workers import Done, Stopped, WorkerPool
from graphsearch.evaluators.workers import _process as process
from graphsearch.records.errors import GraderFailed, TaskError

FUNCTIONS = Path(__file__).with_name("functions.py")
JOB = "graphsearch.evaluators.workers._job_function"
ITEM = {"id": "i", "question": "?", "gold": 1}


def pool(function, **options):
    setup = {"file": str(FUNCTIONS), "module": None, "function": function, "folder": "."}
    return WorkerPool(JOB, setup, **{"workers": 1, "seconds": 0.3, **options})


def request(answer):
    return {"item": ITEM, "answer": answer}


@pytest.fixture(scope="module")
def acting():
    made = pool("act", memory=1 << 28)
    yield made
    made.close()


def said(answer):
    assert isinstance(answer, Done)
    return answer.value["reason"]


def test_a_worker_answers_whatever_is_printed_meanwhile():
    made = pool("echo")
    assert said(made.ask(request("größer \u2028 \x00"))) == "größer \u2028 \x00"
    long = "x" * 900_000
    assert said(made.ask(request(long))) == long
    made.close()


def test_half_a_character_is_replaced_and_whole_ones_are_kept():
    made = pool("echo")
    assert said(made.ask(request("\ud83d Fi \udc4d"))) == "\ufffd Fi \ufffd"
    assert said(made.ask(request("\ud83d\udc4d \\ud83d 👍 \ufeff"))) == "👍 \\ud83d 👍 \ufeff"
    made.close()


def test_a_child_that_comes_back_from_a_request_answers_none():
    made = pool("twins", seconds=5)
    assert len({said(made.ask(request(""))) for _ in range(30)}) == 1
    made.close()


def test_what_an_earlier_request_left_behind_is_no_answer_to_a_later_one(tmp_path):
    made = pool("late", seconds=5)
    assert said(made.ask(request(f"first {tmp_path}"))) == "first"
    assert said(made.ask(request(f"next {tmp_path}"))) == "next"
    made.close()


def test_workers_are_kept_and_close_is_idempotent_and_not_the_end():
    made = pool("who")
    made.close()
    first = said(made.ask(request("")))
    assert said(made.ask(request(""))) == first
    made.close()
    made.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(first), 0)
    assert said(made.ask(request(""))) != first
    made.close()


def test_requests_are_worked_on_side_by_side_and_answered_in_order():
    made = pool("echo", workers=2)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(made.ask, [request(str(i)) for i in range(40)]))
    assert [said(a) for a in answers] == [str(i) for i in range(40)]
    assert 1 <= len(made._all) <= 2
    made.close()


@pytest.mark.parametrize(
    ("act", "why"),
    [
        ("sleep", "time"),
        ("loop", "time"),
        ("hold", "time"),
        ("children", "time"),
        ("exit", "raised"),
        ("raise", "raised"),
        ("recurse", "raised"),
        ("object", "raised"),
        ("text", "raised"),
        ("vanish", "died"),
        ("crash", "died"),
        ("close", "died"),
        ("forge", "died"),
        ("claim", "died"),
        ("eat", "memory"),
        ("eat_slowly", "memory"),
        ("flood", "flooded"),
    ],
)
def test_what_a_request_does_is_an_answer_and_the_next_one_works(acting, act, why):
    answer = acting.ask(request(act))
    assert isinstance(answer, Stopped)
    assert answer.why == why, answer
    assert acting.ask(request("nan")) is not None


def test_reasons_are_said(acting):
    assert acting.ask(request("raise")).reason == "ValueError: no such thing"
    assert acting.ask(request("loop")).reason == "took more than 0.3 s"
    assert "status 7" in acting.ask(request("vanish")).reason
    assert "SIGSEGV" in acting.ask(request("crash")).reason
    assert "256 MiB" in acting.ask(request("eat")).reason


def test_a_worker_that_was_lost_while_idle_is_replaced():
    made = pool("who")
    first = said(made.ask(request("")))
    os.kill(int(first), signal.SIGKILL)
    assert said(made.ask(request(""))) != first
    made.close()


def test_a_worker_that_gets_no_time_is_the_machines_fault(monkeypatch):
    monkeypatch.setattr(process, "Stopwatch", Starved)
    monkeypatch.setattr(process, "_MOST_MORE", 0.2)
    with pytest.raises(GraderFailed, match="the machine is too busy"):
        pool("act", seconds=0.01).ask(request("sleep"))


class Starved:
    """Tells that a process waits for a core, ever since."""

    def __init__(self, pid):
        self.since = time.monotonic()

    def spent(self):
        return Spent(0.0, time.monotonic() - self.since)


@pytest.mark.parametrize("how", ["sleep", "eat", "vanish", "stop"])
def test_what_a_used_worker_does_is_believed_of_a_fresh_one_alone(tmp_path, how):
    made = pool("once", memory=1 << 28)
    assert said(made.ask(request("nothing"))) == "fine"
    used = next(iter(made._all))
    mark = tmp_path / "was here"
    assert said(made.ask(request(f"{how} {mark}"))) == "fine"
    assert mark.exists()
    assert used not in made._all
    assert len(made._all) == 1
    made.close()


def test_memory_that_others_have_left_full_is_not_the_requests_doing():
    made = pool("hoard", memory=1 << 29)
    answers = [made.ask(request("")) for _ in range(12)]
    assert all(isinstance(answer, Done) for answer in answers)
    assert len({said(answer) for answer in answers}) > 1  # of several workers
    made.close()


def test_a_fresh_worker_takes_no_more_places_than_there_are(tmp_path):
    made = pool("once", workers=2)
    with ThreadPoolExecutor(4) as threads:
        asked = [request(f"vanish {tmp_path / str(i)}") for i in range(8)]
        assert {said(answer) for answer in threads.map(made.ask, asked)} == {"fine"}
    assert len(made._all) <= 2
    made.close()


def test_a_worker_killed_from_outside_is_the_machines_fault():
    made = pool("act", seconds=30)
    asked = threading.Thread(target=lambda: failures.append(_failure(made)))
    failures = []
    asked.start()
    while asked.is_alive():  # the first time it is asked once more
        for worker in list(made._all):
            worker.signal()
        asked.join(0.1)
    assert "killed from outside" in str(failures[0])
    made.close()


def _failure(made):
    try:
        return made.ask(request("sleep"))
    except GraderFailed as error:
        return error


def test_closing_while_a_worker_works_frees_who_waits():
    made = pool("act", seconds=30)
    failures = []
    asked = threading.Thread(target=lambda: failures.append(_failure(made)))
    asked.start()
    while not made._all:
        time.sleep(0.01)
    made.close()
    asked.join()
    assert "closed while it worked" in str(failures[0])


def test_a_job_that_cannot_be_done_is_the_users_fault():
    with pytest.raises(TaskError, match=r"functions\.py: has no function 'no_such'"):
        pool("no_such").ask(request(""))
    with pytest.raises(TaskError, match="ModuleNotFoundError"):
        WorkerPool("graphsearch.no_such_job").ask(None)


def test_no_python_is_the_machines_fault(monkeypatch):
    monkeypatch.setattr(process.sys, "executable", "/no/such/python")
    with pytest.raises(GraderFailed, match="no worker can be started"):
        pool("who").ask(request(""))


def test_a_child_process_is_not_left_behind(acting):
    acting.ask(request("nan"))
    group = next(iter(acting._all))._process.pid
    acting.ask(request("children"))
    assert not _living(group)


def _living(group):
    """Processes of a group that are more than an entry in the table."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rpartition(") ")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state != "Z":
            found.append(stat.parent.name)
    return found


def test_workers_see_no_secrets_but_what_is_named(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("MY_SETTING", "1")
    made, open_made = pool("environment"), pool("environment", environment=("MY_SETTING",))
    assert "KEY" not in said(made.ask(request("")))
    assert "MY_SETTING" in said(open_made.ask(request("")))
    made.close()
    open_made.close()


PARENT = """
import os, sys, threading, time
from graphsearch.evaluators.workers import WorkerPool
file, how = sys.argv[1:]
setup = {"file": file, "module": None, "function": "act", "folder": "."}
made = WorkerPool("graphsearch.evaluators.workers._job_function", setup, workers=1, seconds=600)
def ask(act):
    return made.ask({"item": {"id": "i", "question": "?", "gold": 1}, "answer": act})
ask("nan")
print(next(iter(made._all))._process.pid, flush=True)
if how == "kill while busy":
    threading.Thread(target=ask, args=("sleep",), daemon=True).start()
    time.sleep(0.2)
if how != "end":
    os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("how", ["end", "kill", "kill while busy"])
def test_workers_end_with_their_parent(how):
    parent = subprocess.run(
        [sys.executable, "-c", PARENT, str(FUNCTIONS), how], capture_output=True, text=True
    )
    assert parent.stderr == ""
    pid = int(parent.stdout)
    for _ in range(1000):
        if not Path(f"/proc/{pid}").exists() or _zombie(pid):
            return
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    pytest.fail(f"worker {pid} outlived its parent")


def _zombie(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except OSError:
        return True
