"""The math grader: labelled pairs, hostile answers, and where it looks for an answer."""

import random
import subprocess
import sys
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsearch.evaluators.graders import get_grader, math
from graphsearch.evaluators.graders.math_text import clean
from graphsearch.evaluators.workers import WorkerPool
from graphsearch.records.calls import Outcome
from graphsearch.records.errors import GraderFailed, TaskError
from graphsearch.records.tasks import BlockingGrader, Item
from tests.evaluators.graders.math_pairs import HOSTILE, PAIRS

SLOW = {"big power", "binomial", "sum", "integral", "product", "small exponent"}
"""They hang math-verify until the worker is killed; one of them is enough to show it here."""


def item(gold, **meta):
    return Item("i1", "?", gold, meta=meta)


@pytest.fixture(scope="module")
def grader():
    made = get_grader("math", workers=1)
    yield made
    made.close()


@pytest.mark.parametrize("pair", PAIRS, ids=lambda p: f"{p.kind}:{p.gold}|{p.answer}")
def test_a_pair(grader, pair):
    verdict = grader.grade(item(pair.gold), pair.answer)
    assert verdict.score == float(pair.right), verdict
    if pair.answer:  # what is graded is what `parse` reads; there is no need to grade it twice
        boxed = f"So it is\n\\[\\boxed{{{pair.answer}}}\\] I hope."
        assert grader.parse(item(pair.gold), boxed) == verdict.parsed


def test_there_are_pairs_of_all_kinds():
    assert len(PAIRS) >= 150
    assert 0.3 < sum(p.right for p in PAIRS) / len(PAIRS) < 0.7


@pytest.mark.parametrize("name", sorted(set(HOSTILE) - SLOW))
def test_a_hostile_answer_is_wrong_and_harmless(grader, name):
    for text in (HOSTILE[name], f"\\boxed{{{HOSTILE[name]}}}"):
        verdict = grader.grade(item("x^2+1"), text)
        assert verdict.score == 0
        assert grader.parse(item("x^2+1"), text) == verdict.parsed
    assert grader.grade(item("x^2+1"), "1+x^2").score == 1


def test_answers_that_hang_the_library_are_wrong_within_the_limit():
    quick = get_grader("math", workers=1, seconds=0.4)
    verdict = quick.grade(item("7"), HOSTILE["binomial"])
    assert (verdict.score, verdict.outcome) == (0, Outcome.ANSWERED)
    assert "took more than 0.4 s" in verdict.reason
    assert quick.grade(item("x+1"), "1+x").score == 1
    quick.close()


def test_a_hostile_gold_answer_is_compared_as_text(grader):
    assert grader.grade(item("9**9**9**9"), "9^9^9^9").score == 1
    assert grader.grade(item("9**9**9**9"), "5").score == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (r"First \boxed{3}. No, it is \boxed{4}.", "4"),
        (r"The roots are $\boxed{3}$ and $\boxed{4}$.", "3,4"),
        (r"Hence \fbox{\frac{1}{2}}", "1/2"),
        ("I think $x=3$.\nThe answer is $x = 12$.", "12"),
        ("**Answer:** 1,234 dollars", "1234"),
        ("so we get\n#### 12", "12"),
        ('{"reasoning": "6 + 1", "answer": "7"}', "7"),
        ("<think>1</think><answer>8</answer>", "8"),
        ("We add $3$ to $4$.\nSo the sum is $7$.", "7"),
        ("The solutions are $3$ and $4$.", "3,4"),
        ("The probability is 3/8.", "3/8"),
        ("It grew by $12$%.", "12"),
        (r"\[x^2+1\]", "x^2+1"),
        ("答案是18", "18"),
        ("3加15等于18。\n所以答案是：18。", "18"),
        ("所以答案是 $18$。", "18"),
        ("答えは 1/2 です。", "1/2"),
        (r"結果は\frac{1}{2}", "1/2"),
        ("答案不是18", None),
        ("答案是18或20", None),
        ("因为5", None),
        ("答案是" + " " * 3_000 + "18" + " " * 500 + "或", None),
        ("", None),
        (" \n ", None),
        ("\x00", None),
    ],
)
def test_where_the_answer_is(grader, text, said):
    assert grader.parse(item("1"), text) == said


