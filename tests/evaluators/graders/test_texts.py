"""Graders of texts: where the final answer is found, and what makes it right."""

import pytest

from graphsearch.evaluators.graders import get_grader
from graphsearch.evaluators.graders.f1 import normal_words, token_f1
from graphsearch.evaluators.graders.final import after_thoughts, final_answer
from graphsearch.records.calls import Outcome
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item


def item(gold, **meta):
    return Item("i1", "?", gold, meta=meta)


# -- thoughts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<think>20? no.</think>She makes $18.", "She makes $18."),
        ("<think>\nAnswer: 20\n</think>\n\nAnswer: 18", "Answer: 18"),
        ("<Thinking>20</Thinking>\n18", "18"),
        ("<reasoning>20</reasoning><answer>18</answer>", "<answer>18</answer>"),
        ("<thought>20</thought>\n    return x\n", "    return x"),
        ("so it is 20\nno\n</think>\n18", "18"),
        ("<think>20</think>Maybe 19. <think>19?</think>So 18.", "Maybe 19. So 18."),
        ("<think>they want <think> tags</think>18", "18"),
        ("<think>they want <think>20</think> tags</think>18", "18"),
        ("<think></think>18", "18"),
        ("<think>so 18</think>", ""),
        ("<think>\nso it is 18", ""),
        ("  <think>so it is 18", ""),
        ("<think>a</think> <think>so 18", ""),
        ("Let me see.\n<think>so it is 18", ""),
        ("Use `<think>`.\n<think>\nso it is 18", ""),
        # No thoughts.
        ("18\n", "18\n"),
        ("I think 18", "I think 18"),
        ("The <think> tag is one of ours. Answer: B", "The <think> tag is one of ours. Answer: B"),
        ("It ends at `</think>`. B", "It ends at `</think>`. B"),
        ("text.split('</think>')[-1]", "text.split('</think>')[-1]"),
        ('re.sub(r"<think>.*?</think>\\s*", "", s)', 're.sub(r"<think>.*?</think>\\s*", "", s)'),
        ("x < think > y, <thinker>, <think/>", "x < think > y, <thinker>, <think/>"),
        ("", ""),
    ],
)
def test_what_is_said_outside_thoughts(text, said):
    assert after_thoughts(text) == said


# -- where the final answer is ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("I think 3.\nAnswer: 4", "4"),
        ("**Final answer:** 4.", "4"),
        ("The final answer is: 4", "4"),
        ("Answer:\n\n4 apples", "4 apples"),
        ("Answer: 3\nNo.\nAnswer: 4", "4"),
        ("Answer:", None),
        ("3 + 1\n#### 4", "4"),
        ("<answer> 4 </answer>", "4"),
        ("<answer>3</answer> no, <answer>4</answer>\nSo it is 5", "4"),
        # The last mark counts, of whatever kind.
        ("<answer>4</answer>\nAnswer: 5", "5"),
        ("Answer: Janet's ducks lay 16 eggs.\nShe sells 9 of them at $2.\n#### 18", "18"),
        ("Answer: 16 - 7 = 9 eggs.\n\nSo she makes \\boxed{18} dollars.", "18"),
        ("\\boxed{20}? No.\nAnswer: 18", "18"),
        ('{"answer": "17"}\nI was wrong: \\boxed{18}', "18"),
        # But no heading, no sentence, and nothing that is within another mark.
        ("Answer: 18\n\n#### Step 2\nBecause 9 * 2 = 18.", "18"),
        ("#### Step 1\nso 9 * 2\n#### 18", "18"),
        ("\\boxed{18}\nSo the answer is right.", "18"),
        ("<answer>\nfirst \\boxed{18}\nAnswer: 18, I think</answer>", "18"),
        ('{"answer": "4", "reasoning": "so \\\\boxed{3} #### 3"}', "4"),
        (r'{"answer": "\\frac{1}{2}", "reasoning": "\(x\) and \boxed{3}"}', r"\frac{1}{2}"),
        ("<answer>4 < 5</answer>", "4 < 5"),
        ('{"reasoning": "so", "answer": "4"}', "4"),
        ('{"answer": 4, "sure": true}', "4"),
        ('## Answer:\n```json\n{"answer": "\\\\frac12"}\n```', "\\frac12"),
        ('{"answer": "a \\"b\\""}', 'a "b"'),
        (r'{"answer": ""} so \boxed{4}', "4"),
        (r"\boxed{} The answer is 4.", "4"),
        (r"so \boxed{3} and \boxed{4}", "3, 4"),
        (r"\boxed{3}, which is wrong. So \boxed{4}.", "4"),
        (r"\boxed{\frac{1}{\boxed{2}}}", "2"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"Answer: $\boxed{4}$", "4"),
        (r"\boxed{4", None),
        ("I hope the answer is 4.", "4"),
        ("no idea", None),
        ("", None),
    ],
)
def test_the_final_answer(text, said):
    assert final_answer(text) == said


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("tags", "1"),
        ("line", "2"),
        ("hashes", "3"),
        ("json", "4"),
        ("boxed", "5"),
        ("sentence", "6"),
        ("last-line", "the answer is 6"),
    ],
)
def test_one_place_alone(how, said):
    text = (
        '<answer>1</answer>\nAnswer: 2\n#### 3\n{"answer": "4"}\n\\boxed{5}\n\nthe answer is 6\n \n'
    )
    assert final_answer(text, how) == said
    assert final_answer("nothing", how) == ("nothing" if how == "last-line" else None)
    assert final_answer(text, "whole") == text.strip()


