"""Every registered grader passes the conformance suite."""

import sys
from pathlib import Path

import pytest

from graphsearch.evaluators.graders import get_grader, grader_names
from graphsearch.evaluators.graders.base import ReadsReplies
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item
from graphsearch.testing import GraderConformance
from tests.support import ROOT

FUNCTIONS = Path(__file__).with_name("functions.py")


def item(gold, **meta):
    return Item("item-7", "?", gold, meta=meta)


class TestMath(GraderConformance):
    right = ((item("1/2"), r"\boxed{0.5}"), (item("x+1"), "1+x"))
    wrong = ((item("1/2"), "Answer: 2"), (item("x+1"), "x-1"))
    unread = ((item("1"), ""),)
    spellings = ("1/2", r"\frac12", "Answer: $0.50$")
    bad_golds = (None, "", [])

    def make(self):
        return get_grader("math", workers=1, seconds=1.0)


class TestNumeric(GraderConformance):
    right = ((item(4), "Answer: 4"),)
    wrong = ((item(4), "Answer: 5"),)
    unread = ((item(4), "four"),)
    spellings = ("4", "4.0", "8/2", "Answer: $4", r"\boxed{4}")
    bad_golds = (None, "four", True, [4])

    def make(self):
        return get_grader("numeric")


class TestExact(GraderConformance):
    right = ((item(["Paris", "City of Light"]), "Answer: paris."),)
    wrong = ((item("Paris"), "Rome"),)
    unread = ((item("Paris"), "\n"),)
    spellings = ("Paris", "paris!", "Answer:  PARIS")
    bad_golds = (None, " ", [], {"a": 1})

    def make(self):
        return get_grader("exact")


class TestF1(GraderConformance):
    right = ((item("Eiffel Tower"), "Answer: the Eiffel tower"),)
    wrong = ((item("Eiffel Tower"), "Big Ben"),)
    unread = ((item("x"), "\n"),)
    spellings = ("Eiffel Tower", "The Eiffel tower.")
    bad_golds = (None, " ", [])

    def make(self):
        return get_grader("f1")


class TestContains(GraderConformance):
    right = ((item("cat"), "a cat here"),)
    wrong = ((item("cat"), "concatenate"),)
    unread = ((item("cat"), " "),)
    spellings = ("a Cat", "a  cat")
    bad_golds = (None, "", [])

    def make(self):
        return get_grader("contains")


class TestRegex(GraderConformance):
    right = ((item("c[au]t"), "a cut"),)
    wrong = ((item("c[au]t"), "a cot"),)
    unread = ((item("c"), " "),)
    bad_golds = (None, "[", [])
    golds_are_answers = False

    def make(self):
        return get_grader("regex", workers=1)


class TestPython(GraderConformance):
    right = ((item("yes"), "yes"),)
    wrong = ((item("yes"), "no"),)

    def make(self):
        return get_grader("python", function=f"{FUNCTIONS}:equal", workers=1)


class TestChoice(GraderConformance):
    right = ((item("B", choices=["red", "blue"]), "Answer: (B)"),)
    wrong = ((item("B", choices=["red", "blue"]), "Answer: red"),)
    unread = ((item("B", choices=["red", "blue"]), "Answer: green"),)
    spellings = ("Answer: B", "(B)", "Answer: blue", r"\boxed{\text{B}}")
    bad_golds = (None, "C", 2, "green")

    def make(self):
        return get_grader("choice")


class TestGame24(GraderConformance):
    right = ((item(24, numbers=[4, 5, 6, 10]), "Answer: 4*5 + 10 - 6 = 24"),)
    wrong = ((item(24, numbers=[4, 5, 6, 10]), "4*6"),)
    unread = ((item(24, numbers=[4, 5, 6, 10]), "no way"),)
    spellings = ("4*5+10-6", r"Answer: $4 \times 5 + 10 - 6$")

    def make(self):
        return get_grader("game24")


class TestPuzzle(GraderConformance):
    right = ((item("24", numbers=[4, 6]), "A 4 * 6 24"),)
    wrong = ((item("24", numbers=[4, 6]), "A 4 + 6 10"),)
    unread = ((item("24", numbers=[4, 6]), "24"),)
    spellings = ("A 4 * 6 24", "A  4 * 6 24 24 =")
    bad_golds = (None, "many")

    def make(self):
        return get_grader("puzzle")


class TestRecall(GraderConformance):
    right = ((item("s3"), "A s1 o1 s2 B s2 o2 s3"),)
    wrong = ((item("s3"), "A s1 o1 s2"),)
    unread = ((item("s3"), "s3"),)

    def make(self):
        return get_grader("recall")


