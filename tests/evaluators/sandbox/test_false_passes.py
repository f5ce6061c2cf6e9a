"""What a wrong program must not pass by: rules kept on its side, and errors that loops swallow."""

import pytest

from graphsearch.evaluators.sandbox import Limits, Submission

RIGHT = "def f(x): return x * x"


@pytest.fixture(scope="module")
def checker(strong):
    found = strong.checker(Limits(seconds=5))
    yield found
    found.close()


def passes(checker, program, *tests, **given):
    return checker.check(Submission(program, tests, **given)).state == "passed"


# -- the code that answers in the program's own process, taken over --------------------------------

TAKEN_OVER = """
import sys
side = sys.modules["graphsearch.evaluators.sandbox.inside.candidate"]
kind = side._Answering
def f(*given): return []
def sends(*frame):
    kind._answer = lambda self, does, given: self._pipe.send(side.to_json(list(frame)))
"""
SORTS = "items = [3, 1]\nassert f(items) == sorted(items)"
LOOPS = "assert all(map(lambda x: f(x) == x * x, [2, 3]))"


@pytest.mark.parametrize(
    ("forged", "test"),
    [
        (  # a changed argument beside a value
            (
                "def call(self, number, args, kwargs):\n"
                "    self._changed = [[['list', []]]]\n"
                "    return []\n"
                "kind._on_call = call"
            ),
            SORTS,
        ),
        ("sends('ok', ['list', []], [['list', []]])", SORTS),
        ("sends('ok', ['list', []], ['list', [['list', []]]], None)", SORTS),
        ("sends('ok', False, [['list', []]])", "items = [3]\nassert f(items) == bool(items)"),
        ("sends('error', 'StopIteration', '', '')", LOOPS),  # already where the name is looked up
        ("sends('error', 'StopIteration', 'Mine', '')", LOOPS),
        ("sends('error', 'GeneratorExit', '', '')", LOOPS),
        ("sends('error', 'KeyError', '', '')", "assert max([1, 2]) == 2"),
        ("sends('ok', ['back', 0])", "assert f(lambda: 4)(0) == 4"),
        ("sends('ok', ['mine', [0, 'iterator', 'x']])", "assert list(f(2)) == [4]"),
        ("sends('ok', ['global', ['builtins', 'abs']])", "assert f(2) == 4"),
    ],
)
def test_no_rule_is_kept_on_the_programs_side(checker, forged, test):
    assert not passes(checker, TAKEN_OVER + forged, test, asked=("max",))


def test_what_those_rules_are_for_still_holds(checker):
    assert passes(checker, "def f(x): return sorted(x)", SORTS)
    assert passes(checker, "def f(x): x.sort()", "a = [3, 1]\nf(a)\nassert a == [1, 3]")
    assert passes(checker, "def max(x): return x[-1]", "assert max([2, 1]) == 1", asked=("max",))


# -- errors that the tests' own constructs take for something else ---------------------------------

LOOPING = (
    LOOPS,
    "assert all(f(x) == x * x for x in [2, 3])",
    "for got, wanted in zip(map(f, [2, 3]), [4, 9]):\n    assert got == wanted",
    "assert not any(map(lambda x: f(x) != x * x, [2, 3]))",
    "assert [x for x in map(f, [2, 3]) if x not in (4, 9)] == []",
    "assert sum(map(lambda x: f(x) != x * x, [2, 3])) == 0",
    "assert list(filter(lambda x: f(x) != x * x, [2, 3])) == []",
    "from itertools import *\nassert list(dropwhile(lambda x: f(x) == x * x, [2, 3])) == []",
    "for got in iter(lambda: f(2), None):\n    assert got == 4\n    break",
    "import functools\nassert functools.reduce(max, map(f, [1, 2]), 4) == 4",
    "got = dict(zip([2, 3], map(f, [2, 3])))\nassert all(got[x] == x * x for x in got)",
    "assert next(map(f, [2]), 4) == 4",
    (
        "def each():\n    try:\n        yield\n    finally:\n        assert f(2) == 4\n"
        "made = each()\nnext(made)\nmade.close()"
    ),
)
ENDING = {
    "the function": "def f(x): raise StopIteration",
    "a value": "def f(x): raise StopIteration(x)",
    "a kind of its own": "class Mine(StopIteration): pass\ndef f(x): raise Mine",
    "an inner iterator": "def f(x): return next(iter([]))",
    "for asynchronous ones": "def f(x): raise StopAsyncIteration",
    "a generator's end": "def f(x): raise GeneratorExit",
}


@pytest.mark.parametrize("test", LOOPING)
def test_an_end_of_iteration_out_of_a_function_ends_no_loop_of_the_tests(checker, test):
    assert passes(checker, RIGHT, test)
    found = {name: checker.check(Submission(text, (test,))) for name, text in ENDING.items()}
    assert {name for name, checked in found.items() if checked.state == "passed"} == set()
    assert all("the program raised" in checked.reason for checked in found.values())


