"""Tasks that Python functions make, and who may name them."""

import pytest

from graphsearch.evaluators.tasks import load_task, names_code
from graphsearch.records.errors import ConfigError, TaskError
from graphsearch.spec import load_spec

CODE = """
from graphsearch.records.tasks import Item, Task, TokenProfile
from graphsearch.evaluators.graders import get_grader

def rows(count=60, sign="+"):
    for n in range(count):
        yield {"question": f"What is {n} {sign} 1?", "answer": n + 1}

def whole():
    items = [Item(str(n), f"q{n}", "1") for n in range(3)]
    splits = {"search": items[:1], "selection": items[1:2], "test": items[2:]}
    return Task("mine", splits, get_grader("exact"), TokenProfile(1, 2))

def fails():
    raise KeyError("no such thing")

def number():
    return 3

def strange():
    return [{"question": "a", "answer": float("nan")}, 3]

NOT = 3
"""


@pytest.fixture
def code(tmp_path):
    path = tmp_path / "my tasks.py"
    path.write_text(CODE)
    return path


def test_rows_of_a_function_are_rows_of_a_file(code):
    task = load_task(f"{code}:rows", grader="numeric", arguments={"count": 40})
    items = [item for items in task.splits.values() for item in items]
    assert (task.name, len(items), task.grader.name) == ("rows", 40, "numeric")
    assert all(task.grader.grade(item, str(item.gold)).score == 1 for item in items)


def test_a_function_may_return_a_task(code):
    assert load_task(f"{code}:whole").name == "mine"
    with pytest.raises(
        TaskError, match="unknown option 'grader' of a function that returns a Task"
    ):
        load_task(f"{code}:whole", grader="exact")


def test_a_function_of_a_module(code, monkeypatch):
    monkeypatch.syspath_prepend(code.parent)
    code.rename(code.with_name("mytasks_of_test.py"))
    assert load_task("mytasks_of_test:whole").name == "mine"


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("fails", {}, "my tasks.py:fails: raised KeyError: 'no such thing'"),
        ("number", {}, "my tasks.py:number: returned int, must return a Task or rows"),
        ("strange", {}, "strange: row 1: field 'answer' holds what JSON cannot: float nan"),
        ("nothing", {}, "my tasks.py: has no function 'nothing'"),
        ("NOT", {}, "my tasks.py: has no function 'NOT'"),
        ("rows", {"arguments": {"size": 3}}, "rows: raised TypeError: rows() got an unexpected"),
        ("rows", {"count": 3}, "task.options: unknown option 'count' of task"),
        ("rows", {"path": "x"}, "task.options: unknown option 'path'"),
        ("rows", {"arguments": 3}, "task.options: arguments must be a mapping"),
    ],
)
def test_what_is_wrong_with_a_function_is_told(code, name, options, words):
    with pytest.raises(TaskError) as caught:
        load_task(f"{code}:{name}", **options)
    assert words in str(caught.value)


def test_files_and_modules_that_are_not_there(tmp_path):
    with pytest.raises(TaskError, match=r"none\.py: cannot be read: No such file"):
        load_task(f"{tmp_path}/none.py:rows")
    with pytest.raises(TaskError, match="cannot be imported: ModuleNotFoundError"):
        load_task("no_such_module_here:rows")


def test_what_names_code():
    assert names_code("a/b.py:make")
    assert names_code("package.module:make")
    assert not names_code("gsm8k")
    assert not names_code("folder/questions.jsonl")
    assert not names_code("C:/folder/questions.jsonl")


CONFIG = "fleet: embedded\ngraph_budget: 18 units\nsearch_budget: 100 units\ntask: {}\n"


def test_a_configuration_may_name_code_only_where_that_is_allowed(code, monkeypatch):
    path = code.with_name("c.yaml")
    path.write_text(CONFIG.format("{file: 'my tasks.py:whole'}"))
    monkeypatch.delenv("GRAPHSEARCH_ALLOW_CODE", raising=False)
    with pytest.raises(
        ConfigError, match=r"c\.yaml: task\.file: names Python code .*GRAPHSEARCH_ALLOW_CODE"
    ):
        load_spec(path)
    monkeypatch.setenv("GRAPHSEARCH_ALLOW_CODE", "1")
    assert load_spec(path).task.file == f"{code}:whole"
    path.write_text(CONFIG.format("{file: q.jsonl, options: {grader: python}}"))
    assert load_spec(path).task.file == str(path.with_name("q.jsonl"))
    monkeypatch.delenv("GRAPHSEARCH_ALLOW_CODE")
    with pytest.raises(ConfigError, match=r"task\.options\.grader: names Python code \(python\)"):
        load_spec(path)
    path.write_text(CONFIG.format("{name: 'os:getcwd'}"))
    with pytest.raises(ConfigError, match="a registered name has no colon"):
        load_spec(path)


def test_paths_of_a_benchmark_are_relative_to_the_configuration(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(CONFIG.format("{name: gsm8k, options: {path: data/gsm8k, most: 3}}"))
    task = load_spec(path).task
    assert task.options == {"path": str(tmp_path / "data/gsm8k"), "most": 3}
