"""Programs in replies: how they are found, and how they are judged."""

import json
import threading
import time

import pytest
from typer.testing import CliRunner

from graphsearch.cli import app
from graphsearch.evaluators.graders import get_grader
from graphsearch.evaluators.graders.program import program_of
from graphsearch.records.calls import Outcome
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import BlockingGrader, Item
from graphsearch.testing import GraderConformance
from tests.support import sandbox

PROMPT = '''from typing import List

def helper(x):
    return x + 1

def f(x: int) -> int:
    """Square."""
'''
CHECK = "def check(candidate):\n    assert candidate(3) == 9\n    assert helper(1) == 2\n"
ANSWER = "def f(x):\n    return x * x"


def item(gold="", **meta):
    return Item("i1", "?", gold, meta=meta)


def humaneval():
    return item("    return x * x\n", prompt=PROMPT, test=CHECK, entry_point="f")


@pytest.fixture(scope="module")
def grader():
    sandbox()
    found = get_grader("code")
    yield found
    found.close()
    found.close()


# -- finding the program ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "program"),
    [
        (f"Sure:\n```python\n{ANSWER}\n```\nHope it helps.", ANSWER),
        (f"```python\ndef f(x):\n    return 0\n```\nBetter:\n```python\n{ANSWER}\n```", ANSWER),
        (f"```python\n{ANSWER}\n```\nIt is used so:\n```python\nprint(f(2))\n```", ANSWER),
        (f"```python\n{ANSWER}\n```\nOutput:\n```text\ndef f(x): 4\n```", ANSWER),
        (f"```python\n{ANSWER}\n```\n```python\ndef f(x)\n    broken\n```", ANSWER),
        (f"```\n{ANSWER}", ANSWER),
        (f"~~~py\n{ANSWER}\n~~~", ANSWER),
        (
            f"1. Like this:\n   ```python\n   {ANSWER.replace(chr(10), chr(10) + '   ')}\n   ```",
            ANSWER,
        ),
        (
            "```python\nimport math\n```\nthen\n```python\nf = math.sqrt\n```",
            "import math\n\nf = math.sqrt",
        ),
        (
            "```python\nimport math\n```\n```python\ng = math.sqrt\n```",
            "import math\n\ng = math.sqrt",
        ),
        (f"Here you are.\n\n{ANSWER}\n\nThis squares x.", ANSWER),
        (f"[BEGIN]\n{ANSWER}\n[DONE]\nassert f(2) == 5", ANSWER),
        (ANSWER.replace("\n", "\r\n"), ANSWER),
        ("It cannot be done.", None),
        ("", None),
    ],
)
def test_program_of_a_reply(reply, program):
    found = program_of(reply, entry_point="f", prompt=None)
    assert (found and found.strip()) == program


HELPER = "def half(x):\n    return x / 2"
USER = "def f(x):\n    return half(x)"


def fenced(*blocks, kind="python"):
    return "\nThen:\n".join(f"```{kind}\n{block}\n```" for block in blocks)


@pytest.mark.parametrize(
    ("blocks", "taken"),
    [
        ((HELPER, USER), (HELPER, USER)),
        ((USER, HELPER), (USER, HELPER)),
        (("import math", HELPER, USER), (HELPER, USER)),
        (("def half(x):\n    return 0", HELPER, USER), (HELPER, USER)),
        ((HELPER, USER, "def half(x):\n    return 0"), (HELPER, USER)),
        (
            (f"{HELPER}\ndef f(x):\n    return 0", USER),
            (f"{HELPER}\ndef f(x):\n    return 0", USER),
        ),
        ((HELPER, f"{HELPER}\n{USER}"), (f"{HELPER}\n{USER}",)),
        ((HELPER, f"from m import half\n{USER}"), (f"from m import half\n{USER}",)),
        ((HELPER, "def f(half):\n    return half(1)"), ("def f(half):\n    return half(1)",)),
        (("len = 3", "def f(x):\n    return len(x)"), ("def f(x):\n    return len(x)",)),
        (
            ("import math", "def g(x):\n    return math.pi", "def f(x):\n    return [g(x)]"),
            ("import math", "def g(x):\n    return math.pi", "def f(x):\n    return [g(x)]"),
        ),
        ((HELPER, "def f(x)\n    return half(x)"), ("def f(x)\n    return half(x)",)),
        ((f"{HELPER}\n)", USER), (USER,)),
    ],
)
def test_what_a_program_reads_and_lacks_is_taken_from_other_blocks(blocks, taken):
    found = program_of(fenced(*blocks), entry_point="f", prompt=None)
    assert found == "\n".join(f"{block}\n" for block in taken)


