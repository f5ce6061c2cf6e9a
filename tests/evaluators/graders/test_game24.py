"""Expressions over given numbers."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsearch.evaluators.graders import get_grader
from graphsearch.evaluators.graders.arithmetic import ArithmeticFault, read_arithmetic
from graphsearch.records.calls import Outcome
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item


def item(numbers=(4, 5, 6, 10), gold=24, **meta):
    given = list(numbers) if isinstance(numbers, tuple) else numbers
    return Item("i1", "?", gold, meta={"numbers": given, **meta})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(4 * 5) + (10 - 6)", "right"),
        ("Answer: 4 × 5 + 10 − 6 = 24", "right"),
        ("so 24 = 4*5+10-6", "right"),
        ("24 = 4*5+10-6", "right"),
        (r"\boxed{4 \times 5 + 10 - 6}", "right"),
        ("first\n10 - 6 + 4*5", "right"),
        ("Answer: -6 + 10 + 5*4", "right"),
        ("(10 - 6) * (5 + 4)", "is 36, not 24"),
        ("4 * 6", "does not use 5, 10"),
        ("4 * 5 + 10 - 6 + 6", "uses 6, which is not given, or not so often"),
        ("4 * 5 + 10 - 7", "uses 7, which is not given, or not so often"),
        ("(4 * 5 + (10 - 6)", "a bracket is not closed"),
        ("4 * 5 + 10 - 6)", "')' does not fit where it is"),
        ("4 5 + 10 6", "'5' does not fit where it is"),
        ("4 * * 5 + 10 - 6", "'*' stands where a number should"),
        ("(5 - 5) / 4 + 6 * 10", "uses 5, which is not given, or not so often"),
        ("4 / (5 + 6 - 10 - 1)", "uses 1, which is not given, or not so often"),
        ("4 ** 5 + 10 - 6", "'*' stands where a number should"),
        ("abs(4) * 5 + 10 - 6", "no expression: 'abs(4) * 5 + 10 - 6' is no part of an expression"),
        ("", "no expression: nothing is marked as the answer, or too much"),
        ("24", "uses 24, which is not given, or not so often"),
    ],
)
def test_an_answer(text, reason):
    verdict = get_grader("game24").grade(item(), text)
    assert verdict.reason.removeprefix("no expression: ") in (reason, reason.partition(": ")[2])
    assert verdict.score == float(reason == "right")


RIGHT = "(4 * 5) + (10 - 6)"


@pytest.mark.parametrize(
    "text",
    [
        "(4 x 5) + (10 - 6) = 24",
        "(4 X 5) + (10 - 6)",
        f"Answer: \\({RIGHT}\\)",
        f"Answer: \\({RIGHT} = 24\\).",
        r"\[ (4 \times 5) + (10 - 6) = 24 \]",
        f"\\[\n{RIGHT} = 24\n\\]",
        f"Answer:\n\\[\n{RIGHT} = 24\n\\]",
        f"```\n{RIGHT}\n```",
        f"Answer:\n```text\n{RIGHT}\n```",
        f"So {RIGHT} = 24",
        f"The solution is {RIGHT}",
        f"Therefore, the final expression is: {RIGHT} = 24.",
        f"**{RIGHT} = 24**",
        f"**Answer:** **{RIGHT} = 24**",
        f"Answer: `{RIGHT}`",
        f"{RIGHT} equals 24",
        f"{RIGHT} = 24\n\nThis uses all numbers.",
    ],
)
def test_usual_dress(text):
    verdict = get_grader("game24").grade(item(), text)
    assert (verdict.score, verdict.parsed) == (1, "(4*5)+(10-6)"), text


@pytest.mark.parametrize(
    "text",
    [
        "sqrt(4) * 5 + 10 - 6 = 24",
        "twice 4 * 5 + 10 - 6",
        "I cannot find one.\nSorry.",
        f"{RIGHT} = 24\nThat fails: 4 is used 2 times.",
        "4! * (5 - 4) = 24",
        "x = 24 and 4x",
    ],
)
def test_what_is_no_expression_is_not_read(text):
    assert get_grader("game24").grade(item(), text).outcome is Outcome.UNPARSED, text


def test_exact_fractions_and_division_by_zero():
    grader = get_grader("game24")
    assert grader.grade(item((3, 3, 8, 8)), "8 / (3 - 8 / 3)").score == 1
    assert grader.grade(item((3, 3, 8, 8)), r"\frac{8}{3-\frac{8}{3}}").score == 1
    verdict = grader.grade(item((3, 3, 8, 8)), "8 / (3 - 3) + 8")
    assert (verdict.score, verdict.reason) == (0, "a division by zero")
    assert grader.grade(item((2, 3, 4, 1)), "2(3)(4)(1)").score == 1


def test_targets_and_which_numbers():
    countdown = item((50, 26, 7, 39), gold="x", target=172)
    assert get_grader("game24").grade(countdown, "26*7+39-50+1").score == 0
    assert get_grader("game24", target=5).grade(item((2, 3)), "2+3").score == 1
    assert get_grader("game24", use="some").grade(item(), "4*6").score == 1
    assert get_grader("game24").grade(item(), "4*6").score == 0
    repeat = get_grader("game24", use="repeat")
    assert repeat.grade(item(), "4*5+10-6+6-6").score == 1
    assert repeat.grade(item(), "4*6").score == 0
    assert get_grader("game24").grade(item("4 5 6 10"), "4*5+10-6").score == 1


def test_votes_see_one_spelling():
    grader = get_grader("game24")
    assert grader.parse(item(), "Answer: 4 × 5") == grader.parse(item(), "4*5 = 20") == "4*5"
    assert grader.parse(item(), "no") is None
    assert grader.grade(item(), "no").outcome is Outcome.UNPARSED


@pytest.mark.parametrize("numbers", [None, [], "four", ["4"], [True]])
def test_an_item_without_numbers_is_refused(numbers):
    with pytest.raises(TaskError, match="needs a field 'numbers'"):
        get_grader("game24").check(item(numbers))


def test_a_bad_target_is_refused():
    with pytest.raises(TaskError, match="the field 'target' is 'many'"):
        get_grader("game24").check(item(target="many"))


EXPRESSIONS = st.recursive(
    st.integers(0, 99).map(str),
    lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({''.join(t)})"),
    max_leaves=12,
)


@given(EXPRESSIONS)
def test_values_are_pythons(text):
    exact = re.sub(r"\d+", r"Fraction(\g<0>)", text)
    try:
        expected = eval(exact, {"Fraction": Fraction})
    except ZeroDivisionError:
        with pytest.raises(ArithmeticFault, match="division by zero"):
            read_arithmetic(text).value()
        return
    assert read_arithmetic(text).value() == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("(" * 100 + "1" + ")" * 100, "nested deeper than 30"),
        ("1+" * 250 + "1", "longer than 400 characters"),
        ("9" * 13, "more than 12 digits"),
        ("+", "no numbers"),
    ],
)
def test_limits(text, why):
    with pytest.raises(ArithmeticFault, match=why):
        read_arithmetic(text).value()


def test_many_signs_are_no_recursion():
    assert read_arithmetic("-" * 399 + "1").value() == -1