class TestBbh(GraderConformance):
    right = ((item("(A)", form="choice", choices=["red", "blue"]), "Answer: (A)"),)
    wrong = ((item("(A)", form="choice", choices=["red", "blue"]), "Answer: (B)"),)
    unread = ((item(4, form="numeric"), "four"),)
    spellings = ("Answer: A", "(A)", "Answer: red")
    bad_golds = (None, "(C)")

    def make(self):
        return get_grader("bbh")


class TestRecorded(GraderConformance):
    right = ((item(["4", "four"]), "four"),)
    wrong = ((item(["4", "four"]), "five"),)
    unread = ((item(["4"]), ""),)
    spellings = ("four", " Four")
    bad_golds = (None, "4")

    def make(self):
        return get_grader("recorded")

    def known(self, gold):
        return item([gold])


ELSEWHERE = {"code", "llm-judge"}
"""Graders with tests of their own: one needs a sandbox, the other is no quick function."""


GRADERS = [
    TestMath, TestNumeric, TestExact, TestF1, TestContains, TestRegex, TestPython, TestChoice,
    TestGame24, TestPuzzle, TestRecall, TestBbh,
]  # fmt: skip


@pytest.mark.parametrize("kind", GRADERS, ids=lambda kind: kind.__name__)
def test_no_grader_reads_thoughts(kind):
    grader = kind().make()
    wrong = kind.wrong[0][1]
    for asked, right in kind.right:
        for text in (f"<think>\n{wrong}\n</think>\n\n{right}", f"{wrong}</think>{right}"):
            assert grader.parse(asked, text) == grader.parse(asked, right), text
            assert grader.grade(asked, text) == grader.grade(asked, right), text
        cut = f"<think>\n{right}\nBut wait"
        assert grader.parse(asked, cut) is None
        assert grader.grade(asked, cut).score == 0
    if hasattr(grader, "close"):
        grader.close()


def test_every_registered_grader_but_the_record_s_is_handed_no_thoughts():
    made = {"llm-judge": {"model": "m"}, "python": {"function": f"{FUNCTIONS}:equal"}}
    without = [
        name
        for name in grader_names()
        if not isinstance(get_grader(name, **made.get(name, {})), ReadsReplies)
    ]
    assert without == ["recorded"]


def test_every_registered_grader_is_here():
    here = {name.removeprefix("Test").lower() for name in vars(sys.modules[__name__])}
    assert set(grader_names()) - ELSEWHERE <= here


@pytest.mark.parametrize(
    ("name", "plain", "others"),
    [
        ("math", {}, [{"seconds": 1.0}, {"extract": "boxed"}]),
        ("regex", {}, [{"case": True}, {"match": "full"}, {"pattern": "x"}, {"seconds": 2.0}]),
        ("code", {}, [{"seconds": 1.0}, {"memory_mb": 64}, {"challenge": True}]),
        (
            "python",
            {"function": f"{FUNCTIONS}:equal"},
            [{"function": f"{FUNCTIONS}:half"}, {"on_error": "wrong"}, {"memory_mb": 64}],
        ),
    ],
)
def test_fingerprints_tell_options_that_matter(name, plain, others):
    told = [get_grader(name, **{**plain, **other}).fingerprint for other in ({}, *others)]
    assert len(set(told)) == len(told)
    assert all(one.startswith(f"{name} ") for one in told)


def test_another_text_of_the_users_file_is_another_fingerprint(tmp_path):
    file = tmp_path / "judge.py"
    told = set()
    for text in ("def f(item, answer): return True", "def f(item, answer): return False"):
        file.write_text(text)
        told.add(get_grader("python", function=f"{file}:f").fingerprint)
    assert len(told) == 2
    file.unlink()
    with pytest.raises(TaskError, match="No such file"):
        _ = get_grader("python", function=f"{file}:f").fingerprint


def test_every_registered_grader_is_in_the_table_of_the_note():
    lines = (ROOT / "design/graders.md").read_text().splitlines()
    rows = [line.split("|")[1].strip(" `") for line in lines if line.startswith("| `")]
    assert [name for name in grader_names() if rows.count(name) != 1] == []


def test_the_suite_finds_a_bad_grader():
    class Bad(TestNumeric):
        def make(self):
            made = get_grader("numeric")
            made.parse = lambda item, text: str(item.gold)
            return made

    with pytest.raises(AssertionError):
        Bad().test_parse_looks_at_no_gold_answer(Bad().make())