def test_what_the_prompt_gives_is_taken_from_no_other_block():
    blocks = ("def helper(x):\n    return 0", "def f(x):\n    return helper(x)")
    found = program_of(fenced(*blocks), entry_point="f", prompt=PROMPT)
    assert blocks[0] not in found
    assert found.endswith(blocks[1] + "\n")


EXAMPLE = '''def f(x):
    """Square.

    ```python
    >>> f(2)
    ```
    """
    return x * x'''
BROKEN = 'def f(x):\n    """Square.'


@pytest.mark.parametrize(
    ("reply", "program"),
    [
        (fenced(EXAMPLE), EXAMPLE),
        (fenced(EXAMPLE) + "\nUsed so:\n" + fenced("print(f(2))"), EXAMPLE),
        (fenced(EXAMPLE.replace("```", "~~~")), EXAMPLE.replace("```", "~~~")),
        (fenced("def f(x):\n    return 0", EXAMPLE), EXAMPLE),
        (fenced(BROKEN, ANSWER), ANSWER),
        (fenced(BROKEN) + "\nIt says what it does.", BROKEN),
        ("```python def f(x): return x * x```", "def f(x): return x * x"),
        (f"{fenced(ANSWER)}\nOr shorter:\n```python f = None```", ANSWER),
        ("It prints:\n```f(2)```\n" + ANSWER, ANSWER),
        (
            fenced(">>> def f(x):\n...     return x * x\n...\n>>> f(2)\n4", kind="pycon"),
            ANSWER + "\n\nf(2)",
        ),
        (
            fenced(">>> def f(x):\n...     return x * x\n>>> f(2)\n4"),
            ANSWER + "\nf(2)",
        ),
        (fenced(ANSWER) + "\n" + fenced(">>> f = len\n>>> f('')\n0", kind="pycon"), ANSWER),
        (fenced(ANSWER) + "\n" + fenced(">>> f = len\n>>> f('')\n0"), ANSWER),
        (fenced(ANSWER, kind="python3.11"), ANSWER),
        (fenced("f = 0", ANSWER, kind="{.python .numbered}"), ANSWER),
        (fenced(ANSWER) + "\n" + fenced("f = 0", kind="python-traceback"), ANSWER),
        (fenced(ANSWER) + "\n" + fenced("f = 0", kind="{.text}"), ANSWER),
        (fenced(ANSWER) + "\n" + fenced("f = 0", kind="pytest"), ANSWER),
    ],
)
def test_blocks_of_a_reply(reply, program):
    assert program_of(reply, entry_point="f", prompt=None).strip() == program


@pytest.mark.parametrize(
    ("reply", "tail"),
    [
        ("    return x * x\n\n\ndef main():\n    broken(", "    return x * x\n\n"),
        ("    return x * x\n\nprint(f(2))", "    return x * x\n"),
        ("    y = x\n    # so\n    return y * y\n# done", "    y = x\n    # so\n    return y * y"),
        ("```python\n    return x * x\n```", "    return x * x\n"),
        ("```python\nreturn x * x\n```", "    return x * x\n"),
    ],
)
def test_a_reply_that_continues_the_prompt(reply, tail):
    assert program_of(reply, entry_point="f", prompt=PROMPT) == PROMPT + tail


def test_a_whole_program_still_has_the_prompts_imports_and_helpers():
    found = program_of(f"```python\n{ANSWER}\n```", entry_point="f", prompt=PROMPT)
    assert found.startswith("from typing import List")
    assert found.endswith(ANSWER + "\n")


