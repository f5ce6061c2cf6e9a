r"""Replies as real models write them: prose, JSON with LaTeX in it, equations, conclusions.

Each list holds examples of one kind of reply; what the kind means is in `design/graders.md`.
"""

import json

import pytest

from graphsearch.evaluators.graders import get_grader
from graphsearch.evaluators.graders.final import final_answer
from graphsearch.records.calls import Outcome
from graphsearch.records.tasks import Item


def item(gold=1, **meta):
    return Item("i1", "?", gold, meta=meta)


@pytest.fixture(scope="module")
def grader():
    made = get_grader("math", workers=1)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("The box holds 23 jewels.", "23"),
        ("Each ticket is $3, so all cost $9.", "9"),
        ("There are **4** solutions.", "4"),
        (r"The probability is \frac{1}{2}.", "1/2"),
        ("First 16 - 3 = 13.\nShe sells 13 * 2 = $26 worth of eggs a day.", "26"),
        ("Kylar will need to pay $80-$3 = $77.", "77"),
        ("He runs 20 x 3 = 60 meters in total each week", "60"),
        ("The bags weigh 40g + 20g = 60g", "60"),
        ("Elvira will have €1500 - €1423 = €77 left.", "77"),
        ("It is 15 % of the price, so the share is 15 percent.", "15"),
        ("So the length is 3\\sqrt{2} in all.", r"3\sqrt{2}"),
        ("Thus the area equals __12__ square units.", "12"),
        ("Since $x = 3$, there are 12 ways.", "12"),
        ("The probability is $\\frac13$, as in step 2.", "1/3"),
        ("The solutions are 3 and 4.", "3,4"),
        ("So the derivative is 2x + 3 here.", "2x+3"),
        ("Answer: 12, since it is a half of 24.", "12"),
        ("We get `18` jewels.\n\nI hope this helps! Step 3 is the one to learn.", "18"),
        ("Total: 26", "26"),
        ("=> 42", "42"),
        ("So x ≈ 42", "42"),
        (r"Hence \boxed{\text{The answer is } 42}", "42"),
        ("Hence\n\\[\n20\n\\]", "20"),
        ("So the domain is [2, 5).", "[2,5)"),
        ("He owns 300/10 = 30 30-minute episodes", "30"),
        (r"The winner is \text{Evelyn}", r"\text{evelyn}"),
        ("The winner is Evelyn.", r"\text{evelyn}"),
    ],
)
def test_mathematics_of_prose(grader, text, said):
    assert grader.parse(item(), text) == said


@pytest.mark.parametrize(
    "text",
    [
        "I could not find the answer to this question at all.",
        "Subtracting x from both sides of it as before",
        "The answer is not 18.",
        "Sorry, that is beyond what I can work out here.",
        "It is either 1,5 or so of them",
    ],
)
def test_prose_without_an_answer_is_unparsed_and_no_vote(grader, text):
    assert grader.parse(item(), text) is None
    assert grader.grade(item("18"), text).outcome is Outcome.UNPARSED


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (r'{"answer": "\frac{1}{2}"}', r"\frac{1}{2}"),
        (r'{"answer": "\theta"}', r"\theta"),
        (r'{"answer": "\boxed{5}"}', "5"),
        (r'{"answer": "\\frac{1}{2}"}', r"\frac{1}{2}"),
        (r'{"answer": "2\times 3"}', r"2\times 3"),
        (r'{"answer": "\nu + \rho"}', r"\nu + \rho"),
        (r'{"answer": "\binom{5}{2}"}', r"\binom{5}{2}"),
        (r'{"answer": "\underline{7}"}', r"\underline{7}"),
        (r'{"answer": "\sqrt{2}"}', r"\sqrt{2}"),
        (r'{"reasoning": "so \frac{1}{2}", "answer": "\tfrac{3}{4}"}', r"\tfrac{3}{4}"),
        ('{"answer": "a\\nb"}', "a\nb"),
        ("\x0crac{1}{2} is it.\nAnswer: \x0crac{1}{3}", r"\frac{1}{3}"),
        ('{"answer": "12"}\n{"answer": "___"}', "12"),
        ('{"answer": "12"}\nFormat: {"answer": "<your answer>"}', "12"),
        ('{"answer": "12"} {"answer": ""}', "12"),
        ("Answer: 12\nAnswer: [your answer here]", "12"),
        ("<answer>12</answer>\nI was asked for <answer>your answer</answer>", "12"),
        ('{"answer": {"value": 7}}', "7"),
        ('{"answer": {"value": 7.50, "unit": "cm"}}', "7.50"),
        ('{"answer": {"total": "8"}}', "8"),
        ('{"answer": [1, 2]}', "1, 2"),
        ("{'answer': '15'}", "15"),
        ('Answer: "answer": "15"', "15"),
        ("Answer: The final answer is 15", "15"),
        ("**Answer:** Answer = 15", "15"),
        (r"\boxed{\text{answer: 12}}", "12"),
        (r"Answer: \text{Answer: 12}", "12"),
        ('Answer: "23"', "23"),
    ],
)
def test_places_of_a_final_answer(text, said):
    assert final_answer(text) == said


