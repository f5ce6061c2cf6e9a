"""Levels, limits, and telling a program's faults from the machine's."""

import os
import platform
import select
import struct
import subprocess
import sys

import pytest

from graphsearch.evaluators._patience import Patience
from graphsearch.evaluators.graders import get_grader
from graphsearch.evaluators.sandbox import (
    Judges,
    Limits,
    Trial,
    _judges,
    _levels,
    _probe,
    level_fault,
    level_names,
    open_sandbox,
)
from graphsearch.evaluators.sandbox._seccomp import seccomp_program
from graphsearch.records.errors import GraderFailed, TaskError
from graphsearch.records.tasks import Item
from tests.support import ROOT, sandbox

RIGHT = Trial("def f(x): return x * x", ("assert f(2) == 4",))


@pytest.fixture
def nothing_strong(monkeypatch):
    monkeypatch.setattr(_levels.shutil, "which", lambda name: None)
    monkeypatch.setattr(_levels.Namespaces, "ways", lambda self: ())
    monkeypatch.setattr(_probe, "_known", _probe._Known())


# -- levels ----------------------------------------------------------------------------------------


def test_the_strongest_is_taken_and_the_weak_only_by_name(strong):
    assert level_names()[-1] == "process"
    assert strong.strong
    assert open_sandbox().strong
    assert not open_sandbox("process").strong
    with pytest.raises(TaskError, match="no sandbox 'cellar'; known: bubblewrap, namespaces"):
        open_sandbox("cellar")


def test_a_level_that_cannot_be_had_is_refused_before_anything_runs(nothing_strong):
    assert level_fault("bubblewrap") == "there is no bubblewrap here"
    with pytest.raises(TaskError, match=r"no strong sandbox can be had .*sandbox: process"):
        open_sandbox()
    one = Item("i1", "?", "", meta={"tests": ["assert f(2) == 4"]})
    with pytest.raises(TaskError, match="Install bubblewrap, or accept a weaker level by name"):
        get_grader("code").check(one)
    accepted = get_grader("code", sandbox="process")
    accepted.check(one)
    assert accepted.grade(one, RIGHT.program).score == 1
    accepted.close()


def test_a_level_that_holds_nothing_is_not_believed(monkeypatch):
    monkeypatch.setattr(_probe, "_known", _probe._Known())
    monkeypatch.setattr(_levels.Process, "strong", True)
    assert "processes outside are seen" in level_fault("process")


def test_doctor_says_the_level(strong, nothing_strong, monkeypatch):
    from graphsearch.cli._checks import machine_checks

    found = {check.name: check for check in machine_checks()}["sandbox"]
    assert found.state == "poor"
    assert "install bubblewrap" in found.advice
    monkeypatch.undo()
    found = {check.name: check for check in machine_checks()}["sandbox"]
    assert (found.state, found.found.split()[0]) == ("ok", open_sandbox().name)


# -- limits ----------------------------------------------------------------------------------------


def test_a_program_runs_to_its_end(strong):
    done = strong.run("import sys\nprint(input())\nsys.exit(3)", stdin=b"so\n")
    assert (done.how, done.code, done.stdout) == ("exit", 3, b"so\n")
    crashed = strong.run("import ctypes; ctypes.string_at(0)")
    assert (crashed.how, crashed.code) == ("signal", 11)
    assert b"NameError" in strong.run("x").stderr


def test_a_program_starts_in_an_empty_folder_with_nothing_of_ours(strong):
    done = strong.run("import os; print(os.listdir(), sorted(os.environ), os.getuid() != 0)")
    assert done.stdout.decode().split("] ")[0] == "["
    assert "GRAPHSEARCH" not in done.stdout.decode()
    assert done.stdout.endswith(b"True\n")


def test_equal_programs_behave_alike(strong):
    text = "print(hash('a'), list({'a', 'b', 'c', 'd', 'e'}))"
    assert strong.run(text).stdout == strong.run(text).stdout


def test_limits_are_checked():
    for wrong in ({"seconds": 0}, {"seconds": 1e9}, {"memory_mb": 8}, {"threads": 0}):
        with pytest.raises(TaskError, match=str(next(iter(wrong)))):
            Limits(**wrong)


class Failing(Judges):
    def __init__(self, sandbox, times):
        super().__init__(sandbox._level, sandbox._way, Limits())
        self.times = times

    def _judge(self, trial):
        self.times -= 1
        if self.times >= 0:
            raise GraderFailed("starved")
        return super()._judge(trial)


def test_a_failing_machine_is_asked_once_more(strong):
    judges = Failing(strong, times=1)
    assert judges.judge(RIGHT).state == "passed"
    judges.close()
    with pytest.raises(GraderFailed, match="starved"):
        Failing(strong, times=2).judge(RIGHT)


def test_a_sandbox_that_cannot_start_is_no_verdict(strong, monkeypatch):
    judges = strong.judges()
    monkeypatch.setattr(_levels, "python", lambda: "/nowhere/python")
    with pytest.raises(GraderFailed, match="did not start"):
        judges.judge(RIGHT)
    with pytest.raises(GraderFailed, match="did not start"):
        strong.run("1")
    monkeypatch.undo()
    assert judges.judge(RIGHT).state == "passed"
    judges.close()


