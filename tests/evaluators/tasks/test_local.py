"""A user's own questions from a file."""

import json

import pytest

from graphsearch.evaluators.tasks import get_task, load_task, task_names
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Task, TokenProfile
from tests.support import shared_data


@pytest.fixture
def write(tmp_path):
    def put(text, name="questions.jsonl"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return put


def lines(*rows):
    return "\n".join(json.dumps(row) for row in rows)


def many(count, start=0):
    return [{"question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(start, count)]


def test_questions_are_split_by_content_and_stay_where_they_are(write):
    small = load_task(write(lines(*many(200))))
    large = load_task(write(lines(*reversed(many(400))), "more.jsonl"))
    sizes = {split: len(items) for split, items in small.splits.items()}
    assert sum(sizes.values()) == 200
    assert 70 < sizes["search"] < 130
    for split, items in small.splits.items():
        assert {i.question for i in items} <= {i.question for i in large.splits[split]}
    ids = [item.id for items in large.splits.values() for item in items]
    assert len(set(ids)) == 400


def test_items_of_a_group_are_never_split(write):
    rows = [row | {"document": f"d{n % 20}"} for n, row in enumerate(many(200))]
    task = load_task(write(lines(*rows)), group_field="document")
    groups = [{item.group for item in items} for items in task.splits.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 20


def test_csv_and_jsonl_give_the_same_task(write):
    rows = many(50)
    text = "question,answer\n" + "\n".join(f"{r['question']},{r['answer']}" for r in rows)
    assert load_task(write(text, "q.csv")).splits == load_task(write(lines(*rows))).splits


def test_fields_ids_and_further_columns(write):
    rows = [{"q": f"Why {n}?", "a": ["x", "y"], "n": n, "level": 3} for n in range(40)]
    path = write(lines(*rows))
    task = load_task(path, question_field="q", answer_field="a", id_field="n", name="mine")
    item = task.splits["search"][0]
    assert task.name == "mine"
    assert item.question == f"Why {item.id}?"
    assert (item.gold, item.meta) == (["x", "y"], {"level": 3})
    assert task.grader.grade(item, "Answer: Y").score == 1


def test_options_shares_most_and_profile(write):
    path = write(lines(*many(300)))
    task = get_task(
        "local",
        path=path,
        grader="numeric",
        shares={"search": 1, "selection": 1, "test": 8},
        most=20,
        profile=TokenProfile(9, 7),
    )
    assert task.profile == TokenProfile(9, 7)
    assert {len(items) for items in task.splits.values()} == {20}
    assert load_task(path).profile.question == 60 + 4
    with pytest.raises(TaskError, match="shares"):
        load_task(path, shares={"search": 1})


def test_the_fingerprint_follows_the_content(write):
    first = load_task(write(lines(*many(60)))).fingerprint
    assert load_task(write(lines(*reversed(many(60))))).fingerprint == first
    rows = many(60)
    rows[7]["answer"] = "another"
    assert load_task(write(lines(*rows))).fingerprint != first


GOOD = '{"question": "q1", "answer": "a"}\n'


@pytest.mark.parametrize(
    ("text", "name", "complaint"),
    [
        (GOOD + "{nonsense", "q.jsonl", r"q\.jsonl:2: is no JSON"),
        (GOOD + "[1]", "q.jsonl", r"q\.jsonl:2: must be a JSON object"),
        (GOOD + '{"question": "q2"}', "q.jsonl", r":2: no field 'answer'; the line has: question"),
        (GOOD + '{"question": "q2", "answer": " "}', "q.jsonl", ":2: .*known answer, is empty"),
        (GOOD + '{"question": "q2", "answer": null}', "q.jsonl", ":2: .*known answer, is empty"),
        (GOOD + '{"question": "", "answer": "a"}', "q.jsonl", ":2: field 'question' is ''"),
        (GOOD + '{"question": 3, "answer": "a"}', "q.jsonl", ":2: field 'question' is 3"),
        (GOOD + "\n" + GOOD, "q.jsonl", ":3: question 'q1' is already in line 1"),
        (
            lines({"question": "q1", "answer": [1, 2]}, {"question": "q1 ", "answer": 3, "id": 7}),
            "q.jsonl",
            r":2: question 'q1' has the known answer 3 here and \[1, 2\] in line 1; several right",
        ),
        (
            '{"id": 1, "question": "q1", "answer": "a"}\n{"id": "1", "question": "q", "answer": 2}',
            "q.jsonl",
            ":2: id '1' is already in line 1",
        ),
        ("", "q.jsonl", r"q\.jsonl: holds no questions"),
        (b"\xff{}", "q.jsonl", "q.jsonl:1: is not UTF-8 text"),
        ("question,answer\nq1,a,b\n", "q.csv", r"q\.csv:2: has more fields than the header"),
        ("question,answer\nq1\n", "q.csv", r"q\.csv:2: has fewer fields"),
        ('question,answer\nq1,"a\n', "q.csv", "is no CSV"),
        (GOOD, "q.txt", r"q\.txt: is none of \.jsonl, \.csv, "),
        (GOOD, "q.jsonl", "1 questions leave the .* split empty"),
    ],
)
def test_wrong_data_is_refused_with_its_line(write, text, name, complaint):
    with pytest.raises(TaskError, match=complaint):
        load_task(write(text, name))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b'{"question": "a", "answer": ' + b"9" * 5000 + b"}",
            ":1: is no JSON: a number is too large",
        ),
        (b"[" * 100_000, ":1: is no JSON: nested too deeply"),
        (b'{"question": "a", "answer": NaN}', ":1: is no JSON: NaN is no number"),
        (b'{"question": "a\\ud800", "answer": "1"}', ":1: holds half a character"),
        (b'{"question": "a", "answer": "1", "id": [1]}', r":1: the id \[1\] is neither a text"),
    ],
)
def test_lines_that_could_not_be_kept_are_refused(write, content, words):
    with pytest.raises(TaskError, match=f"jsonl{words}"):
        load_task(write(content + b"\n" + lines(*many(60)).encode()))


def test_a_byte_order_mark_is_no_part_of_the_data(write):
    plain = load_task(write(lines(*many(60))))
    marked = load_task(write("\ufeff" + lines(*many(60)), "marked.jsonl"))
    assert marked.fingerprint == plain.fingerprint


def test_a_column_that_is_there_twice_is_refused(write):
    with pytest.raises(TaskError, match=r"csv:1: the header names 'question' twice"):
        load_task(write("question,answer,question\na,1,b\n", "twice.csv"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"grader": 3}, "task.options.grader: must be a valid string, got 3"),
        ({"grader_options": []}, "task.options.grader_options: must be"),
        ({"grader_options": {"case": 1}}, "task.options.grader_options.case: must be"),
        ({"grader_options": {"cases": 1}}, "task.options.grader_options: unknown option 'cases'"),
        ({"question_field": []}, "task.options.question_field: must be"),
        ({"shares": {"search": "much"}}, "task.options.shares: must be a valid number"),
        ({"shares": 1}, "task.options.shares: must be"),
        ({"most": 1.5}, "task.options.most: must be a valid integer, got 1.5"),
        ({"most": 0}, "task.options.most: must be at least 1, got 0"),
        ({"profile": {"question": 1}}, "task.options.profile: must be"),
        ({"prompt_set": 3}, "task.options.prompt_set: must be"),
        ({"name": 1}, "task.options.name: must be a valid string, got 1"),
        ({"names": 1}, "task.options: unknown option 'names' of task 'local'; known: answer_field"),
    ],
)
def test_options_of_a_wrong_kind_are_refused_with_their_path(write, options, words):
    with pytest.raises(TaskError) as caught:
        get_task("local", path=write(lines(*many(60))), **options)
    assert str(caught.value).startswith(words)