# -- exact, BIG-Bench Hard -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gold", "text", "score"),
    [
        ("Paris", r"\boxed{\text{Paris}}", 1),
        ("True", r"$\boxed{\textbf{True.}}$", 1),
        (r"\text{Paris}", "Paris", 1),
        ("Paris", r"\boxed{\text{Paris} or \text{Rome}}", 0),
        ("Paris", r"\boxed{\sqrt{Paris}}", 0),
        ("don't", "Answer: Don’t", 1),
        ("Paris", "Answer: “Paris”", 1),
        ("no", "I don't know", 0),
        ("Yes", "Answer: Yes, because it is", 0),
    ],
)
def test_exact(gold, text, score):
    assert get_grader("exact").grade(item(gold), text).score == score


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Answer: Yes, because there is no turn", "yes"),
        ("So the answer is No (he did not).", "no"),
        ("Answer: Valid - it follows", "valid"),
        ("Answer: False because not True", "false"),
        ("Answer: yes or no", "yes or no"),
        ("Answer: nobody, because", "nobody, because"),
        ("Answer: True love", "true love"),
        ("Answer: no-one", "no-one"),
        ("Answer: apple, banana", "apple, banana"),
    ],
)
def test_a_verdict_with_its_reason(text, said):
    assert get_grader("bbh").parse(item("Yes", form="exact"), text) == said


# -- F1 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gold", "text", "f1", "em"),
    [
        ("Barack Obama", "Answer: Obama", 2 / 3, 0),
        ("Barack Obama", "Answer: the Barack Obama!", 1, 1),
        ("Eiffel Tower", "It is in Paris.\nThe Eiffel Tower", 1, 1),
        (["4", "four"], "Answer: Four", 1, 1),
        ("a b b", "Answer: b b b", 2 * 2 / 5, 0),
        ("yes", "Answer: no", 0, 0),
        ("New York City", "Answer: York, New", 2 * 2 / 5, 0),
        ("U.S.", "Answer: US", 1, 1),
    ],
)
def test_f1(gold, text, f1, em):
    assert get_grader("f1").grade(item(gold), text).score == pytest.approx(f1)
    assert get_grader("f1", metric="em").grade(item(gold), text).score == em


def test_f1_parts():
    assert normal_words("The  quick, an (a) FOX.") == "quick fox"
    assert normal_words("Athena and a the") == "athena and"
    assert token_f1("", "") == 1
    assert token_f1("x", "") == 0
    assert get_grader("f1").grade(item("x"), " ").outcome is Outcome.UNPARSED
    with pytest.raises(TaskError, match="no text"):
        get_grader("f1").check(item({"a": 1}))


# -- contains, regex -------------------------------------------------------------------------------


def test_contains():
    grader = get_grader("contains")
    assert grader.grade(item("art"), "Modern  Art.").score == 1
    assert grader.grade(item("art"), "a party").score == 0
    assert get_grader("contains", words=False).grade(item("art"), "a party").score == 1
    assert get_grader("contains", case=True).grade(item("art"), "Art").score == 0
    assert grader.grade(item(["cat", "dog"]), "a dog").score == 1
    both = get_grader("contains", need="all")
    assert both.grade(item(["cat", "dog"]), "a dog").score == 0
    assert both.grade(item(["cat", "dog"]), "dog and cat").score == 1
    assert "without cat" in both.grade(item(["cat", "dog"]), "a dog").reason
    assert grader.grade(item("C++"), "in C++, say").score == 1
    last = get_grader("contains", extract="last-line")
    assert last.grade(item("no"), "no\nyes").score == 0
    assert grader.grade(item("x"), "").outcome is Outcome.UNPARSED


