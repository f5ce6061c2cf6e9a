from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsearch.evaluators.graders.recall import RecallGrader
from graphsearch.evaluators.tasks.recall import (
    OPERATIONS,
    STATES,
    chain_key,
    draw_items,
    facts,
    frequencies,
    load_recall,
    make_item,
    split_of,
    walk,
)
from graphsearch.records.calls import Outcome
from graphsearch.records.errors import TaskError

GRADER = RecallGrader()
TABLE_BEGINS = (14, 30, 24, 12, 2, 25)
chains = st.tuples(
    st.integers(0, STATES - 1),
    st.lists(st.integers(0, OPERATIONS - 1), min_size=1, max_size=3).map(tuple),
)


def test_the_table_holds_fixed_permutations():
    table = facts()
    assert all(sorted(row) == list(range(STATES)) for row in table)
    assert len(set(table)) == OPERATIONS == len(table)
    # The shipped weights know this very table: a change of it makes them worthless.
    assert table[0][:6] == TABLE_BEGINS


def test_frequent_operations_come_first():
    shares = frequencies()
    assert sum(shares) == pytest.approx(1)
    assert list(shares) == sorted(shares, reverse=True)


@given(chains, chains)
def test_different_chains_have_different_keys(first, second):
    assert (chain_key(*first) == chain_key(*second)) == (first == second)


def test_single_facts_are_training_material_and_chains_are_shared_out():
    assert all(split_of(s, (o,)) == "train" for s in range(STATES) for o in range(OPERATIONS))
    counts = Counter(
        split_of(s, (o, p)) for s in range(STATES) for o in range(40) for p in range(40)
    )
    total = counts.total()
    assert {k: round(100 * n / total) for k, n in counts.items()} == {
        "train": 60,
        "search": 15,
        "selection": 10,
        "test": 15,
    }


@given(chains)
def test_gold_is_the_state_at_the_end_of_the_walk(chain):
    start, operations = chain
    item = make_item(start, operations)
    trace, state = [], start
    for label, operation, after in zip("ABC", operations, walk(start, operations), strict=False):
        trace.append(f"{label} s{state} o{operation} s{after}")
        state = after
    text = " ".join(trace)
    assert GRADER.grade(item, text).score == 1
    assert GRADER.parse(item, text) == item.gold == f"s{state}"
    assert GRADER.claims(item, text) is None
    wrong = text.rsplit(" ", 1)[0] + f" s{(state + 1) % STATES}"
    assert GRADER.grade(item, wrong).score == 0


@pytest.mark.parametrize("text", ["", "s4", "A s1 o2", "A s1 o2 s3 B", "A 1 + 2 3"])
def test_what_is_not_a_trace_is_unparsed(text):
    verdict = GRADER.grade(make_item(1, (2, 3)), text)
    assert (verdict.score, verdict.outcome, verdict.parsed) == (0, Outcome.UNPARSED, None)


def test_items_are_distinct_and_of_their_split():
    task = load_recall(search=50, selection=30, test=70)
    ids = [{item.id for item in items} for items in task.splits.values()]
    assert [len(found) for found in ids] == [50, 30, 70]
    assert len(set.union(*ids)) == 150
    for split, items in task.splits.items():
        for item in items:
            start = int(item.question.split()[1].removeprefix("s"))
            assert split_of(start, tuple(item.meta["operations"])) == split
    assert {len(item.meta["operations"]) for item in task.splits["test"]} == {2, 3}


def test_a_larger_draw_begins_with_the_smaller_one():
    assert draw_items("test", 100)[:30] == draw_items("test", 30)
    assert draw_items("test", 30, seed=1) != draw_items("test", 30)


def test_an_unknown_length_is_refused():
    with pytest.raises(TaskError, match=r"task\.options\.lengths: is \[1\], must be some of 2, 3"):
        draw_items("test", 5, lengths=[1])
