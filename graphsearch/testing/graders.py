"""What every grader must do, as tests that outside graders can import.

class TestMine(GraderConformance):
right = ((Item("1", "2 + 2?", 4), "4"),)
wrong = ((Item("1", "2 + 2?", 4), "5"),)

def make(self):
return MyGrader()
"""

import inspect
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest

from graphsearch.records.calls import Outcome
from graphsearch.records.errors import GraderFailed, TaskError
from graphsearch.records.tasks import Grader, Item, Verdict

__all__ = ["ODD_TEXTS", "SPELLINGS", "GraderConformance"]

ODD_TEXTS: tuple[str, ...] = (
    "",
    " \n\t ",
    "\x00\x07\x1b[31m",
    "half a character: \ud800",
    "\u202e\u200b\ufeff",
    "Ünïcödé ½ ² ٣ 五",
    "Answer:",
    "Answer: ",
    "answer is",
    "####",
    "<answer></answer>",
    "<answer>",
    "</answer><answer>",
    '{"answer": ',
    '{"answer": null}',
    '"answer": "\\',
    "\\boxed{",
    "\\boxed{}",
    "}" * 50 + "{" * 50,
    "(" * 50,
    "$" * 51,
    "\\" * 51,
    "-" * 51,
    "1/0",
    "0/0",
    "1e999",
    "9" * 5_000,
    "1" + "0" * 400 + "." + "1" * 400,
    "nan inf -inf",
    "=" * 51,
    "A" * 2_000,
    "word " * 2_000,
    "\n" * 5_000,
    "*" * 5_000,
    "Answer: " + "x" * 200_000,
    " " * 200_000 + "5",
    "answer is" + "\n" * 200_000,
    "<answer>" * 20_000,
    '"answer":' * 20_000,
    "\\boxed{" * 20_000,
    "answer: \n" * 20_000,
    "1," * 100_000,
    "Answer: 12" + "million" * 200,
    "Answer: " + "\\, . " * 500,
    "Answer: " + "sqrt(" * 300,
    "Answer: " + "**a " * 20_000,
    "{'answer': {" * 20_000,
    "x = 1, " * 500 + "\n" + "it is not A, so " * 200,
)
"""Replies that no grader may stumble over."""


SPELLINGS: tuple[str, ...] = (
    *("23", '"23"', "23.0", "+23", "$23", "23 cm", "`23`", "**23**", r"\boxed{23}", "Answer: 23"),
    *("5", "x = 5", "5 = x", "$x=5$", "x=5 cm", "2 + 3 = 5", r"x_1 = 5", "f(2) = 5"),
    *("2, -1", "-1, 2", r"\{2, -1\}", "x = 2 or x = -1", "2 and -1", "-1,2", "2, -1, 2"),
    *("(2, -1)", "(2,-1)", "( 2 , -1 )", "(x, y) = (2, -1)"),
    *("1/2", "0.5", r"\frac12", r"\dfrac{1}{2}", "½", "50%", r"50\%", "50 percent", "50"),
    *("1,234", "1234", "1 234", r"1{,}234", "1234.0", "x+1", "1+x", "x + 1", r"2\pi", "2π"),
    *("Paris", "paris.", '"Paris"', "the Paris", "**Paris**", r"\text{Paris}", "Answer: Paris"),
    *("Eiffel Tower", "Tower Eiffel", "the Eiffel tower", "Eiffel  Tower!"),
    *("B", "(B)", "b", "B.", "option B", "blue", "Yes", "yes.", "No", "valid", "It is valid."),
    *("4*5", "4 x 5", r"4 \times 5", "A 4 * 6 24", "A 4 * 6 24 24 =", "A s1 o1 s2", "s2"),
)
"""Answers of which some are the same to some graders."""