@pytest.mark.parametrize(
    ("gold", "text", "score"),
    [
        ("5", "It is 5.", 1),
        ("5", "5%, (5), $5, x=5", 1),
        ("5", "- 5 apples", 1),
        ("5", "It is -5", 0),
        ("5", "−5", 0),
        ("5", "5.5", 0),
        ("5", "0.5 or .5", 0),
        ("5", "1/5 or 5/8 or 5^2", 0),
        ("12", "12,500", 0),
        ("500", "12,500", 0),
        ("12,500", "12,500.", 1),
        ("-5", "It is -5", 1),
        ("4", "2,4,6", 1),
        ("19", "covid-19", 1),
        ("5 cats", "1.5 cats", 0),
        ("北京", "答案是北京市", 1),
        ("北京", "答案是南京市", 0),
        ("Paris", "答案是Paris。", 1),
        ("18", "共有18个", 1),
        ("18", "共有118个", 0),
        ("don't", "I don’t", 1),
        ("don’t", "I don't", 1),
        ("art", "party", 0),
    ],
)
def test_what_is_contained(gold, text, score):
    assert get_grader("contains").grade(item(gold), text).score == score


def test_regex():
    grader = get_grader("regex", workers=1)
    assert grader.grade(item(r"colou?r"), "My COLOR").score == 1
    assert grader.grade(item([r"^x", r"y$"]), "any").score == 1
    assert grader.grade(item(r"^x"), "any").score == 0
    framed = get_grader("regex", pattern=r"=\s*{gold}\b", workers=1)
    assert framed.grade(item("1.5"), "x = 1.5").score == 1
    assert framed.grade(item("1.5"), "x = 1x5").score == 0
    whole = get_grader("regex", match="full", case=True, extract="line", workers=1)
    assert whole.grade(item("[A-Z]{2}"), "Answer: AB").score == 1
    assert whole.grade(item("[A-Z]{2}"), "Answer: ABC").score == 0
    assert whole.grade(item("[A-Z]{2}"), "ABC").outcome is Outcome.UNPARSED
    for made in (grader, framed, whole):
        made.close()
        made.close()


def test_a_pattern_that_hangs_is_wrong_within_the_limit():
    grader = get_grader("regex", seconds=0.2, workers=1)
    verdict = grader.grade(item(r"(a+)+$"), "a" * 60 + "b")
    assert (verdict.score, verdict.outcome) == (0, Outcome.ANSWERED)
    assert "took more than 0.2 s" in verdict.reason
    assert grader.grade(item("a"), "a").score == 1
    grader.close()


def test_a_bad_pattern_is_refused():
    with pytest.raises(TaskError, match="is no regular expression"):
        get_grader("regex", pattern="(")
    with pytest.raises(TaskError, match=r"item 'i1': .* is no regular expression"):
        get_grader("regex").check(item("["))
    unchecked = get_grader("regex", workers=1)
    with pytest.raises(TaskError, match=r"item 'i1': .* is no regular expression"):
        unchecked.grade(item("["), "x")  # and calls no answer wrong
    unchecked.close()
    with pytest.raises(TaskError, match="is no text"):
        get_grader("regex").check(item(None))
    get_grader("regex", pattern="fixed").check(item(None))


# -- numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pick", "said"), [("auto", "7"), ("first", "3"), ("last", "2")])
def test_the_number_that_counts(pick, said):
    assert get_grader("numeric", pick=pick).parse(item(1), "Answer: 3 + 4 = 7 (step 2)") == said


def test_a_number_elsewhere_counts_for_nothing_where_a_place_is_asked_for():
    strict = get_grader("numeric", extract="json")
    assert strict.grade(item(4), 'so 4: {"answer": 4}').score == 1
    assert strict.grade(item(4), "so 4").outcome is Outcome.UNPARSED


# -- choices ---------------------------------------------------------------------------------------

TEXTS = ["a cat", "two cats", "no cat at all", "I do not know"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Answer: B", "B"),
        ("Answer: (B)", "B"),
        ("Answer: B) two cats", "B"),
        ("Answer: B. two cats", "B"),
        ("Answer: B: two cats", "B"),
        ("answer: b", "B"),
        ("Answer: **B**", "B"),
        (r"\boxed{\text{(B)}}", "B"),
        (r"\boxed{\textbf{(B) }two}", "B"),
        ("The answer is option B.", "B"),
        ("The correct answer is B because C is wrong.", "B"),
        ("<answer>B</answer>", "B"),
        ('{"answer": "B"}', "B"),
        ("Answer: two cats", "B"),
        ("Answer: Two cats.", "B"),
        ("Answer: a cat", "A"),
        ("Answer: A", "A"),
        ("Answer: I do not know", "D"),
        ("Answer: it must be two cats then", "B"),
        ("two cats", "B"),
        ("It is not (A). I take (B)", "B"),
        ("B", "B"),
        ("b", "B"),
        ("B) two cats", "B"),
        ("Let me see.\nB.", "B"),
        ("I like A lot", None),
        ("Answer: F", None),
        ("Answer: a cat or two cats", None),
        ("", None),
    ],
)
def test_choices(text, said):
    assert get_grader("choice").parse(item("B", choices=TEXTS), text) == said