@pytest.mark.parametrize(
    "reply",
    [
        "def f(x):\n" * 20_000,
        "x = (\n" * 20_000,
        "f = " + "-" * 90_000 + "1",
        "f = " + "1+" * 40_000 + "1",
        "f = " + "(" * 90_000,
        "f = 0x" + "f" * 90_000,
        "```\n" * 20_000,
        '```\n"""\n' * 10_000,
        '```\nx = """\n' + "```\n" * 20_000,
        "```\nf = 1\n```\n" * 6_000,
        "".join(f"```\nf = g{i}\ng{i} = f\n```\n" for i in range(3_000)),
        "`" * 90_000,
        "f = '\ud800'\x00",
        "f = " + "[" * 150 + "]" * 150,
    ],
    ids=lambda reply: reply[:12].encode("ascii", "replace").decode(),
)
def test_hostile_replies_are_read_quickly(reply):
    begun = time.process_time()
    get_grader("code").parse(item(tests=["assert f(2) == 4"]), reply)
    assert time.process_time() - begun < 5


class TestConformance(GraderConformance):
    right = (
        (item(tests=["assert f(2) == 4"]), ANSWER),
        (humaneval(), "    return x * x\n"),
        (item(ANSWER, test_list=["assert f(2) == 4"]), f"```python\n{ANSWER}\n```"),
    )
    wrong = ((item(tests=["assert f(2) == 4"]), "def f(x):\n    return x"),)
    unread = ((item(tests=["assert f(2) == 4"]), "I do not know."),)
    spellings = (ANSWER, f"So:\n```python\n{ANSWER}  # done\n```", "def f( x ): return x*x")

    def make(self):
        sandbox()
        return get_grader("code")


def test_a_reply_is_read_where_nothing_is_known_but_the_question():
    assert get_grader("code").parse(item(None), f"```python\n{ANSWER}\n```") == ANSWER
    assert get_grader("code").parse(item(None), "no") is None


def test_a_draft_in_a_thought_is_no_program():
    draft = "```python\ndef f(x):\n    return 0\n```"
    grader, asked = get_grader("code"), item(tests=["assert f(2) == 4"])
    assert grader.parse(asked, f"<think>{draft}</think>\n{ANSWER}") == ANSWER
    assert grader.parse(asked, f"```python\n{ANSWER}\n```\n<think>or\n{draft}\n</think>") == ANSWER
    assert grader.parse(asked, f"<think>\n{draft}") is None
    assert (
        get_grader("code")
        .parse(humaneval(), "<think>\nso\n</think>\n\n    return x")
        .endswith("return x")
    )
    spoken = "def f(x):\n    return x.split('</think>')[-1]"
    assert grader.parse(asked, f"```python\n{spoken}\n```") == spoken


# -- judging ---------------------------------------------------------------------------------------


def test_is_a_blocking_grader():
    grader = get_grader("code")
    assert isinstance(grader, BlockingGrader)
    assert grader.blocking
    assert grader.claims(humaneval(), ANSWER) is None


def test_the_three_styles(grader):
    mbpp = item(ANSWER, test_list=["assert f(2) == 4", "assert f(3) == 9"], test_setup_code="")
    own = item(tests="assert f(2) == 4\nassert f(3) == 9")
    for one in (humaneval(), mbpp, own):
        right = grader.grade(one, f"```python\n{ANSWER}\n```")
        assert (right.score, right.outcome) == (1.0, Outcome.ANSWERED), right.reason
        wrong = grader.grade(one, "```python\ndef f(x):\n    return x * x + x - 2\n```")
        assert (wrong.score, wrong.outcome) == (0.0, Outcome.ANSWERED)
    assert grader.grade(humaneval(), "    return x * x\n").score == 1


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("def f(x): return x + 2", "failed a test: AssertionError in: assert f(3) == 9"),
        ("def f(x): return y", "NameError: name 'y' is not defined in: assert f(2) == 4"),
        ("def f(x):\n    raise KeyError('a')", "KeyError"),
        ("def f(x) return x", "the program broke: SyntaxError: "),
        ("import nothing_here\ndef f(x): return x", "ModuleNotFoundError"),
        ("def g(x): return x", "NameError: the program defines no 'f'"),
        ("f = 3", "'int' object is not callable"),
        ("class A: pass\ndef f(x): return A()", "failed a test: AssertionError in: assert f(2)"),
        ("import os\ndef f(x): os._exit(0)", "the program ended before its tests: "),
    ],
)
def test_reasons_say_what_was_wrong(grader, program, reason):
    verdict = grader.grade(item(tests=["assert f(2) == 4", "assert f(3) == 9"]), program)
    assert (verdict.score, verdict.outcome) == (0.0, Outcome.ANSWERED)
    assert reason in verdict.reason