def test_an_absent_file_is_said_to_be_absent(tmp_path):
    with pytest.raises(TaskError, match="No such file"):
        load_task(tmp_path / "none.jsonl")
    with pytest.raises(TaskError, match="cannot be read: embedded null byte"):
        load_task(tmp_path / "null\0byte.jsonl")


def test_a_gold_answer_that_its_grader_cannot_read_is_refused_with_its_line(write):
    rows = [*many(10), {"question": "What?", "answer": "many"}]
    with pytest.raises(TaskError, match=r":11: .*gold answer 'many' is no number"):
        load_task(write(lines(*rows)), grader="numeric")


def test_tasks_by_name():
    assert {"local", "puzzle", "recall"} <= set(task_names())
    assert isinstance(get_task("puzzle", search=10, selection=10, test=10), Task)
    with pytest.raises(TaskError, match=r"no task 'chess'; known: .*local, math, .*puzzle, recall"):
        get_task("chess")
    with pytest.raises(TaskError, match="unknown option 'size' of task 'puzzle'; known: counts,"):
        get_task("puzzle", size=3)
    with pytest.raises(TaskError, match=r"task.options.counts\[1\]: must be a valid integer"):
        get_task("puzzle", counts=[3, "x"])


def test_gsm8k_as_it_comes():
    task = load_task(shared_data("gsm8k/test.jsonl"), grader="numeric")
    items = [item for split in task.splits.values() for item in split]
    assert len(items) == 1319
    assert all(task.grader.grade(item, item.gold).score == 1 for item in items)