ENDINGS = (
    """Therefore, the correct option is {}.|So the correct choice is {}.|I believe it is {}
So option {} is correct.|{} is the right one.|The answer is {} because it fits.|I would choose {}.
Answer: {}, since the others are wrong.|Answer: {} is correct|The answer must be {}.|My answer: {}
Hence {}.|The best answer is option {}|Therefore {} is correct, as explained.|Answer {}|{}|({})
Thus ({}).|I'd go with {}.|{}) this one|Answer: {} (this one)|**Answer: {}**|The answer is "{}".
选{}|答案是{}。|The best choice is {}.|The correct answer would be {}.|So the answer should be {}.
""".replace("\n", "|")
    .strip("|")
    .split("|")
)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("letter", "ABDI")
def test_all_letters_are_read_alike(letter, ending):
    asked = item("A", choices=[f"choice {i}" for i in range(10)])
    for text in (ending.format(letter), f"Let me think about it.\n{ending.format(letter)}"):
        assert get_grader("choice").parse(asked, text) == letter, text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A train leaves at noon. I think it is late.", None),
        ("I think B", "B"),
        ("Answer: I am not sure", None),
        ("I, however, do not know. So do I.", None),
        ("Answer: A mix of things", None),
        ("The choice I made is D.", "D"),
        ("The title is A Tale of Two Cities.", None),
        ("Vitamin D has nothing to do with it.", None),
        ("It was a B-52, grade A-plus, in the U.S.A. then", None),
        ("I think B is wrong.", None),
        ("B is wrong, so C.", "C"),
        ("It cannot be A.", None),
        ("Answer: not B", None),
        ("Answer: not B but C", "C"),
        ("The answer is neither A nor B.", None),
        ("Answer: B or C", None),
        ("Answer: A/B", None),
        ("Answer: A, B and C.", None),
        ("Either B or C.", None),
        ("Answer: A, since B is in England.", "A"),
        ("Answer: B, A is wrong", "B"),
        ("Only A and C are true; the answer is D", "D"),
        ("The best choice is B, unlike A.", "B"),
        ("C is correct. Vitamin D has nothing to do with it.", "C"),
        ("So:\n(B) is correct. (A), (C) and (D) are wrong.", "B"),
        ("Option A is the correct one, B is not.", "A"),
        ("B\n\nExplanation: A is wrong. C is in Germany. D is in Italy.", "B"),
        ("B) this\n\nA is Paris.", "B"),
        ("A. Paris\n\nLondon (B) is in England.", "A"),
        ("B\nExplanation: option A is the capital of France.", "B"),
        ("A) no\nB) wrong\nC) correct\nD) wrong", None),
        ("A) no\nB) yes\nC) no\nD) no\nSo B is right.", "B"),
        ("Answer: Ｂ", "B"),
        ("Ⓑ", "B"),
    ],
)
def test_letters_and_words(text, said):
    asked = item("A", choices=[f"choice {i}" for i in range(10)])
    assert get_grader("choice").parse(asked, text) == said


def test_a_number_that_is_another_choice_by_its_text_is_refused():
    grader = get_grader("choice")
    with pytest.raises(TaskError, match=r"'i1': .* 2 is choice C by its place and choice A by its"):
        grader.check(item(2, choices=["2", "4", "6", "8"]))
    grader.check(item(2, choices=["0", "1", "2"]))
    grader.check(item(3, choices=["2", "4", "6", "8"]))
    assert grader.grade(item("2", choices=["2", "4", "6", "8"]), "Answer: A").score == 1
    # A letter in use means its own choice, also where it is the text of another.
    assert grader.grade(item("B", choices=["O", "A", "B", "AB"]), "Answer: B").score == 1
    assert grader.grade(item("B", choices=["O", "A", "B", "AB"]), "Answer: AB").score == 0


def test_as_many_choices_as_letters():
    many = [f"choice {i}" for i in range(26)]
    grader = get_grader("choice")
    assert grader.grade(item(25, choices=many), "The answer is Z").score == 1
    assert grader.grade(item("choice 7", choices=many), "Answer: H").score == 1
    assert grader.parse(item("A", choices=many), "Answer: choice 12") == "M"
    for wrong in ([*many, "one more"], []):
        with pytest.raises(TaskError, match="1 to 26 can be graded"):
            grader.check(item(0, choices=wrong))
    assert grader.parse(item("A", choices=["2", "3"]), "Answer: 3") == "B"


def test_only_where_asked_for():
    strict = get_grader("choice", extract="tags")
    assert strict.parse(item("B"), "Answer: B") is None
    assert strict.parse(item("B"), "<answer>B</answer>") == "B"
