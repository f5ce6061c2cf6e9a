"""What every task must keep, as tests that outside tasks can import.

class TestMine(TaskConformance):
    def make(self):
        return my_task(path=...)

    def right(self, item):
        return f"Answer: {item.gold}"
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, ClassVar

import pytest

from graphsearch.records.tasks import Grader, Item, Task, check_task

__all__ = ["TaskConformance"]


class TaskConformance:
    """Tests of a `Task`; subclasses say how to make one, and what a right answer looks like.

    Attributes:
        most_graded: items whose gold answer is graded, the first of each split.
    """

    most_graded: ClassVar[int] = 10

    def make(self) -> Task:
        """The task, loaded anew."""
        raise NotImplementedError

    def right(self, item: Item) -> str:
        """A reply that is right; by default the gold answer, or the first of several."""
        gold: Any = item.gold[0] if isinstance(item.gold, list) and item.gold else item.gold
        return f"Answer: {gold}"

    @pytest.fixture
    def task(self) -> Iterator[Task]:
        """A task whose grader is closed afterwards, where it can be."""
        made = self.make()
        yield made
        getattr(made.grader, "close", lambda: None)()

    # -- what is promised ----------------------------------------------------------------------

    def test_it_is_a_task(self, task: Task) -> None:
        """It has a name, three splits, a grader, prompts, lengths and a fingerprint."""
        check_task(task)
        assert task.name.strip() == task.name != ""
        assert list(task.splits) == ["search", "selection", "test"]
        assert isinstance(task.grader, Grader)
        assert task.prompt_set
        assert task.fingerprint
        assert task.profile.question > 0
        assert task.profile.answer > 0

    def test_splits_share_no_item_and_no_group(self, task: Task) -> None:
        """What is known of one split says nothing about a question of another."""
        for name in ("id", "group", "question"):
            homes: dict[str, str] = {}
            for split, items in task.splits.items():
                for mark in {getattr(item, name) for item in items} - {None}:
                    assert homes.setdefault(mark, split) == split, (name, mark)

    def test_ids_are_unique_and_items_are_json(self, task: Task) -> None:
        """A store finds an item by its id, and keeps it."""
        items = [item for found in task.splits.values() for item in found]
        assert len({item.id for item in items}) == len(items)
        for item in items:
            assert json.loads(json.dumps(asdict(item), allow_nan=False)) == asdict(item), item.id

    def test_it_is_the_same_each_time(self, task: Task) -> None:
        """Loaded again it has the same questions in the same splits and order, and says so."""
        again = self.make()
        assert again.splits == task.splits
        assert again.fingerprint == task.fingerprint
        assert again.profile == task.profile
        assert (again.name, again.prompt_set) == (task.name, task.prompt_set)
        getattr(again.grader, "close", lambda: None)()

    def test_the_grader_takes_every_item(self, task: Task) -> None:
        """`check` refuses what cannot be graded before the first call; here nothing is."""
        check = getattr(task.grader, "check", None)
        if check is not None:
            for items in task.splits.values():
                for item in items:
                    check(item)

    def test_a_gold_answer_scores_1_and_an_empty_one_0(self, task: Task) -> None:
        """What the task calls right is right to its own grader, and saying nothing never is."""
        for item in self._graded(task):
            verdict = task.grader.grade(item, self.right(item))
            assert verdict.score == 1.0, (item, verdict)
            assert task.grader.grade(item, "").score == 0.0, item
            assert task.grader.parse(item, "") is None, item

    def _graded(self, task: Task) -> Sequence[Item]:
        return [item for items in task.splits.values() for item in items[: self.most_graded]]
