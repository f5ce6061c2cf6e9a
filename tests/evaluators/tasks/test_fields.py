"""Named fields of a user's own file: choices, context, tests, splits."""

import json

import pytest

from graphsearch.evaluators.tasks import load_task, source_of
from graphsearch.evaluators.tasks.examine import examine
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Task, check_task

ONE = {"question": "Which is even?", "answer": "B", "choices": ["three", "four"]}


@pytest.fixture
def load(tmp_path):
    def put(rows, name="q.jsonl", **options):
        path = tmp_path / name
        path.write_text("\n".join(json.dumps(row) for row in rows))
        return load_task(path, **options)

    return put


def fill(count=60):
    return [{"question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(count)]


def one(task: Task, start: str):
    (found,) = [
        item for items in task.splits.values() for item in items if item.question.startswith(start)
    ]
    return found


def test_choices_become_lettered_lines_and_what_the_grader_reads(load):
    rows = [
        {"question": f"Is {n} even?", "answer": n % 2, "choices": ["yes", "no"]} for n in "abc"[:0]
    ]
    rows += [{**ONE, "question": f"Which is {n}?", "choices": [str(n), n + 1]} for n in range(60)]
    task = load(rows, grader="choice")
    item = one(task, "Which is 7?")
    assert item.question == "Which is 7?\n\nA. 7\nB. 8"
    assert item.meta == {"choices": ["7", "8"]}
    assert task.prompt_set == "chat-choice"
    assert task.grader.grade(item, "Answer: B").score == 1


def test_choices_of_a_cell_and_of_texts_with_labels(tmp_path, load):
    path = tmp_path / "q.csv"
    rows = [f'Which is {n}?,B,"[""{n}"", ""x""]"' for n in range(60)]
    path.write_text("\n".join(["question,answer,choices", *rows]))
    assert one(load_task(path, grader="choice"), "Which is 7?").meta["choices"] == ["7", "x"]
    arc = {"text": ["three", "four"], "label": ["A", "B"]}
    task = load([*fill(), {**ONE, "choices": arc}])
    assert one(task, "Which is even?").question.endswith("\n\nA. three\nB. four")


def test_context_goes_before_the_question_and_tests_to_the_grader(load):
    rows = [
        *fill(),
        {"question": "Who?", "answer": "Ann", "context": "Ann came."},
        {"question": "When?", "answer": "noon", "context": ["Ann came.", "It was noon.", ""]},
        {"question": "Why?", "answer": "so", "context": "", "tests": None, "choices": []},
        {"question": "Write f.", "tests": ["assert f(1) == 2"], "level": 2},
    ]
    task = load(rows)
    assert one(task, "Ann came.\n\nWho?").gold == "Ann"
    assert one(task, "Ann came.\n\nIt was noon.\n\nWhen?").gold == "noon"
    assert one(task, "Why?").meta == {}
    item = one(task, "Write f.")
    assert item.meta == {"tests": ["assert f(1) == 2"], "level": 2}
    assert item.gold == ["assert f(1) == 2"]


def test_fields_of_other_names_and_fields_that_are_not_meant(load):
    rows = [
        {"q": f"Which is {n}?", "a": "x", "opts": ["x", "y"], "split": "left", "choices": n}
        for n in range(60)
    ]
    task = load(
        rows,
        question_field="q",
        answer_field="a",
        choices_field="opts",
        split_field=None,
    )
    assert one(task, "Which is 7?").meta == {"choices": ["x", "y"], "split": "left"}


def test_splits_of_the_file(load):
    names = ["train", "validation", "test"]
    rows = [row | {"split": names[n % 3]} for n, row in enumerate(fill(30))]
    task = load(rows, split_names={"train": "search", "validation": "selection"})
    check_task(task)
    assert {split: len(items) for split, items in task.splits.items()} == {
        "search": 10,
        "selection": 10,
        "test": 10,
    }
    assert one(task, "What is 4 + 1?") in task.splits["selection"]
    with pytest.raises(
        TaskError, match=r"q\.jsonl:1: field 'split' is 'train', must be one of sea"
    ):
        load(rows)
    with pytest.raises(TaskError, match=r"q\.jsonl: its field of splits leaves the selection spl"):
        load([row | {"split": "search"} for row in fill(9)] + [rows[-1]])


def test_near_duplicates_that_the_file_splits_stay_where_it_puts_them(load):
    names = ["search", "search", "selection", "test"]
    rows = [
        {"question": STORY.format(n, n), "answer": "1", "split": name}
        for n, name in enumerate(names)
    ]
    task = load(rows)
    check_task(task)
    assert [len(items) for items in task.splits.values()] == [2, 1, 1]
    assert len({item.group for item in task.splits["search"]}) == 1
    assert task.splits["test"][0].group is None


def test_rows_without_a_split_are_split_by_hash_beside_the_others(load):
    whole = load(fill(90))
    told = one(whole, "What is 7 + 1?")
    other = "test" if told in whole.splits["search"] else "search"
    rows = [row | ({"split": other} if "is 7 +" in row["question"] else {}) for row in fill(90)]
    task = load(rows)
    assert one(task, "What is 7 + 1?") in task.splits[other]
    for split, items in whole.splits.items():
        assert {i.id for i in items} - {told.id} <= {i.id for i in task.splits[split]}


@pytest.mark.parametrize(
    ("found", "shown"), [("dev", "dev"), ("part 2", "validation"), (3, "validation")]
)
def test_names_of_splits_are_explained_where_they_are_met(load, found, shown):
    with pytest.raises(TaskError) as caught:
        load([*fill(3), {"question": "Why?", "answer": "so", "split": found}])
    assert f"split_names: {{{shown}: selection}} (task show: -o 'split_names=" in str(caught.value)


def test_one_field_is_not_two_things(load):
    with pytest.raises(TaskError, match=r"task\.options: field 'question' is to be two things at"):
        load(fill(9), answer_field="question")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"choices": ["one"]}, "field 'choices' is ['one'], must be a list of 2 to 26 texts"),
        ({"choices": ["a"] * 27}, "must be a list of 2 to 26 texts"),
        ({"choices": ["a", " "]}, "field 'choices' has the choice ' '"),
        ({"choices": ["a", None]}, "field 'choices' has the choice None"),
        ({"choices": ["a", "b", "a "]}, "field 'choices' has the choice 'a' twice"),
        ({"choices": "a or b"}, "field 'choices' is 'a or b', must be a list"),
        ({"context": 3}, "field 'context' is 3, must be a text or a list of texts"),
        ({"context": ["a", 3]}, "field 'context' is ['a', 3], must be a text"),
        ({"tests": {"a": 1}}, "field 'tests' is {'a': 1}, must be a text or a list of texts"),
        ({"split": 3}, "field 'split' is 3, must be one of search, selection, test; say what"),
        ({"answer": ""}, "field 'answer', the known answer, is empty"),
        ({"answer": []}, "field 'answer', the known answer, is empty"),
        ({"question": None}, "field 'question' is None, must be a text"),
        ({"id": {"a": 1}}, "the id {'a': 1} is neither a text nor a number"),
    ],
)
def test_fields_that_are_wrong_are_refused_with_their_line(load, row, words):
    with pytest.raises(TaskError) as caught:
        load([*fill(3), {"question": "Why?", "answer": "so", **row}])
    assert "q.jsonl:4: " in str(caught.value)
    assert words in str(caught.value)