def test_a_place_can_be_asked_for():
    only_boxed = get_grader("math", extract="boxed")
    assert only_boxed.parse(item("1"), "Answer: 3") is None
    assert only_boxed.grade(item("1"), "Answer: 3").outcome is Outcome.UNPARSED
    assert only_boxed.parse(item("1"), r"Answer: 3, or \boxed{4}") == "4"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,234", "1234.0"),
        (r"\dfrac{1}{2}", "0.5"),
        (r"\frac12", "$1/2$"),
        ("12 cm", r"12\text{ cm}"),
        (r"\$5", "5 dollars"),
        (r"x^{2} + 1", "x^2+1"),
        (r"\left( 3, 4 \right)", "(3,4)"),
        (r"\text{Evelyn}", "evelyn."),
        (r"2\pi", "2π"),
        ("3 1/2", r"3\frac{1}{2}"),
        (r"0.\overline{3}", "1/3"),
    ],
)
def test_equal_answers_vote_together(grader, one, other):
    assert grader.parse(item("1"), one) == grader.parse(item("1"), other) is not None


def test_several_golds_and_golds_that_are_none(grader):
    assert grader.grade(item(["5", "6"]), "6").score == 1
    assert grader.grade(item(["5", "6"]), "7").score == 0
    assert grader.grade(item(0.5), r"\frac{1}{2}").score == 1
    assert grader.grade(item(r"so we have \boxed{5}"), "5").score == 1
    for gold in (None, "", " ", [], ["5", ""], True, {"a": 1}):
        with pytest.raises(TaskError, match="item 'i1': the gold answer"):
            grader.check(item(gold))


def broken(how):
    def pool(job, **options):
        return WorkerPool("tests.evaluators.graders.jobs", [job, how], **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(math, "WorkerPool", pool)
        return get_grader("math", workers=1)


@pytest.fixture
def asked(monkeypatch):
    """What is asked of workers, from here on."""
    requests, ask = [], WorkerPool.ask

    def listen(self, request):
        requests.append(request)
        return ask(self, request)

    monkeypatch.setattr(WorkerPool, "ask", listen)
    return requests


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("says_no", r"math-verify cannot be used: .*does not tell equal from unequal"),
        ("unreadable", r"math-verify cannot be used: .*does not tell equal from unequal"),
        ("import", r"math-verify failed: ImportError: no module named"),
        ("disk", r"math-verify failed: OSError"),
    ],
)
def test_a_library_that_fails_calls_no_answer_wrong(how, said):
    made = broken(how)
    with pytest.raises(GraderFailed, match=said):
        made.grade(item("2x+2"), "2(x+1)")
    assert made.grade(item("x+1"), "1+x").score == 1  # what needs no library is judged
    assert made.grade(item("1/2"), "0.6").score == 0
    made.close()


def test_want_of_memory_that_the_library_hides_is_asked_of_a_fresh_worker():
    made = broken("swallowed_want_of_memory")
    assert [made.grade(item("2x+2"), "2(x+1)").score for _ in range(3)] == [1, 1, 1]
    made.close()


def test_a_gold_answer_that_is_not_equal_to_itself_is_named_and_calls_nothing_wrong(asked):
    made = get_grader("math", workers=1)
    gold = r"x^2+\frac{1}{"
    assert made.grade(item(gold), gold).score == 1  # by its text, it can be
    for answer in ("x+1", "x+2", "x+1"):
        with pytest.raises(GraderFailed, match=r"item 'i1': the gold answer .* to itself"):
            made.grade(item(gold), answer)
    assert sum(one[0] == one[1] for one in asked) == 1
    assert made.grade(item([gold, "2x+2"]), "2(x+1)").score == 1
    assert made.grade(item("x^2+1"), "x+1").score == 0
    made.close()