def test_limits(grader):
    slow = get_grader("code", seconds=0.5)
    verdict = slow.grade(item(tests=["assert f(2) == 4"]), "def f(x):\n    while True: pass")
    assert verdict.score == 0
    assert "too slow: took longer than 0.5 s" in verdict.reason
    assert (
        slow.grade(item(tests=["assert f(2) == 4"]), ANSWER).score == 1
    )  # another judge, if need be
    slow.close()
    verdict = grader.grade(
        item(tests=["assert f(2) == 4"]), "def f(x): return len(bytearray(10**10))"
    )
    assert "MemoryError" in verdict.reason


def test_what_tests_may_do_beyond_plain_data(grader):
    tests = [
        "assert list(gen(3)) == [0, 1, 2]",
        "assert twice(lambda x: x + 1, 3) == 5",
        "assert twice(abs, -3) == 3",
        "assert adder(2)(3) == 5",
        "items = [3, 1, 2]\nsort(items)\nassert items == [1, 2, 3]",
        "s = Stack()\ns.push(4)\nassert s.pop() == 4 and s.size == 0",
        "try:\n    boom()\nexcept ValueError as e:\n    assert str(e) == 'no'\nelse:\n    assert 0",
        "import math, collections\nassert math.isclose(third(), 1 / 3)",
        "assert count('aab') == collections.Counter({'a': 2, 'b': 1})",
        "assert mixed() == ({1, 2}, frozenset('a'), b'x', 1j, None, {(1, 2): [3]}, 2**100)",
        "assert type(mixed()[0]) is set and type(flag()) is bool",
    ]
    program = """
from collections import Counter
def gen(n): yield from range(n)
def twice(f, x): return f(f(x))
def adder(a): return lambda b: a + b
def sort(items): items.sort()
class Stack:
    def __init__(self): self.items = []
    def push(self, x): self.items.append(x)
    def pop(self): return self.items.pop()
    @property
    def size(self): return len(self.items)
def boom(): raise ValueError("no")
def third(): return 1 / 3
def count(text): return Counter(text)
def mixed(): return {1, 2}, frozenset("a"), b"x", 1j, None, {(1, 2): [3]}, 2**100
def flag(): return True
"""
    for test in tests:
        verdict = grader.grade(item(tests=["import collections", test]), program)
        assert verdict.score == 1, (test, verdict.reason)


def test_an_argument_is_given_back_only_by_functions_that_return_nothing(grader):
    test = "items = [3, 1]\nassert f(items) == sorted(items)"
    assert grader.grade(item(tests=[test]), "def f(x):\n    x.clear()\n    return []").score == 0


def test_a_built_in_name_is_pythons_unless_the_answer_defines_it(grader):
    program = "def sum(a, b): return a + b\ndef f(x): return [9]\ndef len(x): return 4"
    assert grader.grade(item(program, test_list=["assert sum(1, 2) == 3"]), program).score == 1
    assert grader.grade(item(tests=["assert len(f(2)) == 4"]), program).score == 0


def test_challenge_tests_count_when_asked_for(grader):
    one = item(test_list=["assert f(2) == 4"], challenge_test_list=["assert f(3) == 10"])
    assert grader.grade(one, ANSWER).score == 1
    with_challenge = get_grader("code", challenge=True)
    assert with_challenge.grade(one, ANSWER).score == 0
    with_challenge.close()


def test_equal_texts_and_unread_replies(grader):
    one = item(tests=["assert f(2) == 4"])
    assert (
        grader.parse(one, f"```python\n{ANSWER}  # so\n```") == grader.parse(one, ANSWER) == ANSWER
    )
    assert grader.parse(one, "no") is None
    verdict = grader.grade(one, "I would rather not.")
    assert (verdict.score, verdict.outcome) == (0.0, Outcome.UNPARSED)


def test_threads(grader):
    one = item(tests=["assert f(2) == 4"])
    found = []
    work = [
        threading.Thread(target=lambda: found.append(grader.grade(one, ANSWER))) for _ in range(4)
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert [verdict.score for verdict in found] == [1.0] * 4


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({}, "item 'i1' has no tests"),
        ({"tests": []}, "the tests, is empty"),
        ({"tests": 3}, "must be a text or a list of texts"),
        ({"tests": ["assert f("]}, "a test is no valid Python: 'assert f\\('"),
        ({"tests": CHECK}, "the field entry_point must name the function"),
        ({"tests": CHECK, "entry_point": 3}, "'entry_point' is 3, must be a text"),
    ],
)
def test_items_that_cannot_be_graded(meta, message):
    with pytest.raises(TaskError, match=message):
        get_grader("code").check(item(**meta))


