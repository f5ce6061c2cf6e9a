"""Figures published for records come out of real graphs on the replay engine.

A few of each kind; all of them, of all sets, are in `python -m benchmarks replays`.
"""

import pytest

from benchmarks._published import rows
from graphsearch.evaluators.graders import get_grader
from graphsearch.evaluators.tasks import get_task
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item, check_task
from graphsearch.stats import pass_at_k
from tests.support import DATA, shared_data


@pytest.mark.parametrize("name", ["zeroeval-gsm8k", "mot-date", "tot-game24"])
def test_what_is_published_comes_out(name):
    shared_data(f"replay/{name}")
    found = list(rows(DATA / "replay", name, quick=True))
    assert len(found) >= 9
    assert [row for row in found if not row.agrees] == []


def test_pass_at_k_is_the_unbiased_estimate():
    assert pass_at_k(5, 0, 3) == 0
    assert pass_at_k(5, 5, 1) == 1
    assert pass_at_k(4, 1, 2) == pytest.approx(0.5)
    assert pass_at_k(100, 99, 2) == 1
    with pytest.raises(ValueError, match="no sense"):
        pass_at_k(3, 1, 4)


def test_the_task_of_a_record_keeps_its_questions_apart():
    path = shared_data("replay/mot-date")
    task = get_task("replay", path=path, read="exact", group_field="story")
    check_task(task)
    sizes = {split: len(items) for split, items in task.splits.items()}
    assert sum(sizes.values()) == 369
    assert task.prompt_set == "replay"
    other = get_task("replay", path=path, read="exact", group_field="story", salt=1)
    assert other.fingerprint != task.fingerprint
    assert get_task("replay", path=path, most=5).splits["test"][4].id
    item = task.splits["search"][0]
    right = item.gold[0]
    assert task.grader.grade(item, right).score == 1
    assert task.grader.grade(item, right + "?").score == 0
    by_gold = get_task("replay", path=path, grader="exact")
    assert by_gold.splits["search"][0].gold == by_gold.splits["search"][0].gold.strip()


def test_a_record_that_is_none_is_named(tmp_path):
    with pytest.raises(TaskError, match="is no record"):
        get_task("replay", path=tmp_path)
    path = shared_data("replay/mot-date")
    with pytest.raises(TaskError, match="no model 'gpt-9'"):
        get_task("replay", path=path, models=["gpt-9"])
    with pytest.raises(TaskError, match=r"questions\.jsonl:1: no field 'chapter'"):
        get_task("replay", path=path, group_field="chapter")


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        ("number", "$1,234.50 in all", "1234.5"),
        ("number", "-$8", "-8.0"),
        ("number", "2/3", "2/3"),
        ("number", "none", None),
        ("text", "  Two\nWords ", "two words"),
        ("exact", " a", " a"),
        ("exact", "", None),
    ],
)
def test_recorded_answers_are_read_as_told(read, text, said):
    assert get_grader("recorded", read=read).parse(Item("i", "?", []), text) == said