def test_a_judge_that_died_is_replaced(strong):
    judges = strong.judges()
    judges.judge(RIGHT)
    judges._idle[0].jail.kill()
    assert judges.judge(RIGHT).state == "passed"
    judges.close()


def test_tests_that_hang_are_ended_with_their_judge(strong):
    judges = strong.judges(Limits(seconds=0.5))
    hanging = Trial(RIGHT.program, ("while f(1): pass", "assert f(2) == 4"))
    assert judges.judge(hanging).state == "time"
    alone = Trial(RIGHT.program, ("f(1)\nwhile True: pass",))
    assert judges.judge(alone).state == "time"
    assert judges.judge(RIGHT).state == "passed"
    judges.close()


def test_the_time_of_the_judges_fork_is_the_judges(strong, monkeypatch):
    told = []

    class Watched(Patience):
        def over(self, *spent):
            told.append(spent)
            return super().over(*spent)

    monkeypatch.setattr(_judges, "Patience", Watched)
    judges = strong.judges(Limits(seconds=0.5))
    assert judges.judge(Trial(RIGHT.program, ("while True: pass",))).state == "time"
    judges.close()
    _, judge = told[-1]
    assert judge.cpu + (judge.delay or 0) > 0.1


# -- the filter of system calls --------------------------------------------------------------------


def _answer(program, number, *, arch, first=0, second=0, third=0):
    """What a classic BPF program says to a call, run here step by step."""
    steps = [struct.unpack_from("=HBBI", program, i) for i in range(0, len(program), 8)]
    data = {0: number, 4: arch, 16: first, 24: second, 32: third}
    at, value = 0, 0
    while True:
        code, yes, no, k = steps[at]
        at += 1
        if code == 0x20:
            value = data[k]
        elif code == 0x06:
            return k
        else:
            holds = {0x15: value == k, 0x35: value >= k, 0x45: bool(value & k)}[code]
            at += yes if holds else no


@pytest.mark.parametrize(
    ("machine", "arch", "socket", "clone", "read"),
    [("x86_64", 0xC000003E, 41, 56, 0), ("aarch64", 0xC00000B7, 198, 220, 63)],
)
def test_the_filter(machine, arch, socket, clone, read):
    allow, kill, denied, absent = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
    for forks in (False, True):
        program = seccomp_program(forks=forks, machine=machine)
        assert _answer(program, read, arch=arch) == allow
        assert _answer(program, read, arch=0x40000003) == kill  # 32-bit calls
        assert _answer(program, socket, arch=arch) == denied
        assert _answer(program, 9999, arch=arch) == absent
        assert _answer(program, 0x40000000 + socket, arch=arch) == absent
        assert _answer(program, 435, arch=arch) == absent
        assert _answer(program, clone, arch=arch, first=0x10000) == allow  # a thread
        assert _answer(program, clone, arch=arch, first=17) == (allow if forks else denied)
        assert _answer(program, clone, arch=arch, first=0x10000000 | 17) == denied
        kill_by, tgkill_by = {"x86_64": (62, 234), "aarch64": (129, 131)}[machine]
        assert _answer(program, kill_by, arch=arch, second=15) == allow
        assert _answer(program, kill_by, arch=arch, second=9) == denied
        assert _answer(program, tgkill_by, arch=arch, third=9) == denied
        assert _answer(program, tgkill_by, arch=arch, second=9, third=6) == allow
    assert seccomp_program(forks=False, machine="vax") is None


@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86-64")
def test_nothing_is_denied_that_python_needs(strong):
    text = (
        "import asyncio, json, re, random, threading, tempfile, hashlib, decimal, datetime\n"
        "asyncio.run(asyncio.sleep(0))\n"
        "with tempfile.TemporaryFile() as f: f.write(b'x')\n"
        "t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()\n"
        "print(random.random() < 1)\n"
    )
    done = strong.run(text, limits=Limits(seconds=10))
    assert (done.code, done.stdout) == (0, b"thread\nTrue\n"), done.stderr


STARTS = """
import os, sys
from graphsearch.evaluators.sandbox import Limits, open_sandbox
from graphsearch.evaluators.sandbox._levels import Start
sandbox = open_sandbox(sys.argv[1])
reads, writes = os.pipe()
given = {"program": "while True: pass", "writes": writes}
start = Start(("script",), given, Limits(seconds=60), pass_fds=(writes,))
jail = sandbox._level.start(sandbox._way, start)
assert os.read(reads, 1) == b"s"
print(jail._number, flush=True)
input()
"""


@pytest.mark.parametrize("level", ["bubblewrap", "namespaces", "process"])
def test_a_program_ends_with_its_grader_however_that_ends(level):
    sandbox(level)
    grader = subprocess.Popen(
        [sys.executable, "-c", STARTS, level],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    program = os.pidfd_open(int(grader.stdout.readline()))
    assert not select.select([program], [], [], 0)[0]
    grader.kill()
    assert select.select([program], [], [], 20)[0]
    os.close(program)
    grader.communicate()


def test_no_descriptor_is_left_open(strong):
    judges = strong.judges()
    judges.judge(RIGHT)
    judges.close()
    before = len(os.listdir("/proc/self/fd"))
    strong.run("1")
    judges.judge(RIGHT)
    judges.close()
    assert len(os.listdir("/proc/self/fd")) == before
