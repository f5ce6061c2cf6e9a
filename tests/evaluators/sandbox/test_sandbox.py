"""Levels, limits, and telling a program's faults from the machine's."""

import json
import os
import platform
import signal
import struct
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from graphsearch.cli import app
from graphsearch.evaluators.graders import get_grader
from graphsearch.evaluators.patience import Patience
from graphsearch.evaluators.sandbox import (
    Limits,
    Submission,
    level_fault,
    level_names,
    open_sandbox,
)
from graphsearch.evaluators.sandbox.seccomp import SELF, seccomp_program
from graphsearch.records.errors import GraderFailed, TaskError
from graphsearch.records.tasks import Item
from tests.evaluators.sandbox.conftest import descendants

ITEM = Item("i1", "?", "", meta={"tests": ["assert f(2) == 4"]})
RIGHT = Submission("def f(x): return x * x", ("assert f(2) == 4",))


@pytest.fixture
def nothing_strong(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")


# -- levels ----------------------------------------------------------------------------------------


def test_the_strongest_is_taken_and_the_weak_only_by_name(strong):
    assert level_names()[-1] == "process"
    assert strong.strong
    assert open_sandbox().strong
    assert not open_sandbox("process").strong
    with pytest.raises(TaskError, match="no sandbox 'cellar'; known: bubblewrap, process"):
        open_sandbox("cellar")


def test_a_level_that_cannot_be_had_is_refused_before_anything_runs(nothing_strong):
    assert "install the package bubblewrap" in level_fault("bubblewrap")
    with pytest.raises(TaskError, match=r"no strong sandbox can be had .*sandbox: process"):
        open_sandbox()
    with pytest.raises(TaskError, match="Install bubblewrap, or accept a weaker level by name"):
        get_grader("code").check(ITEM)
    accepted = get_grader("code", sandbox="process")
    accepted.check(ITEM)
    assert accepted.grade(ITEM, RIGHT.program).score == 1
    accepted.close()


def test_the_level_that_is_no_more_says_what_to_use():
    with pytest.raises(TaskError, match="'namespaces' is no more: use 'bubblewrap'"):
        get_grader("code", sandbox="namespaces").check(ITEM)


SHARES_ALL = """#!@PYTHON@
import os, sys
given = sys.argv[sys.argv.index("--") + 1 :]
if child := os.fork():
    told = int(sys.argv[sys.argv.index("--info-fd") + 1])
    os.write(told, b'{"child-pid": %d}' % child)
    os.wait()
else:
    os.execv(given[0], given)
"""


def test_a_level_that_holds_nothing_is_not_believed(tmp_path, monkeypatch):
    fake = tmp_path / "bwrap"
    fake.write_text(SHARES_ALL.replace("@PYTHON@", sys.executable))
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "processes outside are seen" in level_fault("bubblewrap")


def test_doctor_says_the_level(strong, nothing_strong, monkeypatch):
    found = sandbox_check()
    assert found["state"] == "poor"
    assert "install bubblewrap" in found["advice"]
    monkeypatch.undo()
    found = sandbox_check()
    assert (found["state"], found["found"].split()[0]) == ("ok", open_sandbox().name)


def sandbox_check():
    told = CliRunner().invoke(app, ["doctor", "--model", "http://127.0.0.1:9/v1", "--json"])
    (found,) = [one for one in json.loads(told.stdout)["checks"] if one["name"] == "sandbox"]
    return found


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


def test_a_failing_machine_is_asked_once_more(strong, monkeypatch):
    popen, failures = subprocess.Popen, []

    def start(*args, **options):
        if failures:
            raise failures.pop()
        return popen(*args, **options)

    monkeypatch.setattr(subprocess, "Popen", start)
    checker = strong.checker()
    failures.append(OSError("starved"))
    assert checker.check(RIGHT).state == "passed"
    assert failures == []
    checker.close()
    failures += [OSError("starved"), OSError("starved")]
    with pytest.raises(GraderFailed, match="starved"):
        strong.checker().check(RIGHT)
    assert failures == []


def test_a_sandbox_that_cannot_start_is_no_verdict(strong, monkeypatch):
    checker = strong.checker()
    monkeypatch.setattr(sys, "_base_executable", "/nowhere/python")
    with pytest.raises(GraderFailed, match="did not start"):
        checker.check(RIGHT)
    with pytest.raises(GraderFailed, match="did not start"):
        strong.run("1")
    monkeypatch.undo()
    assert checker.check(RIGHT).state == "passed"
    checker.close()


def test_a_process_of_tests_that_died_is_replaced(strong):
    checker, before = strong.checker(), descendants(os.getpid())
    checker.check(RIGHT)
    for number in set(descendants(os.getpid())) - set(before):
        os.kill(number, signal.SIGKILL)
    assert checker.check(RIGHT).state == "passed"
    checker.close()


def test_tests_that_hang_are_ended_with_their_process(strong):
    checker = strong.checker(Limits(seconds=0.5))
    hanging = Submission(RIGHT.program, ("while f(1): pass", "assert f(2) == 4"))
    assert checker.check(hanging).state == "time"
    alone = Submission(RIGHT.program, ("f(1)\nwhile True: pass",))
    assert checker.check(alone).state == "time"
    assert checker.check(RIGHT).state == "passed"
    checker.close()


def test_the_time_of_the_tests_fork_is_theirs(strong, monkeypatch):
    told, over = [], Patience.over
    monkeypatch.setattr(
        Patience, "over", lambda self, *spent: told.append(spent) or over(self, *spent)
    )
    checker = strong.checker(Limits(seconds=0.5))
    assert checker.check(Submission(RIGHT.program, ("while True: pass",))).state == "time"
    checker.close()
    _, tests = told[-1]
    assert tests.cpu + (tests.delay or 0) > 0.1


# -- the filter of system calls --------------------------------------------------------------------


def _answer(program, number, *, arch, first=0, second=0, third=0, fifth=0):
    """What a classic BPF program says to a call, run here step by step."""
    steps = [struct.unpack_from("=HBBI", program, i) for i in range(0, len(program), 8)]
    data = {0: number, 4: arch}
    for i, value in enumerate((first, second, third, 0, fifth)):
        data |= {16 + 8 * i: value % 2**32, 20 + 8 * i: value >> 32}
    at, value = 0, 0
    while True:
        code, yes, no, k = steps[at]
        at += 1
        if code == 0x20:
            value = data[k]
        elif code == 0x06:
            return k
        elif code == 0x54:
            value &= k
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
        program = program.replace(SELF, (77).to_bytes(4, sys.byteorder))
        assert _answer(program, kill_by, arch=arch, first=77, second=15) == allow
        assert _answer(program, kill_by, arch=arch, first=77, second=9) == denied
        assert _answer(program, tgkill_by, arch=arch, first=77, third=9) == denied
        assert _answer(program, tgkill_by, arch=arch, first=77, second=9, third=6) == allow
        for other in (1, 0, 78, 2**32 - 1):
            said = _answer(program, kill_by, arch=arch, first=other, second=15)
            assert said == (allow if forks else denied)
    assert seccomp_program(forks=False, machine="vax") is None


POINTERS = (1, 2**32, 2**47 + 8)


@pytest.mark.parametrize(
    ("machine", "arch", "calls"),
    [
        ("x86_64", 0xC000003E, (157, 59, 46, 44, 53, 160, 302, 60, 231)),
        ("aarch64", 0xC00000B7, (167, 221, 211, 206, 199, 164, 261, 93, 94)),
    ],
)
def test_the_filter_looks_at_arguments(machine, arch, calls):
    allow, kill, denied, ignored = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050000
    prctl, execve, sendmsg, sendto, socketpair, setrlimit, prlimit, *exits = calls
    for forks in (False, True):
        program = seccomp_program(forks=forks, machine=machine)

        def said(number, program=program, **given):
            return _answer(program, number, arch=arch, **given)

        assert said(prctl, first=1) == denied  # the wish to end with the parent
        assert said(prctl, first=15) == allow
        assert said(execve) == (allow if forks else denied)
        assert said(sendmsg) == denied
        assert said(sendto) == allow
        assert {said(sendto, fifth=address) for address in POINTERS} == {denied}
        assert (said(socketpair, first=1), said(socketpair, first=30)) == (allow, denied)
        cpu = allow if forks else ignored
        assert (said(setrlimit, first=0), said(setrlimit, first=3)) == (cpu, allow)
        assert said(prlimit, second=0) == allow  # it is read
        assert {said(prlimit, second=0, third=new) for new in POINTERS} == {cpu}
        assert {said(prlimit, second=3, third=new) for new in POINTERS} == {allow}
        for number in exits:
            for status in (0, 1, 128, 193, 255, 256, 2**31):
                assert said(number, first=status) == allow
            for status in (129, 137, 192, 137 + 256):
                assert said(number, first=status) == kill


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


def test_no_descriptor_is_left_open(strong):
    checker = strong.checker()
    checker.check(RIGHT)
    checker.close()
    before = len(os.listdir("/proc/self/fd"))
    strong.run("1")
    checker.check(RIGHT)
    checker.close()
    assert len(os.listdir("/proc/self/fd")) == before
