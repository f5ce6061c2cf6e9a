"""The numeric grader: which number a reply says, and when it says none for sure."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsearch.evaluators.graders import get_grader
from graphsearch.records.calls import Outcome
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item

GRADER = get_grader("numeric")


def said(text):
    return GRADER.parse(Item("i", "?", 1), text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        # spellings of LaTeX
        (r"The answer is $\boxed{1{,}234}$.", "1234"),
        (r"\boxed{1\,234}", "1234"),
        (r"\boxed{11,\! 111,\!100}", "11111100"),
        (r"\[ \boxed{\$12{,}000} \]", "12000"),
        (r"\boxed{6 \times 10^5}", "600000"),
        (r"\boxed{1.5 \cdot 10^{-3}}", "3/2000"),
        ("Answer: 6 x 10^5", "600000"),
        ("Answer: 6×10⁵", "600000"),
        (r"\boxed{\frac12}", "1/2"),
        (r"\boxed{\frac9{19}}", "9/19"),
        (r"\boxed{-\dfrac{3}{4}\text{ cup}}", "-3/4"),
        (r"\boxed{\frac{1.5}{2}}", "3/4"),
        (r"\boxed{18\text{ km}}", "18"),
        (r"\boxed{64^\circ}", "64"),
        # mixed numbers
        ("Answer: 3 1/2", "7/2"),
        ("Answer: -3 1/2 inches", "-7/2"),
        (r"\boxed{2\frac{1}{2}}", "5/2"),
        ("Answer: ½", "1/2"),
        ("Answer: 2½ cups", "5/2"),
        ("Answer: 2 ⅓", "7/3"),
        # units without a blank
        ("She walks 3 laps of 6 m. Answer: 18m", "18"),
        ("2 boxes of 9 is 18kg", "18"),
        ("60x9=540m", "540"),
        ("Answer: 5pm", "5"),
        ("Answer: 2:00 pm", "2"),
        ("Answer: 20th", "20"),
        ("Answer: $70k", "70000"),
        ("Answer: USD18", "18"),
        ("The area is 18 m^2.", "18"),
        ("Answer: 18cm² of 3 sheets", "18"),
        ("Answer: 18cm^2", "18"),
        ("After 3 days, 18 eggs", "18"),
        ("It grew from 5 to 18", "18"),
        ("Answer: 18 of 20 students", "18"),
        ("Answer: 1.5 million dollars", "1500000"),
        # beside letters of scripts without blanks
        ("3个盒子，每个6个，所以答案是18个。", "18"),
        ("답은 18입니다", "18"),
        ("答えは18です", "18"),
        ("共5千克", "5"),
        # signs
        ("Answer: –5", "-5"),
        ("Answer: −$5", "-5"),
        ("Answer: $-5", "-5"),
        ("Answer: x = - 5", "-5"),
        ("first 5\n- 18 eggs", "18"),
        ("Total – 18", "18"),
        # equations
        ("Answer: 18 = 3 * 6", "18"),
        ("Answer: 12 = 2/3 of 18", "12"),
        ("Answer: 2/3 of 18 = 12", "12"),
        ("Answer: 18 dollars = 9 * 2", "18"),
        ("Answer: 9 * 2 = 18 = 3 * 6", "18"),
        ("Answer: 18 (because x = 3)", "18"),
        ("Answer: 18, since x = 3", "18"),
        ("Answer: 18. Check: 3 * 5 = 15", "18"),
        ("Answer: 3.5 pounds / 10 ducks = 0.35 pounds per duck", "7/20"),
        ("Answer: if x = 3, then y = 18", "18"),
        ("Answer: <<3*6=18>>18", "18"),
        ("Answer: the 3 friends, since each pays 6, pay 3*6 = 18", "18"),
        ("Answer: 2π ≈ 6.28", "157/25"),
        # one answer, said with another number
        ("Answer: $18.00 per day in 7 days", "18"),
        ("Answer: 0.33 to 2 decimal places", "33/100"),
        ("Answer: 50% or 0.5", "50"),
        ("Answer: 1/2 or 0.5", "1/2"),
        ("Answer: 18, or eighteen", "18"),
        ("Answer: 3/4-inch", "3/4"),
        ("The answer is as follows:\nthe 9 eggs bring $18", "18"),
    ],
)
def test_the_number_that_a_reply_says(text, number):
    assert said(text) == number


@pytest.mark.parametrize(
    "text",
    [
        # two answers
        "Answer: 18 or 20",
        "The answer is either 18 or 36.",
        "It is 18 or 20",
        "Answer: between 18 and 20",
        "Answer: 18-20",
        "Answer: 18 – 20",
        "Answer: 18 to 20 eggs",
        "Answer: 18, 20",
        "Answer: 18 dollars and 50 cents",
        "Answer: 7 hours and 30 minutes",
        "Answer: 5 feet 6 inches",
        "Answer: 6ft 2in",
        "It takes 7 hours and 30 minutes.",
        "It takes 2 h 30 min",
        "一共2小时30分钟",
        "Answer: 18% or 20%",
        "Answer: 18km - 20 km",
        "Answer: 18 20",
        r"\boxed{18} or \boxed{20}",
        # a number that may be one or another
        "Answer: 1,5",
        "Antwort: 1.234,56 Euro",
        "Answer: 1,2,3",
        "Answer: 1 234",
        "Answer: 100 200 300",
        "Answer: 10:30",
        "Answer: 1:8",
        "Answer: - 5",
        "Answer: 0,234",
        # expressions
        "Answer: 2^10 = 2 * 512",
        "Answer: 2^10",
        "Answer: 5²",
        "Answer: 3 * 6",
        "Answer: 2(3+4)",
        "Answer: x - 80",
        r"\boxed{\sqrt{4}}",
        r"\boxed{3\sqrt{5}}",
        r"\boxed{1 \pm \sqrt{19}}",
        r"\boxed{\log_2 8}",
        r"\boxed{\frac{\sqrt{3}}{3}}",
        r"\boxed{288\pi}",
        r"\boxed{0.\overline{3}}",
        "Answer: 2 and a half",
        "Answer: 18 hours and a half",
        "Answer: 7 plus 11",
        "Answer: 50% of 36",
        "Answer: minus 5",
        "答案是负5",
        # what is written onto it is not known
        "Of 2 boxes: Answer: 70K dollars",
        "2 boxes make 18xyz",
        "2 boxes cost $18m",
        "2箱で18万円",
        "2 boxes: Answer: 18 Millionen",
        # none
        "There are 2 boxes. Answer: not 18",
        "2 boxes of 9.\nAnswer: eighteen",
        "2 boxes of 9.\nAnswer: cannot be determined",
        "",
    ],
)
def test_a_reply_that_says_no_number_for_sure_is_unparsed(text):
    assert said(text) is None
    assert GRADER.grade(Item("i", "?", 2), text).outcome is Outcome.UNPARSED


@pytest.mark.parametrize(
    ("gold", "number"),
    [
        ("18", "18"),
        ("-1,234.50", "-2469/2"),
        ("+5", "5"),
        ("1/2", "1/2"),
        ("3 1/2", "7/2"),
        ("$18", "18"),
        ("18 €", "18"),
        ("$18$", "18"),
        ("$1.5M", "1500000"),
        ("18 km/h", "18"),
        ("18 m^2", "18"),
        ("18 dollars per day.", "18"),
        ("25%", "25"),
        ("1e6", "1000000"),
        (r"1{,}234", "1234"),
        (r"\frac{1}{2}", "1/2"),
        (r"6 \times 10^5", "600000"),
        (r"We get \boxed{18}.", "18"),
        ("She has 16 - 3 - 4 = <<16-3-4=9>>9 eggs.\n9 * 2 = 18\n#### 18", "18"),
        ("#### -1,234", "-1234"),
    ],
)
def test_golds_that_are_one_number(gold, number):
    assert GRADER.golds(Item("i", "?", gold)) == Fraction(number)


@pytest.mark.parametrize(
    "gold",
    [
        *("1 000 000", "1,5", "1.234,56", "$5m", "18 = 3*6", "10:30", "2^10", "2 or 3"),
        *("5 feet 6 inches", "2 and a half", "3 dozen", "between 2 and 3", "2-3", "about 18"),
        *("- 5", "1,2,3", "12,34,567", "5!", "x = 18", "She makes 18 in 2 days", "#### 2 or 3"),
        *("1/0", "1e5000", "", "m^2", r"\sqrt{4}", r"0.\overline{3}", "1" * 2000),
    ],
)
def test_golds_that_are_not_are_refused_before_the_search(gold):
    with pytest.raises(TaskError, match=r"item 'i': the gold answer .* is no number for sure"):
        GRADER.check(Item("i", "?", gold))


@given(st.text("0123456789 .,-+/*^$%={}()\\frac½x万km\n", max_size=60))
def test_any_text_is_read_or_not(text):
    number = said(text)
    assert number is None or Fraction(number) is not None


@given(st.integers(-(10**9), 10**9), st.sampled_from(["{}", "{:,}", "${:,}", "{} km", "{:,}.00"]))
def test_every_whole_number_is_read_and_is_a_gold_answer(number, form):
    text = form.format(number)
    assert said(f"From 3 and 4.\nAnswer: {text}") == str(number)
    assert GRADER.golds(Item("i", "?", text)) == number