def test_an_iterator_may_end(checker):
    program = "def f(n): yield from range(n)"
    ends = (
        "it = f(1)\nassert next(it) == 0\ntry: next(it)\nexcept StopIteration: pass\nelse: assert 0"
    )
    assert passes(checker, program, ends, "assert list(zip(f(2), 'ab')) == [(0, 'a'), (1, 'b')]")


@pytest.mark.parametrize(
    ("right", "wrong", "test"),
    [
        (  # the assert is about a value, and there is none
            RIGHT,
            "def f(x): raise AssertionError",
            (
                "def differs(x):\n    try:\n        assert f(x) == x\n    except AssertionError:\n"
                "        return True\n    return False\nassert differs(2)"
            ),
        ),
        (
            RIGHT,
            "class Mine(AssertionError): pass\ndef f(x): raise Mine",
            (
                "import contextlib\nok = True\nwith contextlib.suppress(AssertionError):\n"
                "    assert f(2) == 5\n    ok = False\nassert ok"
            ),
        ),
        (
            RIGHT,
            "def f(x): raise AssertionError",
            (
                "import unittest\none = unittest.TestCase()\n"
                "with one.assertRaises(AssertionError):\n"
                "    assert f(2) == 5"
            ),
        ),
        (  # asserts in what the tests hand over
            "def f(g): g(4)",
            "def f(g):\n    try: g(5)\n    except BaseException: pass",
            "def is_four(x):\n    assert x == 4\nf(is_four)",
        ),
        (
            "def f(g): return [g(x) for x in (4, 4)]",
            (
                "def f(g):\n    for x in (4, 5):\n        try: g(x)\n        except: pass\n"
                "    return [None, None]"
            ),
            (
                "class Case:\n    def check(self, x):\n        assert x == 4, 'no'\n"
                "assert f(Case().check) == [None, None]"
            ),
        ),
        ("def f(x): return len", "def f(x): return object()", "assert callable(f(2))"),
        (
            "def f(x): return iter([4])",
            "def f(x): return lambda: 4",
            "from collections.abc import Iterator\nassert isinstance(f(2), Iterator)",
        ),
        (
            "def f(x): return [4]",
            "class It:\n    def __len__(self): return 1\ndef f(x): return It()",
            "from collections.abc import Sized\nassert isinstance(f(2), Sized)",
        ),
        (
            "def f(x): return [4]",
            "class It:\n    def __iter__(self): return iter([4])\ndef f(x): return It()",
            "assert hasattr(f(2), '__iter__')",
        ),
        (
            "def f(x): return True",
            "class It:\n    def __bool__(self): return True\ndef f(x): return It()",
            "assert f(2)",
        ),
        (
            "def f(x): return '4'",
            "class It:\n    def __str__(self): return '4'\ndef f(x): return It()",
            "assert str(f(2)) == '4'",
        ),
        (
            "def f(x): return 4",
            (
                "class It:\n    def __hash__(self): return 4\n"
                "    def __eq__(self, o): return True\n"
                "def f(x): return It()"
            ),
            "assert f(2) in {4} and {4: 5}[f(2)] == 5",
        ),
        (
            "def f(x): return [4]",
            "class It:\n    def __contains__(self, o): return True\ndef f(x): return It()",
            "assert 4 in f(2)",
        ),
        (
            "def f(x): return 4",
            "class It:\n    __class__ = int\ndef f(x): return It()",
            "assert isinstance(f(2), int)",
        ),
    ],
)
def test_what_tests_trust_is_found_out_where_the_program_cannot_reach(checker, right, wrong, test):
    assert passes(checker, right, test)
    assert not passes(checker, wrong, test)


@pytest.mark.parametrize(
    "error", ["SystemExit(0)", "KeyboardInterrupt", "BaseException", "ValueError"]
)
def test_an_error_counts_only_where_the_tests_ask_for_it(checker, error):
    program = f"def f(x): raise {error}"
    assert not passes(checker, program, "assert f(2) == 4")
    assert not passes(checker, program, LOOPS)
    kind = error.partition("(")[0]
    asked = f"try:\n    f(2)\nexcept {kind}:\n    pass\nelse:\n    assert 0"
    assert passes(checker, program, asked)


# -- tests that say the same of every program ------------------------------------------------------


def test_tests_that_run_and_ask_nothing_are_no_pass(checker):
    assert checker.check(Submission(RIGHT, ("assert sum([1, 2]) == 3",))).state == "unfit"
    empty = Submission(RIGHT, ("for x in []:\n    assert f(x) == 4",))
    assert checker.check(empty).reason == "the tests never called the program"
    check = "def check(candidate):\n    if callable(candidate):\n        assert candidate(2) == 4"
    for program in ("f = 4", "def f(x): return 5"):
        assert not passes(checker, program, check, entry_point="f", call="check")


def test_tests_below_a_guard_run(checker):
    guarded = "def main():\n    assert f(2) == 4\nif __name__ == '__main__':\n    main()"
    assert passes(checker, RIGHT, guarded)
    assert not passes(checker, "def f(x): return 5", guarded)
