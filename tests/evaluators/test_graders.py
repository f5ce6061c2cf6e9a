"""The graders for a user's own questions."""

import pytest

from graphsearch.evaluators.graders import get_grader, grader_names
from graphsearch.records.calls import Outcome
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Grader, Item


def item(gold, **meta):
    return Item("i1", "?", gold, meta=meta)


def test_graders_by_name():
    assert {"choice", "exact", "numeric", "puzzle", "recall"} <= set(grader_names())
    for name in ("choice", "exact", "numeric"):
        assert isinstance(get_grader(name), Grader)
        assert get_grader(name).claims(item("1"), "Answer: 1") is None
    with pytest.raises(TaskError, match="no grader 'taste'; known: bbh"):
        get_grader("taste")
    with pytest.raises(TaskError, match="unknown option 'taste' of grader 'exact'; known: case"):
        get_grader("exact", taste=1)


@pytest.mark.parametrize(
    ("gold", "text", "right"),
    [
        (18, "16 - 3 - 4 = 9, times 2.\nAnswer: 18", True),
        ("18", "Answer: $18.00 per day in 7 days", True),
        ("so 9 * 2 = 18\n#### 18", "**Answer:** 18 dollars", True),
        ("1,234.5", r"thus \boxed{1234.5}", True),
        ("1/2", r"The answer is $\frac{1}{2}$.", True),
        (0.5, "Answer: x = 1/2", True),
        ("-3", "Answer: −3", True),
        (1000000, "Answer: 1e6", True),
        ("7", "first 5, then 7", True),
        ("7", "Answer: 5\nwait.\nAnswer: 7", True),
        ("7", "7 is what I had.\nAnswer: 5", False),
        ("12", "x12 or v12 it is: 1", False),
    ],
)
def test_numeric(gold, text, right):
    verdict = get_grader("numeric").grade(item(gold), text)
    assert (verdict.score, verdict.outcome) == (float(right), Outcome.ANSWERED)


def test_numeric_unread_tolerance_and_canonical_form():
    grader = get_grader("numeric")
    assert grader.grade(item(3), "no idea").outcome is Outcome.UNPARSED
    assert grader.parse(item(3), "Answer: 0.50") == grader.parse(item(3), "Answer: 2/4") == "1/2"
    assert grader.grade(item(3.14159), "Answer: 3.14").score == 0
    assert get_grader("numeric", tolerance=0.01).grade(item(3.14159), "Answer: 3.14").score == 1
    assert get_grader("numeric", tolerance=0.01).grade(item(-100), "Answer: -102").score == 0
    with pytest.raises(TaskError, match="gold answer 'many' is no number"):
        grader.grade(item("many"), "Answer: 3")
    with pytest.raises(TaskError, match="tolerance"):
        get_grader("numeric", tolerance=2)


@pytest.mark.parametrize(
    ("gold", "text", "right"),
    [
        ("Paris", "I think.\nAnswer:  paris.", True),
        ("New York", 'The answer is "New  York".', True),
        (["USA", "United States"], "Answer: united states", True),
        ("yes", "Let me see.\n\nYes!", True),
        (4, "Answer: 4", True),
        ("Paris", "Answer: London", False),
        ("Paris", "Answer: Paris, Texas", False),
    ],
)
def test_exact(gold, text, right):
    verdict = get_grader("exact").grade(item(gold), text)
    assert (verdict.score, verdict.outcome) == (float(right), Outcome.ANSWERED)


def test_exact_case_empty_and_bad_gold():
    assert get_grader("exact", case=True).grade(item("Paris"), "Answer: paris").score == 0
    assert get_grader("exact").grade(item("Paris"), " \n ").outcome is Outcome.UNPARSED
    for gold in ("  ", [], {"a": 1}):
        with pytest.raises(TaskError, match="no text"):
            get_grader("exact").grade(item(gold), "Answer: x")


CHOICES = ["red", "green", "blue"]


@pytest.mark.parametrize(
    ("gold", "text", "said"),
    [
        ("B", "Answer: B", "B"),
        ("b", "Answer: (b) green", "B"),
        (1, r"\boxed{B}", "B"),
        ("green", "Answer: Green.", "B"),
        ("B", "It cannot be (A). I choose (B)", "B"),
        ("B", "The answer is C, because A is wrong", "C"),
        ("B", "B", "B"),
        ("B", "I like A cat", None),
        ("B", "Answer: E", None),
    ],
)
def test_choice(gold, text, said):
    verdict = get_grader("choice").grade(item(gold, choices=CHOICES), text)
    assert verdict.parsed == said
    assert verdict.score == float(said == "B")
    assert verdict.outcome is (Outcome.UNPARSED if said is None else Outcome.ANSWERED)


def test_choice_without_listed_choices_and_with_bad_gold():
    assert get_grader("choice", letters="AB").grade(item("B"), "Answer: B").score == 1
    with pytest.raises(TaskError, match="gold answer 'F' is none of A, B, C, D, E"):
        get_grader("choice").grade(item("F"), "Answer: B")
    with pytest.raises(TaskError, match="capitals"):
        get_grader("choice", letters="ab")


@pytest.mark.parametrize(
    ("gold", "meta", "sentence"),
    [
        (24, {}, "needs a field 'numbers'.*got None"),
        (24, {"numbers": "2 4 6 8"}, "needs a field 'numbers'"),
        (24, {"numbers": [2, "4"]}, "needs a field 'numbers'"),
        ("many", {"numbers": [2, 4]}, "gold answer 'many' is no number"),
    ],
)
def test_a_puzzle_that_cannot_be_graded_is_refused_before_any_call(gold, meta, sentence):
    grader = get_grader("puzzle")
    with pytest.raises(TaskError, match=sentence):
        grader.check(item(gold, **meta))
    grader.check(item("24", numbers=[2, 4, 6, 8]))
