"""Raw outputs of real models, graded again: the verdicts are the recorded ones."""

from itertools import islice

import pytest

from benchmarks import graders as bench
from tests.support import shared_data


@pytest.mark.parametrize("source", ["zeroeval", "reasoning_gym", "tot_game24"])
def test_recorded_labels_come_out(source):
    shared_data("replay")
    found = bench.agreement(
        islice(getattr(bench, source)(), 0, None, 2 if source != "tot_game24" else 8)
    )
    assert found["differ"] == 0, found["examples"]
    assert found["answers"] >= 600


def test_what_the_defaults_see_differently():
    """Four answers that upstream's parser misreads (LOG.md), all of them right."""
    shared_data("replay")
    found = bench.agreement(bench.zeroeval(extract="auto", pick="auto"))
    assert [(d["item"][-3:], d["recorded"]) for d in found["examples"]] == [
        ("158", False),
        ("643", False),
        ("439", False),
        ("790", False),
    ]


def test_gold_answers_of_mathematics_are_right_and_changed_ones_mostly_wrong():
    shared_data("math500/test.jsonl")
    answers = bench.ordinary()
    grader = bench.get_grader("math", workers=1)
    own = [grader.grade(bench.Item("i", "?", gold), text).score for gold, text in answers[::4]]
    assert own == [1.0] * 1000
    changed = [
        grader.grade(bench.Item("i", "?", gold), text).score for gold, text in answers[1:240:4]
    ]
    assert sum(changed) < 3
    grader.close()


def test_mathematics_is_read_in_prose_as_numbers_are():
    shared_data("gsm8k/example_model_solutions.jsonl.gz")
    found = bench.prose()
    assert found["whole"]["percent_of_read"] > 99.9, found
    assert found["sentences"]["percent_of_read"] > 99, found
