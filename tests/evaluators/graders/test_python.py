"""A user's own function as the grader."""

import sys
from pathlib import Path

import pytest

from graphsearch.evaluators.graders import get_grader
from graphsearch.evaluators.workers import WorkerPool
from graphsearch.records.calls import Outcome
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item

FILE = Path(__file__).with_name("functions.py")
ITEM = Item("i7", "What?", "right", group="g", meta={"note": "so it is"})


@pytest.fixture
def make():
    made = []

    def maker(name, **options):
        made.append(get_grader("python", function=f"{FILE}:{name}", workers=1, **options))
        return made[-1]

    yield maker
    for grader in made:
        grader.close()


def test_what_a_function_may_return(make):
    equal = make("equal")
    assert [equal.grade(ITEM, text).score for text in ("right", " right\n", "wrong")] == [1, 1, 0]
    assert make("half").grade(ITEM, "x").score == 0.5
    told = make("told").grade(ITEM, "x")
    assert (told.score, told.parsed, told.reason) == (1, "X", "so it is")
    quarter = make("verdict").grade(ITEM, "x")
    assert (quarter.score, quarter.parsed, quarter.reason) == (0.25, "x", "a quarter")
    assert make("unread").grade(ITEM, "x").outcome is Outcome.UNPARSED
    silent = make("silent").grade(ITEM, "x")
    assert (silent.outcome, silent.parsed, silent.reason) == (
        Outcome.UNPARSED,
        None,
        "nothing there",
    )
    assert make("unnamed").grade(ITEM, "x").parsed == make("half").parse(ITEM, "x") == "x"
    cut = make("told").grade(Item("i7", "?", 1, meta={"note": "half \ud83d"}), "x\ud83d")
    assert (cut.parsed, cut.reason) == ("X\ufffd", "half \ufffd")
    assert make("Judge.method").grade(ITEM, "x").score == 1


def test_it_may_be_handed_the_final_answer_alone(make):
    assert make("equal", extract="line").grade(ITEM, "I think.\nAnswer: right").score == 1
    nothing = make("equal", extract="tags").grade(ITEM, "right")
    assert nothing.outcome is Outcome.UNPARSED


def test_an_exception_is_named_with_its_item(make):
    with pytest.raises(TaskError, match=r"functions.py:breaks failed on item 'i7': KeyError: 'x'"):
        make("breaks").grade(ITEM, "x")
    lenient = make("breaks", on_error="wrong")
    verdict = lenient.grade(ITEM, "x")
    assert (verdict.score, verdict.outcome) == (0, Outcome.ANSWERED)
    assert "KeyError" in verdict.reason
    assert lenient.grade(ITEM, "right").score == 1


def test_an_answer_that_makes_it_hang_is_wrong(make, monkeypatch):
    grader = make("hangs_on_bad", seconds=0.2)
    verdict = grader.grade(ITEM, "bad")
    assert (verdict.score, verdict.outcome) == (0, Outcome.ANSWERED)
    assert "took more than 0.2 s" in verdict.reason
    assert grader.grade(ITEM, "good").score == 1
    asked = []
    ask = WorkerPool.ask

    def listen(self, request):
        asked.append(request["answer"])
        return ask(self, request)

    monkeypatch.setattr(WorkerPool, "ask", listen)
    assert grader.grade(ITEM, "bad").score == 0
    assert asked == ["bad"]  # the gold answer was tried once


@pytest.mark.parametrize("name", ["hangs", "dies"])
def test_a_function_that_never_works_stops_the_search(make, name):
    with pytest.raises(TaskError, match="on its gold answer too: the function is at fault"):
        make(name, seconds=0.2).grade(ITEM, "x")


def test_what_is_no_score_is_refused(make):
    with pytest.raises(TaskError, match=r"gave 2 for item 'i7'; a score lies from 0 to 1"):
        make("too_much").grade(ITEM, "x")


def test_functions_that_are_not_there(make, tmp_path):
    with pytest.raises(TaskError, match="no_such"):
        make("no_such").grade(ITEM, "x")
    missing = get_grader("python", function=f"{tmp_path}/none.py:f")
    with pytest.raises(TaskError, match="no file"):
        missing.check(ITEM)
    for name in ("f", "file.py:", ":f", "file.py:f()", "file.py:a b"):
        with pytest.raises(TaskError, match=r"neither file\.py:function nor module:function"):
            get_grader("python", function=name)
    with pytest.raises(TaskError, match="seconds"):
        get_grader("python", function="m:f", seconds=0.0)


def test_a_module_of_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "my_judge.py").write_text("def f(item, answer):\n    return answer == 'yes'\n")
    monkeypatch.chdir(tmp_path)
    grader = get_grader("python", function="my_judge:f", workers=1)
    assert grader.grade(ITEM, "yes").score == 1
    grader.close()
    assert "my_judge" not in sys.modules