# -- near-duplicates -------------------------------------------------------------------------------

STORY = "Anna has {} apples and buys {} more at the market on a sunny day; how many has she now?"


def test_near_duplicates_share_a_split_and_a_group(load):
    stories = [{"question": STORY.format(n, 2 * n), "answer": "1"} for n in range(5)]
    task = load([*fill(200), *stories])
    homes = {
        (split, item.group)
        for split, items in task.splits.items()
        for item in items
        if item.question.startswith("Anna")
    }
    assert len(homes) == 1
    ((_, group),) = homes
    assert group is not None
    assert all(i.group in (None, group) for items in task.splits.values() for i in items)
    apart = load([*fill(200), *stories], near_duplicates=None)
    assert {i.group for items in apart.splits.values() for i in items} == {None}


def test_a_file_of_one_template_says_what_to_do(load):
    with pytest.raises(TaskError, match=r"40 questions in 1 groups of near-duplicates leave the"):
        load([{"question": STORY.format(n, 2 * n), "answer": "1"} for n in range(40)])


# -- examination -----------------------------------------------------------------------------------


def test_an_examination_tells_everything_at_once(tmp_path):
    path = tmp_path / "q.jsonl"
    rows = [json.dumps(row) for row in fill(30)]
    rows[3] = "{"
    rows[5] = json.dumps({"question": "Why?"})
    rows[6] = json.dumps({"question": "Why?", "answer": "so", "id": 1})
    rows[7] = json.dumps({"question": "How?", "answer": "so", "id": 1})
    rows[8] = rows[9]
    rows += [json.dumps({"question": STORY.format(n, n), "answer": "1"}) for n in range(3)]
    path.write_text("\n".join(rows))
    source = source_of(path)
    assert source is not None
    seen = examine(source)
    assert [str(error).removeprefix(f"{path}:").split(" ")[0] for error in seen.errors] == [
        "4:",
        "6:",
        "8:",
        "10:",
    ]
    assert seen.questions == 29
    assert seen.task is None
    assert [group.where for group in seen.near] == [tuple(f"{path}:{n}" for n in (31, 32, 33))]
    few = examine(source, most=1)
    assert (len(few.errors), few.more_errors) == (1, 3)


def test_what_is_wrong_with_the_whole_file_is_told_too(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps(ONE))
    source = source_of(path)
    assert source is not None
    (error,) = examine(source).errors
    assert "leave the" in str(error)
