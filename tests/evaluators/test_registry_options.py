"""What makers of tasks and graders need is asked for by name."""

import pytest

from graphsearch.evaluators.graders import get_grader
from graphsearch.evaluators.tasks import get_task
from graphsearch.records.errors import TaskError


@pytest.mark.parametrize(
    ("make", "name", "needs"),
    [
        (get_grader, "python", "function"),
        (get_grader, "llm-judge", "model"),
        (get_task, "replay", "path"),
        (get_task, "local", "path"),
    ],
)
def test_a_missing_option_is_named(make, name, needs):
    with pytest.raises(TaskError, match=f"{name!r} needs the option {needs!r}"):
        make(name)


def test_an_unknown_option_is_named_before_a_missing_one():
    with pytest.raises(TaskError, match="unknown option 'functoin'"):
        get_grader("python", functoin="x.py:f")