def test_what_json_has_made_of_latex_is_right_for_both_graders_of_numbers(grader):
    numeric = get_grader("numeric")
    for text in (
        r'{"answer": "\frac{1}{2}"}',
        json.dumps({"answer": r"\frac{1}{2}"}),
        '{"answer": {"value": "1/2"}}',
        r"\text{answer: 0.5}",
        '{"answer": "1/2"}\n{"answer": "..."}',
    ):
        assert grader.grade(item("1/2"), text).score == 1, text
        assert numeric.grade(item(0.5), text).score == 1, text


def test_small_digits_are_read(grader):
    assert grader.parse(item(), "x₁ = 5") == "5"
    assert grader.grade(item("a_{12}"), "a₁₂").score == 1
    assert grader.grade(item("x^{10}+1"), "1 + x¹⁰").score == 1
    assert grader.grade(item("1011_2"), "1011₂").score == 1


@pytest.mark.parametrize(
    ("gold", "text"),
    [
        ("25", r"\boxed{x^2+y^2=25}"),
        ("3", "2x+1=3"),
        ("3", "Answer: 2x + 1 = 3"),
        ("2", "p-2"),
        ("2", r"\boxed{p-2}"),
        ("1", "-1, 1"),
        ("1", r"\boxed{-1, 1}"),
        ("5", "a+b=5"),
        ("5", "|x| = 5"),
        ("5", "x > 5"),
        ("5", r"\boxed{x \ge 5}"),
        ("5", "P(5)"),
        ("5", "5 + x"),
        ("12", "So we have 3x = 12"),
        ("5", "5_2"),
        ("5", r"\boxed{x \ne 5}"),
        ("5", r"\boxed{5 \le x}"),
        ("5", r"\boxed{a = 4, b = 5}"),
        ("5", "Answer: between 4 and 5"),
        ("2", r"\sqrt{x} = 2"),
        ("6", r"\boxed{\frac{x}{2} = 6}"),
    ],
)
def test_nothing_is_right_by_accident(grader, gold, text):
    assert grader.grade(item(gold), text).score == 0
    assert get_grader("numeric").grade(item(gold), text).score == 0


@pytest.mark.parametrize(
    ("gold", "text"),
    [
        ("5", "x = 5"),
        ("5", "x_1 = 5"),
        ("5", "f(2) = 5"),
        ("10", "2 + 3 + 5 = 10"),
        ("12", "Answer: 12 = x"),
        ("12", "12 = number of apples"),
        ("40", "s = 80 / 2 = 40"),
        ("280", "100 km + 180 km = 280 km"),
        ("60", "20 x 3 = 60"),
        ("7", "Total cost = $7"),
        ("4", "a + b = -1 + 5 = 4"),
    ],
)
def test_the_value_of_a_name_and_of_a_calculation_counts(grader, gold, text):
    assert grader.grade(item(gold), text).score == 1
    assert get_grader("numeric").grade(item(gold), text).score == 1


