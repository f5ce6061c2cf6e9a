"""One reader of boxes, for what models answer and for what solutions say."""

import json

import pytest

from graphsearch.evaluators.boxed import last_boxed
from graphsearch.evaluators.graders import get_grader
from graphsearch.evaluators.tasks import get_task
from graphsearch.records.tasks import Item


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no box", None),
        (r"\boxed{}", ""),
        (r"\boxed{4}", "4"),
        (r"\boxed {4}", "4"),
        (r"\fbox{4}", "4"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{\boxed{4}}", "4"),
        (r"\boxed{x = \fbox{4}}", "4"),
        # braces that are signs, and a line's end before a brace
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{\left\{ 1, 2 \right.}", r"\left\{ 1, 2 \right."),
        (r"\boxed{\text{a}\\} and more}", r"\text{a}\\"),
        # two boxes
        (r"\boxed{1}, then \boxed{2}", "2"),
        (r"\boxed{1}" + "x" * 90 + r"\boxed{2}", "2"),
        (r"$x=\boxed{1}$ and $\boxed{2}$.", "1, 2"),
        (r"\boxed{3}, \boxed{4}", "3, 4"),
        (r"$\boxed{3}$. $\fbox{3}$", "3"),
        (r"\boxed{1} \text{ and } \boxed{2}", "1, 2"),
        (r"\boxed{1},\quad \text{or}~\boxed{2}", "1, 2"),
        (r"\[\boxed{1}\] and \(\boxed{2}\)", "1, 2"),
        (r"\[\boxed{1}\]\[\boxed{2}\]", "2"),
        (r"\boxed{1} \text{ and then } \boxed{2}", "2"),
        (r"\boxed{1} \text{and not} \boxed{2}", "2"),
        # never closed
        (r"\boxed{\frac{1}{2", None),
        (r"\boxed{1} but not \boxed{2", "1"),
        (r"\boxed{1} but not \boxed{2\}", "1"),
        # without braces
        (r"so $\boxed 5$.", "5"),
        (r"\[\boxed -7\]", "-7"),
        (r"$\boxed\frac{1}{2}$", r"\frac{1}{2}"),
        (r"it is \boxed 12.", "12"),
        (r"Put it in \boxed or say so: \boxed{3} in \boxed", "3"),
    ],
)
def test_what_a_box_holds(text, said):
    assert last_boxed(text) == said


def test_many_boxes_are_read_in_no_time():
    assert last_boxed(r"\boxed{" * 140_000) is None
    assert last_boxed(r"\boxed{1}, " * 50_000) == "1"


SOLUTIONS = [
    (r"Hence $\boxed{5}$.", "5"),
    (r"The roots are $\boxed{1}$ and $\boxed{2}$.", "1, 2"),
    (r"At first \boxed{1}, but in the end it is $\fbox{\frac{2}{3}}$.", r"\frac{2}{3}"),
    (r"So $\boxed 7$ is it.", "7"),
]


def test_a_solution_and_a_reply_are_read_alike(tmp_path):
    """MATH's own folder has no field for the answer: it is in the solution's box."""
    folder = tmp_path / "test" / "algebra"
    folder.mkdir(parents=True)
    for number in range(24):
        solution, _ = SOLUTIONS[number % len(SOLUTIONS)]
        row = {"problem": f"What is {number} of {number * 7}?", "solution": solution}
        row |= {"level": "Level 1", "type": "Algebra"}
        (folder / f"{number}.json").write_text(json.dumps(row))
    task = get_task("math", path=tmp_path)
    items = [item for split in task.splits.values() for item in split]
    assert {item.gold for item in items} == {gold for _, gold in SOLUTIONS}
    grader = get_grader("math", workers=1)
    for solution, gold in SOLUTIONS:
        assert grader.grade(Item("i", "?", gold), solution).score == 1
    grader.close()