class GraderConformance:
    """Tests of the `Grader` protocol; subclasses say how to make one, and give examples.

    Attributes:
        right: items with answers that score 1.
        wrong: items with answers that score 0.
        unread: items with answers that cannot be read; none where every text is an answer.
        spellings: answers to the item of the first right one that mean the same to votes.
        bad_golds: gold answers that the grader refuses; none where any will do.
        golds_are_answers: whether a text may be gold answer and answer alike; patterns may not.
    """

    right: ClassVar[Sequence[tuple[Item, str]]] = ()
    wrong: ClassVar[Sequence[tuple[Item, str]]] = ()
    unread: ClassVar[Sequence[tuple[Item, str]]] = ()
    spellings: ClassVar[Sequence[str]] = ()
    bad_golds: ClassVar[Sequence[Any]] = ()
    golds_are_answers: ClassVar[bool] = True

    def make(self) -> Grader:
        """A new grader."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def grader(cls) -> Iterator[Grader]:
        """A grader for all tests of a class; closed afterwards, where it can be."""
        made = cls().make()
        yield made
        close = getattr(made, "close", None)
        if close is not None:
            close()

    def item(self) -> Item:
        """An item that can be graded."""
        return self.right[0][0]

    # -- what is promised ----------------------------------------------------------------------

    def test_it_is_a_grader(self, grader: Grader) -> None:
        """It has a name, and says whether it blocks."""
        assert isinstance(grader, Grader)
        assert grader.name.strip() == grader.name != ""
        assert isinstance(getattr(grader, "blocking", False), bool)
        assert not inspect.iscoroutinefunction(grader.grade)

    def test_right_and_wrong(self, grader: Grader) -> None:
        """The examples score what they should, with a reason and a parsed answer."""
        assert self.right
        assert self.wrong
        for score, examples in ((1.0, self.right), (0.0, self.wrong)):
            for item, text in examples:
                verdict = grader.grade(item, text)
                assert (verdict.score, text) == (score, text)
                assert verdict.reason

    def test_what_cannot_be_read_is_unparsed(self, grader: Grader) -> None:
        """Unparsed answers score 0 and have no parsed form, and their reason says so."""
        for item, text in self.unread:
            verdict = grader.grade(item, text)
            assert (verdict.score, verdict.outcome) == (0.0, Outcome.UNPARSED), text
            assert verdict.parsed is None
            assert verdict.reason

    def test_any_text_has_a_verdict(self, grader: Grader) -> None:
        """Never an exception; a score in [0, 1]; an outcome that a model can have."""
        for text in ODD_TEXTS:
            verdict = grader.grade(self.item(), text)
            assert isinstance(verdict, Verdict), text
            assert 0 <= verdict.score <= 1, text
            assert verdict.outcome in (Outcome.ANSWERED, Outcome.UNPARSED), text
            assert verdict.outcome is Outcome.ANSWERED or verdict.score == 0, text
            json.dumps([verdict.score, verdict.parsed, verdict.reason])

    def test_any_text_can_be_parsed(self, grader: Grader) -> None:
        """`parse` and `claims` give a text or None, a bool or None, and the same each time."""
        item = self.item()
        for text in ODD_TEXTS:
            parsed, claim = grader.parse(item, text), grader.claims(item, text)
            assert parsed is None or (isinstance(parsed, str) and parsed != ""), text
            assert claim is None or isinstance(claim, bool), text
            assert (grader.parse(item, text), grader.claims(item, text)) == (parsed, claim), text

    def test_parse_agrees_with_grade(self, grader: Grader) -> None:
        """What can be read can be graded, and the other way round."""
        for item, text in (*self.right, *self.wrong):
            assert grader.parse(item, text) is not None
            assert grader.grade(item, text).outcome is Outcome.ANSWERED

    def test_parse_looks_at_no_gold_answer(self, grader: Grader) -> None:
        """Votes call it: with another gold answer it gives the same."""
        for item, text in (*self.right, *self.wrong):
            blind = Item(item.id, item.question, None, item.group, item.meta)
            assert grader.parse(blind, text) == grader.parse(item, text)

    def test_equal_answers_vote_together(self, grader: Grader) -> None:
        """All spellings of an answer have one parsed form."""
        if self.spellings:
            assert len({grader.parse(self.item(), text) for text in self.spellings}) == 1

    def test_answers_that_it_takes_for_equal_share_one_key(self, grader: Grader) -> None:
        """Votes see one answer in two that it never tells apart, as gold ones or as answers.

        Two that are right for each other, and of which one is right for a third where the other is
        not, may have keys of their own: `2, -1` is both `-1, 2` and the pair `(2, -1)`.
        """
        if not self.golds_are_answers:
            return
        answers = (*SPELLINGS, *self.spellings)
        right = {(a, b) for a in answers for b in answers if self._takes(grader, a, b)}
        alike: dict[Any, list[str]] = {}
        for one in answers:
            if (one, one) in right:
                said = tuple((one, other) in right for other in answers)
                known = tuple((other, one) in right for other in answers)
                alike.setdefault((said, known), []).append(one)
        for together in alike.values():
            assert len({grader.parse(self.item(), text) for text in together}) == 1, together

    def known(self, gold: str) -> Item:
        """The item of the first right answer, with another gold answer."""
        item = self.item()
        return Item(item.id, item.question, gold, item.group, item.meta)

    def _takes(self, grader: Grader, gold: str, answer: str) -> bool:
        """Whether an answer is right where another one is the gold one, if that can be graded."""
        item = self.known(gold)
        try:
            getattr(grader, "check", lambda item: None)(item)
            return grader.grade(item, answer).score == 1.0
        except (GraderFailed, TaskError):
            return False

    def test_the_same_verdict_each_time(self, grader: Grader) -> None:
        """Pure: order and repetition do not matter, nor does a grader made anew."""
        examples = [*self.right, *self.wrong, *self.unread]
        first = [grader.grade(item, text) for item, text in examples]
        again = [grader.grade(item, text) for item, text in reversed(examples)]
        assert first == again[::-1]

    def test_a_fingerprint_tells_what_verdicts_depend_on(self, grader: Grader) -> None:
        """Where there is one it is a text, and graders made alike have the same."""
        told = getattr(grader, "fingerprint", None)
        assert told is None or (isinstance(told, str) and told)
        assert getattr(self.make(), "fingerprint", None) == told

    def test_several_threads_may_grade(self, grader: Grader) -> None:
        """The executor calls graders that block from threads."""
        examples = [*self.right, *self.wrong] * 4
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(lambda pair: grader.grade(*pair).score, examples))
        assert found == ([1.0] * len(self.right) + [0.0] * len(self.wrong)) * 4

    def test_gold_answers_that_cannot_be_graded_are_refused(self, grader: Grader) -> None:
        """`check` refuses before the first call, naming the item."""
        if not self.bad_golds:
            return
        item = self.item()
        check = getattr(grader, "check", None)
        assert check is not None
        check(item)
        for gold in self.bad_golds:
            bad = Item(item.id, item.question, gold, item.group, item.meta)
            with pytest.raises(TaskError, match=item.id):
                check(bad)

    def test_closing_is_idempotent_and_not_the_end(self, grader: Grader) -> None:
        """Graders with processes can be closed twice, and start them anew when asked again."""
        close = getattr(grader, "close", None)
        if close is None:
            return
        close()
        assert grader.grade(*self.right[0]).score == 1.0
        close()
        close()
        assert grader.grade(*self.right[0]).score == 1.0
