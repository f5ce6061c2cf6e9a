"""Published benchmarks, from the files that their users have."""

import gzip
import json

import pytest

from graphsearch.errors import TaskError
from graphsearch.evaluators.tasks import get_task
from graphsearch.tasks import check_task
from tests.support import shared_data


def lines(rows):
    return "\n".join(json.dumps(row) for row in rows)


def items_of(task):
    return {item.id: item for items in task.splits.values() for item in items}


def sums(count):
    return [
        {"question": f"What is {n} + 1?", "answer": f"{n}+1=<<{n}+1={n + 1}>>{n + 1}\n#### {n + 1}"}
        for n in range(count)
    ]


def problems(count, **more):
    return [
        {
            "problem": f"Find $x$ if $x={n}$.",
            "solution": rf"It is \boxed{{\frac{{{n}}}{{7}}}}.",
            "level": f"Level {1 + n % 5}",
            "type": ["Algebra", "Counting & Probability"][n % 2],
            **more,
        }
        for n in range(count)
    ]


def test_gsm8k_golds_are_numbers_without_commas_or_reasoning(tmp_path):
    rows = [*sums(40), {"question": "How many are a thousand and two?", "answer": "x\n#### 1,002"}]
    (tmp_path / "test.jsonl").write_text(lines(rows))
    task = get_task("gsm8k", path=tmp_path)
    assert (task.name, task.grader.name, task.prompt_set) == ("gsm8k", "numeric", "chat-number")
    golds = {item.question: item.gold for item in items_of(task).values()}
    assert golds["How many are a thousand and two?"] == "1002"
    assert golds["What is 7 + 1?"] == "8"


def test_parts_files_and_gzip(tmp_path):
    (tmp_path / "test.jsonl").write_text(lines(sums(40)))
    with gzip.open(tmp_path / "train.jsonl.gz", "wt") as file:
        file.write(lines(sums(90)[40:]))
    sizes = {
        part: len(items_of(get_task("gsm8k", path=tmp_path, part=part)))
        for part in ("test", "train", "all")
    }
    assert sizes == {"test": 40, "train": 50, "all": 90}
    assert len(items_of(get_task("gsm8k", path=tmp_path / "train.jsonl.gz"))) == 50


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "task.options.path: task 'gsm8k' needs the file or folder"),
        ({"path": "nowhere.jsonl"}, "nowhere.jsonl: cannot be read: No such file"),
        ({"path": "nowhere"}, "nowhere: cannot be read: No such file"),
        ({"path": __file__}, "test_benchmarks.py: is none of .jsonl, .csv"),
        ({"path": ".", "part": "dev"}, "task.options.part: is 'dev', must be one of test, train"),
        ({"path": ".", "near_duplicates": 1.5}, "task.options.near_duplicates: must be above 0"),
        ({"path": "null\0byte"}, "cannot be read: No such file"),
        ({"pathh": "."}, "task.options: unknown option 'pathh' of task 'gsm8k'; known: grader"),
    ],
)
def test_options_that_are_wrong(options, words):
    with pytest.raises(TaskError) as caught:
        get_task("gsm8k", **options)
    assert words in str(caught.value)


def test_a_folder_without_the_benchmark_says_what_was_looked_for(tmp_path):
    with pytest.raises(TaskError, match=r"holds no gsm8k; looked for test.jsonl, test.jsonl.gz"):
        get_task("gsm8k", path=tmp_path)


def test_a_worked_answer_without_its_mark_is_refused_with_its_line(tmp_path):
    (tmp_path / "test.jsonl").write_text(lines([*sums(3), {"question": "Why?", "answer": "So."}]))
    with pytest.raises(TaskError, match=r"test.jsonl:4: field 'answer' does not end in '####"):
        get_task("gsm8k", path=tmp_path)


def test_math_from_a_folder_of_problems(tmp_path):
    for n, row in enumerate(problems(40)):
        folder = tmp_path / "test" / ("algebra" if n % 2 == 0 else "counting_and_probability")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{n}.json").write_text(json.dumps(row))
    task = get_task("math", path=tmp_path, grader="exact")
    item = items_of(task)["test/algebra/4.json"]
    assert item.gold == r"\frac{4}{7}"
    assert item.meta == {"level": 5, "subject": "algebra"}
    assert (task.profile.question, task.profile.answer) == (202, 275)


def test_levels_and_subjects_of_math(tmp_path):
    path = tmp_path / "test.jsonl"
    path.write_text(lines(problems(200)))
    options = {"levels": [4, 5], "subjects": ["Counting & Probability"]}
    found = items_of(get_task("math", path=path, grader="exact", **options)).values()
    assert len(found) == 40
    assert {i.meta["level"] for i in found} == {4, 5}
    assert {i.meta["subject"] for i in found} == {"counting_and_probability"}
    with pytest.raises(TaskError, match=r"task.options.levels: holds 6, must be of 1 to 5"):
        get_task("math", path=path, grader="exact", levels=[6])
    with pytest.raises(TaskError, match=r"task.options.subjects: holds 'chess', must be of algeb"):
        get_task("math", path=path, grader="exact", subjects=["chess"])


def test_a_problem_without_an_answer_is_refused_with_its_line(tmp_path):
    path = tmp_path / "test.jsonl"
    path.write_text(lines([*problems(2), *problems(1, solution="None.", problem="Why?")]))
    with pytest.raises(TaskError, match=r"test.jsonl:3: has neither a field 'answer' nor a"):
        get_task("math", path=path, grader="exact")


# -- the files as they are -------------------------------------------------------------------------


def test_gsm8k_as_published():
    task = get_task("gsm8k", path=shared_data("gsm8k"))
    check_task(task)
    items = items_of(task).values()
    assert len(items) == 1319
    assert all(task.grader.grade(item, f"Answer: {item.gold}").score == 1 for item in items)
    assert len(items_of(get_task("gsm8k", path=shared_data("gsm8k"), part="train"))) == 7473


def test_math_as_published():
    folder = shared_data("math500")
    task = get_task("math", path=folder, grader="exact")
    check_task(task)
    items = items_of(task)
    assert len(items) == 500
    assert items["test/precalculus/807.json"].gold == r"\left( 3, \frac{\pi}{2} \right)"
    others = items_of(get_task("math", path=folder / "dev500.jsonl", grader="exact"))
    assert len(others) == 500
    assert others["1983"].gold == r"14\pi"
    five = get_task("math", path=folder, grader="exact", levels=[5])
    assert len(items_of(five)) == 134


def test_humaneval_and_mbpp_as_published():
    code = get_task("humaneval", path=shared_data("humaneval"), grader="exact")
    check_task(code)
    item = items_of(code)["HumanEval/0"]
    assert len(items_of(code)) == 164
    assert set(item.meta) == {"prompt", "test", "entry_point"}
    assert item.meta["prompt"].rstrip() in item.question
    assert "canonical" not in item.question
    for part, count in {"test": 500, "prompt": 10, "validation": 90, "train": 374}.items():
        task = get_task(
            "mbpp",
            path=shared_data("mbpp"),
            part=part,
            grader="exact",
            shares={"search": 1, "selection": 1, "test": 1},
        )
        assert len(items_of(task)) == count
    everything = get_task("mbpp", path=shared_data("mbpp"), part="all", grader="exact")
    item = items_of(everything)["11"]
    assert all(test in item.question for test in item.meta["test_list"])