CASES = "import unittest\nclass Tests(unittest.TestCase):\n    def test(self): assert f(2) == 4"


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({"tests": ["assert sum([1, 2]) == 3"]}, "never call the program"),
        ({"test_list": ["assert len('ab') == 2", "assert math.pi > 3"]}, "never call the program"),
        ({"tests": "def test_f():\n    assert f(2) == 4"}, "never call the program"),
        ({"tests": f"{CASES}\nunittest.main()"}, "never call the program"),
        ({"tests": "f = abs\nassert f(-2) == 2"}, "never call the program"),
        ({"tests": "assert g(2) == 4", "setup": "def g(x): return 4"}, "never call the program"),
        (
            {"test": "def check(candidate):\n    assert True", "entry_point": "f"},
            "never call the program",
        ),
        ({"tests": ["assert bisect([1, 3], 2) == 1"]}, "call bisect, which is a module"),
        ({"test_list": ["assert queue([1]) == [1]"]}, "call queue, which is a module"),
        ({"tests": ["assert f(2) == 4", "assert heapq([2, 1]) == 1"]}, "call heapq, which is a"),
        ({"tests": "assert all(map(lambda x: string(x) == 'a', [1]))"}, "call string, which is a"),
    ],
)
def test_tests_that_say_the_same_of_every_program_are_refused(meta, message, tmp_path):
    with pytest.raises(TaskError, match=message):
        get_grader("code").check(item(**meta))
    row = {"question": "Write it.", "answer": "unknown", **meta}
    file = tmp_path / "questions.jsonl"
    file.write_text(json.dumps(row) + "\n")
    done = CliRunner().invoke(app, ["task", "check", str(file), "--grader", "code"])
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())


@pytest.mark.parametrize(
    "asked",
    [
        item(tests=["assert bisect.bisect([1, 3], f(2)) == 1"]),
        item(tests=["assert f(bisect) == 4"]),
        item(tests=["from bisect import bisect\nassert bisect([1, 3], f(2)) == 1"]),
        item("def queue(x): return x", test_list=["assert queue(1) == 1"]),
        item(tests=["assert candidate(bisect) == 4", "def check(candidate): pass"][:1]),
        item(test="def check(queue):\n    assert queue(1) == 1", entry_point="queue"),
        item(test="def check(*given):\n    assert given[0](1) == 1", entry_point="f"),
        item(tests="def helper(f): return f\nassert f(2) == 4"),
        item(tests="def run():\n    assert f(2) == 4\nif __name__ == '__main__':\n    run()"),
        item(tests="class Case:\n    def test(self): assert f(2) == 4\nCase().test()"),
        item(tests="@lambda test: test()\ndef test_f():\n    assert f(2) == 4"),
        item(tests="assert LIMIT == 3"),
    ],
)
def test_tests_that_ask_something_of_the_program_are_taken(asked):
    sandbox()
    get_grader("code").check(asked)


def test_a_program_that_feigns_a_failure_of_the_machine_is_wrong(grader):
    one = item(tests=["assert f(2) == 4"])
    for ending in ("os._exit(137)", "resource.setrlimit(0, (0, 0))\n    while True: pass"):
        program = f"import os, resource\ndef f(x):\n    {ending}"
        verdict = grader.grade(one, f"```python\n{program}\n```")
        assert (verdict.score, verdict.outcome) == (0.0, Outcome.ANSWERED)


def test_tests_that_hand_over_objects_are_refused(grader):
    test = "class Node: pass\nassert f(Node()) == 4"
    with pytest.raises(TaskError, match="the tests hand a Node to the program"):
        grader.grade(item(tests=[test]), ANSWER)


def test_bad_options():
    with pytest.raises(TaskError, match="seconds 0 of the sandbox"):
        get_grader("code", seconds=0)
    with pytest.raises(TaskError, match="memory_mb 3 of the sandbox is less than"):
        get_grader("code", memory_mb=3)
    with pytest.raises(TaskError, match="no sandbox 'sand'; known: bubblewrap, process"):
        get_grader("code", sandbox="sand").check(item(tests=["assert f(2) == 4"]))