def test_a_chain_that_works_something_out_gives_its_last_side(grader):
    assert grader.grade(item("2k+2"), "(-k+4)+(-2+3k) = -k+4-2+3k = 2k+2").score == 1
    assert grader.grade(item("6+9i"), "(1+2i)6-3i=6+12i-3i=6+9i").score == 1
    lines = "\\begin{align*}\nx &= 3 \\cdot 20 \\\\\n&= 60.\n\\end{align*}"
    assert grader.grade(item("60"), f"So we have\n{lines}").score == 1


def test_both_sides_of_an_equation_that_is_the_answer_are_compared(grader):
    assert grader.grade(item("x^2+y^2=25"), "y^2 + x^2 = 25").score == 1
    assert grader.grade(item("x^2+y^2=25"), "25").score == 0
    assert grader.grade(item("y=2x+3"), "2x+3").score == 1
    assert grader.grade(item("y=2x+3"), "z=2x+3").score == 0
    assert grader.grade(item(r"\{1, 2\}"), "(1, 2)").score == 0


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("math", ['"23"', "23", "23.0", r"\boxed{23}", "x = 23", "The box holds 23 jewels."]),
        ("math", ["2, -1", "-1, 2", "x = 2 or x = -1", r"\{2, -1\}", "The roots are 2 and -1."]),
        ("math", ["(0.5, 1)", r"(\frac12, 1)", "(1/2,1)", "(x, y) = (1/2, 1)"]),
        ("math", ["x + 1", "1+x", "y = x + 1", "$1 + x$"]),
        ("math", ["50%", r"50\%", "50 percent", "50"]),
        ("numeric", ["23", '"23"', "$23", "x = 23", "23.0", "The box holds 23 jewels."]),
        ("exact", ["Paris", '"Paris"', "**Paris**", "Answer: paris."]),
        ("f1", ["Eiffel Tower", "the tower Eiffel", '"Eiffel" Tower']),
        ("choice", ["B", "(B)", "A, C and D are wrong, so B", "Answer: blue"]),
    ],
)
def test_equal_answers_share_one_vote(name, answers):
    made = get_grader(name)
    asked = item("B", choices=["red", "blue", "green", "grey"]) if name == "choice" else item()
    keys = {made.parse(asked, text) for text in answers}
    assert len(keys) == 1
    assert None not in keys


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A, B and D are wrong, so C", "C"),
        ("Answer: A, B and D are wrong, so C.", "C"),
        ("Not A, not B, so C.", "C"),
        ("A, B, D are false, which leaves C", "C"),
        ("Neither A nor B; therefore D", "D"),
        ("A and B are incorrect. The answer must be C.", "C"),
        ("C, since A, B and D are wrong", "C"),
        ("A, B and D are wrong", None),
        ("A, B and C are right", None),
        ("B or C", None),
    ],
)
def test_the_choice_that_is_left(text, said):
    asked = item("C", choices=["red", "blue", "green", "grey"])
    assert get_grader("choice").parse(asked, text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("The argument is valid.", "valid"),
        ("So the argument is deductively invalid.", "invalid"),
        ("The argument is not valid.", "invalid"),
        ("The expression isn't true, because of the last term.", "false"),
        ("Hence the expression is False.", "false"),
        ("Yes, because it holds.", "yes"),
        ("The sentence is plausible. So yes.", "yes"),
        ("the argument", "the argument"),
    ],
)
def test_verdicts_in_sentences_of_bbh(text, said):
    assert get_grader("bbh").parse(item(form="exact"), text) == said


@pytest.mark.parametrize(
    "end", ["<|im_end|>", "<|endoftext|>Human: hi", "</s>", "[END]", "[/PYTHON]", "</answer>", ""]
)
def test_a_fence_that_nobody_closed_ends_at_a_mark_of_the_end(end):
    asked = item(None, tests=["assert f(1) == 2"])
    text = f"Here it is:\n```python\ndef f(x):\n    return x + 1\n{end}"
    assert get_grader("code").parse(asked, text) == "def f(x):\n    return x + 1"


def test_nothing_behind_a_mark_of_the_end_is_read(grader):
    text = "Answer: 12<|im_end|>\nuser: and now?\nAnswer: 13"
    assert grader.parse(item(), text) == get_grader("numeric").parse(item(), text) == "12"
    assert get_grader("exact").parse(item(), "Answer: `<|im_end|>`") == "<|im_end|>"
