"""The corpus of attacks: none gets out, none gets a false pass, none holds the grader up."""

import os
import time

import pytest

from graphsearch.evaluators.sandbox import Limits, Submission
from tests.evaluators.sandbox._attacks import chosen, read
from tests.evaluators.sandbox.conftest import SECRET, left_over

SECONDS = 1.0
KINDS = ("files", "network", "processes", "resources", "output", "time")
LIMITS = Limits(seconds=SECONDS, memory_mb=400)

ASSERTS = ("assert f(2) == 4", "assert f(3) == 9", "assert f(-4) == 16")
CHECK = """
def check(candidate):
    assert candidate(2) == 4
    assert abs(candidate(3) - 9) < 1e-6
    assert 16 == candidate(-4)
    assert candidate(5) in [25]
    assert sorted([candidate(2), 1]) == [1, 4]
"""


def in_time(begun, limit):
    """Whether a grader came back in time: at most 2 s after the limit where cores are free."""
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    return time.monotonic() - begun < (6 * limit + 10 if busy else limit + 2)


def test_the_corpus_is_as_large_as_promised():
    attacks = [attack for kind in (*KINDS, "verdict") for attack in read(kind)]
    assert len(attacks) >= 80
    assert len({attack.id for attack in attacks}) == len(attacks)
    assert all(attack.program.strip() and attack.escape for attack in attacks)


@pytest.mark.parametrize("attack", chosen(*KINDS), ids=lambda attack: attack.id)
def test_nothing_gets_out(attack, strong, outside):
    begun = time.monotonic()
    done = strong.run(outside.filled(attack.program), limits=LIMITS)
    assert in_time(begun, SECONDS), attack.escape
    said = done.stdout + done.stderr
    assert b"ESCAPED" not in said, f"{attack.escape}: {said[:300]!r}"
    assert SECRET.encode() not in said.replace(repr(SECRET).encode(), b""), attack.escape
    short = b"MemoryError" in done.stderr or attack.kind in ("resources", "time")
    assert b"Error" not in done.stderr or short, done.stderr[-300:]
    assert len(done.stdout) <= LIMITS.output_bytes
    assert len(done.stderr) <= LIMITS.output_bytes
    assert outside.escapes() == [], attack.escape
    if attack.kind == "time":
        assert (done.how, done.code) != ("exit", 0)
    if attack.kind == "output":
        assert done.how == "output"


@pytest.mark.parametrize("attack", chosen("verdict"), ids=lambda attack: attack.id)
def test_no_false_pass(attack, checker, outside):
    for submission in (
        Submission(attack.program, ASSERTS),
        Submission(attack.program, (CHECK,), entry_point="f", call="check"),
    ):
        begun = time.monotonic()
        checked = checker.check(submission)
        assert checked.state != "passed", f"{attack.escape}: {checked}"
        assert checked.reason
        assert in_time(begun, SECONDS), attack.escape
    assert outside.escapes() == []
    assert checker.check(Submission("def f(x): return x * x", ASSERTS)).state == "passed"


@pytest.fixture(scope="module")
def checker(strong):
    found = strong.checker(LIMITS)
    yield found
    found.close()


def test_nothing_is_left_behind(strong, outside):
    before = left_over()
    strong.run(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(99,)).start()",
        limits=LIMITS,
    )
    checker = strong.checker(LIMITS)
    checker.check(Submission("def f(x): return 0", ASSERTS))
    checker.close()
    assert [found for found in left_over() if found not in before] == []