def test_a_gold_answer_that_takes_too_long_is_at_fault_and_not_the_answer():
    made = get_grader("math", workers=1, seconds=0.3)
    with pytest.raises(GraderFailed, match=r"not equal to itself \(took more than 0.3 s\)"):
        made.grade(item(HOSTILE["binomial"]), "x+1")
    made.close()


@pytest.mark.parametrize("gold", [r"\infty", r"-\infty", "12:00", r"1, 2, \ldots, n"])
def test_gold_answers_that_are_no_finite_formula_are_no_fault(grader, gold):
    assert grader.grade(item(gold), gold).score == 1
    assert grader.grade(item(gold), "x+1").score == 0
    assert grader.grade(item(gold), r"\frac{\pi}{2}").score == 0


def spelt(number, rng):
    """A number in one of the ways to write it."""
    forms = [str(number), f"{number.numerator}/{number.denominator}"]
    forms.append(rf"\frac{{{number.numerator}}}{{{number.denominator}}}")
    if number.denominator in (2, 4, 5, 10):
        forms.append(str(float(number)))
    if number.denominator == 1:
        forms += [f"{int(number):,}", f"{number}^\\circ", f"{number} cm"]
    return rng.choice(forms)


def drawn(rng):
    return Fraction(rng.randrange(-4, 5), rng.choice([1, 1, 2, 3]))


def test_what_is_decided_without_the_library_it_decides_alike(monkeypatch, asked):
    pools = []

    class Kept(WorkerPool):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            pools.append(self)

    monkeypatch.setattr(math, "WorkerPool", Kept)
    made = get_grader("math", workers=1)
    (library,) = pools
    rng = random.Random(4)
    decided = 0
    for _ in range(160):
        lists = [
            [
                Fraction(rng.randrange(-4, 5), rng.choice([1, 1, 2, 3]))
                for _ in range(rng.choice([1, 1, 2, 3]))
            ]
            for _ in range(2)
        ]
        if rng.random() < 0.4:
            lists[1] = rng.sample(lists[0], len(lists[0]))
        brackets = rng.choice(["", "()", "[]", "{}"])
        gold, said = (
            bracketed(", ".join(spelt(n, rng) for n in one), one, brackets) for one in lists
        )
        asked.clear()
        verdict = made.grade(item(gold), rf"\boxed{{{said}}}")
        assert verdict.outcome is Outcome.ANSWERED
        if not asked:
            decided += 1
            right = library.ask([clean(gold), clean(said)]).value
            assert right == (verdict.score == 1), (gold, said)
    assert decided > 80
    made.close()


def bracketed(text, numbers, brackets):
    if not brackets or len(numbers) == 1:
        return text
    return rf"\{{{text}\}}" if brackets == "{}" else f"{brackets[0]}{text}{brackets[1]}"


def test_it_blocks_and_options_are_checked(grader):
    assert isinstance(grader, BlockingGrader)
    for options in ({"seconds": 0.0}, {"workers": 0}, {"extract": "nowhere"}):
        with pytest.raises(TaskError):
            get_grader("math", **options)


WITHOUT = """
import importlib.util

known = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "math_verify" else known(name, *rest)

from graphsearch.evaluators.graders import get_grader
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item

bare, item = get_grader("math"), Item("i1", "?", "1")
print(bare.parse(item, "Answer: 0.5"))  # votes of an exported graph need no more
for act in (lambda: bare.check(item), lambda: bare.grade(item, "1")):
    try:
        act()
    except TaskError as error:
        print("graphsearch[math]" in str(error))
"""


def test_without_the_library_it_says_what_to_install():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (["1/2", "True", "True"], "")


TEXTS = st.text(max_size=60) | st.text("0123456789.,/\\{}()[]^_$%=+- fracsqtxe!", max_size=40)


@given(TEXTS)
def test_parse_never_raises_and_is_idempotent(text):
    made = get_grader("math", extract="whole")
    said = made.parse(item("1"), text)
    assert said is None or made.parse(item("1"), said) == said


def test_canonical_forms_are_answers():
    whole = get_grader("math", extract="whole")
    for pair in PAIRS:
        said = whole.parse(item("1"), pair.answer)
        assert said is None or whole.parse(item("1"), said) == said
