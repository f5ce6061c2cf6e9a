"""Options of tasks whose questions are drawn."""

import pytest

from graphsearch.evaluators.tasks import get_task
from graphsearch.records.errors import TaskError


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("puzzle", {"test": -1}, "task.options.test: must be at least 0, got -1"),
        ("puzzle", {"search": 0}, "task.options.search: must be at least 1, got 0"),
        ("puzzle", {"counts": []}, "task.options.counts: is [], must be some of 3, 4"),
        ("puzzle", {"counts": [3, 9]}, "task.options.counts: is [3, 9], must be some of 3, 4"),
        ("puzzle", {"test": 10**6}, "task.options.test: 1000000 items asked for, but"),
        ("recall", {"selection": -1}, "task.options.selection: must be at least 0, got -1"),
        ("recall", {"lengths": []}, "task.options.lengths: is [], must be some of 2, 3"),
        ("recall", {"test": 10**6}, "task.options.test: must be at most 20,000, got 1,000,000"),
    ],
)
def test_absurd_numbers_are_refused_with_their_value(name, options, said):
    few = {"search": 5, "selection": 5, "test": 5}
    with pytest.raises(TaskError) as caught:
        get_task(name, **{**few, **options})
    assert str(caught.value).startswith(said)


def test_only_the_search_split_must_hold_something():
    task = get_task("recall", search=3, selection=0, test=0)
    assert {split: len(items) for split, items in task.splits.items()} == {
        "search": 3,
        "selection": 0,
        "test": 0,
    }
