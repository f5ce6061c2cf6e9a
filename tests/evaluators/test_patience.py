"""Whose fault it is that a process takes long: its own time is told from what others take."""

import os
import subprocess
import sys

import pytest

from graphsearch.evaluators import patience as module
from graphsearch.evaluators.patience import Patience, Spent, Stopwatch
from graphsearch.records.errors import GraderFailed


class Clock:
    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)


@pytest.mark.parametrize(
    ("wall", "spent", "over"),
    [
        (0.9, Spent(0.9, 0.0), False),
        (1.0, Spent(1.0, 0.0), True),  # it computes
        (1.0, Spent(0.0, 0.0), True),  # it sleeps
        (1.0, Spent(0.0, None), True),  # nothing known: its own fault
        (1.0, Spent(0.6, 0.4), False),  # others had the core for a while
        (1.5, Spent(1.0, 0.5), True),
        (1.0, Spent(1.0, 7.0), True),  # many threads that wait for each other
    ],
)
def test_only_its_own_time_counts(monkeypatch, wall, spent, over):
    clock = Clock(monkeypatch)
    patience = Patience(1.0)
    clock.now = wall
    assert patience.over(spent) is over
    assert patience.wait() >= 0


def test_a_machine_that_starves_a_program_is_at_fault(monkeypatch):
    clock = Clock(monkeypatch)
    patience = Patience(1.0)
    clock.now = 10.0
    with pytest.raises(GraderFailed, match=r"of 10\.0 s a program waited 9\.5 s for a core"):
        patience.over(Spent(0.5, 9.5))


@pytest.fixture
def proc(tmp_path, monkeypatch):
    """A process 7 as the kernel tells of it."""
    monkeypatch.setattr(module, "Path", lambda _, pid: tmp_path / pid)

    def tell(ticks, pid=7, children="", **threads):
        """Ticks of CPU of all, seconds that each thread ran and waited."""
        folder = tmp_path / str(pid)
        (folder / "task").mkdir(parents=True, exist_ok=True)
        (folder / "stat").write_text(f"7 (a) (b) S {'0 ' * 10}{ticks} 0 0 0\n")
        for name, (ran, waited) in threads.items():
            (folder / "task" / name).mkdir(exist_ok=True)
            (folder / "task" / name / "schedstat").write_text(
                f"{int(ran * 1e9)} {int(waited * 1e9)} 1\n"
            )
            (folder / "task" / name / "children").write_text(children)

    return tell


def test_what_was_before_is_not_counted(proc):
    """A judge lives for long: what it waited for earlier programs is no time of this one."""
    proc(900, main=(9.0, 30.0), watch=(0.1, 50.0))
    watch = Stopwatch(7)
    assert watch.spent() == Spent(0.0, 0.0)
    proc(1000, main=(9.5, 32.0), watch=(0.1, 50.5), new=(0.2, 1.0))
    assert watch.spent() == (1.0, 2.0)  # the most patient thread, since then
    proc(900, main=(9.5, 32.0), watch=(0.1, 50.5), new=(0.2, 1.0))
    assert watch.spent().cpu == pytest.approx(0.7)


def test_what_descends_from_it_may_count_too(proc):
    proc(10, children="8 ", guard=(0.1, 0.0))
    proc(20, pid=8, children="9 10 ", judge=(0.2, 1.0))
    proc(30, pid=9, fork=(0.3, 2.0))
    watch, alone = Stopwatch(7, descends=True), Stopwatch(7)
    proc(130, pid=9, fork=(1.3, 5.0))
    assert watch.spent() == (1.0, 3.0)
    assert alone.spent() == (0.0, 0.0)


def test_what_nobody_tells_is_unknown(proc, tmp_path):
    assert Stopwatch(None).spent() == Spent(0.0, None)
    assert Stopwatch(7).spent() == Spent(0.0, None)  # no such process
    proc(100)
    watch = Stopwatch(7)
    proc(150)
    assert watch.spent() == Spent(0.5, None)  # a kernel without schedstat


def test_a_real_process():
    busy = "import sys\nfor line in sys.stdin:\n    sum(range(3_000_000)); print(flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        watch = Stopwatch(process.pid)
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
        assert watch.spent().cpu > 0
        process.stdin.close()
    assert watch.spent() == Spent(0.0, None)
    assert Stopwatch(os.getpid()).spent().cpu >= 0


def test_a_process_that_is_gone_spends_nothing_and_breaks_nothing():
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    watch = Stopwatch(process.pid, descends=True)
    process.wait()
    assert watch.spent() == Spent(0.0, None)
    assert Stopwatch(process.pid, descends=True).spent() == Spent(0.0, None)
