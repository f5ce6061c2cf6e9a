import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsearch.evaluators.graders.puzzle import PuzzleGrader
from graphsearch.evaluators.tasks.puzzle import (
    COUNTS,
    SHARES,
    draw_items,
    legal_traces,
    load_puzzle,
    make_item,
    multisets,
    split_of,
)
from graphsearch.records.calls import Outcome
from graphsearch.records.errors import TaskError

GRADER = PuzzleGrader()
ITEM = make_item((2, 7, 9, 10), 36)
RIGHT = "A 10 * 2 20 B 9 + 7 16 C 20 + 16 36 36 ="

numbers = st.lists(st.integers(1, 13), min_size=3, max_size=4).map(lambda n: tuple(sorted(n)))


def written(trace, tail=""):
    steps = " ".join(
        f"{label} {' '.join(map(str, step))}" for label, step in zip("ABC", trace, strict=False)
    )
    return f"{steps} {tail}".strip()


@given(numbers, st.randoms(use_true_random=False))
def test_every_legal_trace_is_graded_right_and_only_for_its_own_target(pool, random):
    trace = random.choice(legal_traces(pool))
    result = trace[-1].result
    assert GRADER.grade(make_item(pool, result), written(trace, f"{result} =")).score == 1
    assert GRADER.grade(make_item(pool, result + 1), written(trace, f"{result + 1} =")).score == 0


@given(numbers, st.randoms(use_true_random=False), st.integers(0, 11), st.integers(-3, 3))
def test_a_changed_number_makes_an_answer_wrong_or_another_legal_one(pool, random, place, shift):
    trace = random.choice(legal_traces(pool))
    words = written(trace).split()
    spots = [i for i, word in enumerate(words) if word.isdigit()]
    spot = spots[place % len(spots)]
    words[spot] = str(max(0, int(words[spot]) + shift))
    score = GRADER.grade(make_item(pool, trace[-1].result), " ".join(words)).score
    assert score == (1.0 if " ".join(words) == written(trace) else 0.0)


def test_the_splits_share_no_multiset_and_follow_their_shares():
    for count in COUNTS:
        by_split = {split: set(multisets(count, split)) for split, _ in SHARES}
        total = sum(len(found) for found in by_split.values())
        assert len(set().union(*by_split.values())) == total
        for split, share in SHARES:
            assert abs(len(by_split[split]) / total - share / 100) < 0.04
    assert split_of((9, 2, 7)) == split_of((2, 7, 9))


def test_items_are_distinct_solvable_and_carry_their_multiset_as_group():
    task = load_puzzle(search=60, selection=40, test=80)
    groups = [{item.group for item in items} for items in task.splits.values()]
    assert [len(items) for items in task.splits.values()] == [60, 40, 80]
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]
    for split, items in task.splits.items():
        assert len({item.id for item in items}) == len(items)
        for item in items:
            assert split_of(tuple(item.meta["numbers"])) == split
            solutions = [t for t in legal_traces(item.meta["numbers"]) if t[-1].result == item.gold]
            assert GRADER.grade(item, written(solutions[0])).score == 1


def test_a_larger_draw_begins_with_the_smaller_one_and_a_seed_changes_it():
    assert draw_items("test", 100)[:30] == draw_items("test", 30)
    assert draw_items("test", 30, seed=1) != draw_items("test", 30)
    assert load_puzzle(test=10).fingerprint != load_puzzle(test=10, seed=1).fingerprint


def test_too_many_items_and_unknown_counts_are_refused():
    with pytest.raises(TaskError, match=r"task\.options\.test: 5000 items"):
        draw_items("test", 5000)
    with pytest.raises(TaskError, match=r"task\.options\.counts: is \[5\], must be some of 3, 4"):
        draw_items("test", 5, counts=[5])


@pytest.mark.parametrize(
    ("text", "score", "claim"),
    [
        (RIGHT, 1, True),
        (RIGHT[:-1] + "~", 1, False),  # a verdict is read, never trusted
        (RIGHT[:-5], 1, None),
        ("a a1 10 * 2 20 a2 9 + 7 16 a3 20 + 16 36 36 =", 1, True),
        ("~ " + RIGHT, 1, True),
        ("A 10 * 2 21 B 9 + 7 16 C 21 + 16 36 36 =", 0, True),
        ("A 10 * 2 20 B 9 + 7 16 C 20 + 16 35 36 =", 0, True),
        ("A 10 * 2 20 B 10 + 7 17 C 20 + 16 36 36 =", 0, True),
        ("A 10 * 2 20 B 20 + 16 36 36 =", 0, True),
        ("A 7 / 9 7/9 B 7/9 * 9 7", 0, None),
        ("A 10 - 2 8 B 8 / 0 8", 0, None),
    ],
)
def test_grades_and_claims(text, score, claim):
    assert GRADER.grade(ITEM, text).score == score
    assert GRADER.grade(ITEM, text).outcome is Outcome.ANSWERED
    assert GRADER.claims(ITEM, text) is claim


@pytest.mark.parametrize("text", ["", "hello", "A 10 *", "A x * 2 20", RIGHT + " 36", "=", "36 ="])
def test_what_is_not_a_list_of_steps_is_unparsed(text):
    verdict = GRADER.grade(ITEM, text)
    assert (verdict.score, verdict.outcome, verdict.parsed) == (0, Outcome.UNPARSED, None)
    assert GRADER.claims(ITEM, text) is None


def test_fractions_are_exact():
    item = make_item((3, 3, 8), 8)
    assert GRADER.grade(item, "A 8 / 3 8/3 B 8/3 * 3 8").score == 1
    assert GRADER.grade(item, "A 8 / 3 2 B 2 * 3 8").score == 0


def test_the_step_trace_ends_at_the_first_fault():
    checks = GRADER.steps(ITEM, "A 10 * 2 20 B 9 + 7 17 C 20 + 17 37")
    assert [check.fault for check in checks] == ["", "9 + 7 is 16"]
    assert [check.fault for check in GRADER.steps(ITEM, RIGHT)] == ["", "", ""]


def test_equal_traces_parse_to_equal_texts():
    copied = "b b1 10 * 2 20 b2 9 + 7 16 b3 20 + 16 36 36 ="
    assert GRADER.parse(ITEM, RIGHT) == GRADER.parse(ITEM, copied)
