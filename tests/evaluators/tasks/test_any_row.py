"""Rows of any content, given to every kind of task: they are read or complained about."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsearch.evaluators.tasks import source_of
from graphsearch.evaluators.tasks.fields import Draft
from graphsearch.records.errors import TaskError
from graphsearch.rows import Faults, Row

GOOD = {
    "local": {
        "question": "Which?",
        "answer": "a",
        "id": 3,
        "choices": ["a", "b"],
        "context": ["one", "two"],
        "tests": ["assert True"],
        "split": "test",
    },
    "gsm8k": {"question": "How many?", "answer": "Three.\n#### 3"},
    "math": {
        "problem": "How many?",
        "solution": r"It is \boxed{3}.",
        "answer": "3",
        "level": 3,
        "subject": "Algebra",
        "unique_id": "x",
    },
    "mmlu": {"question": "Which?", "choices": ["a", "b"], "answer": 1, "subject": "law"},
    "mmlu-pro": {
        "question_id": 3,
        "question": "Which?",
        "options": ["a", "b", "N/A"],
        "answer": "A",
        "category": "law",
        "cot_content": "So.",
    },
    "humaneval": {
        "task_id": "HumanEval/1",
        "prompt": "def f():",
        "canonical_solution": " return 1",
        "test": "def check(f): assert f() == 1",
        "entry_point": "f",
    },
    "mbpp": {
        "task_id": 12,
        "text": "Write f.",
        "code": "def f(): return 1",
        "test_list": ["assert f() == 1"],
        "test_imports": ["import re"],
        "test_setup_code": "import math",
        "challenge_test_list": ["assert f()"],
    },
    "hotpotqa": {
        "_id": "x",
        "question": "Who?",
        "answer": "Ann",
        "context": [["Ann", ["Here."]]],
        "type": "bridge",
    },
    "bbh": {"input": "Which?\n(A) a\n(B) b", "target": "(B)"},
    "game24": {"Puzzles": "4 5 6 10"},
}
TEXTS = st.sampled_from(
    ["", " ", "a", "(A)", "12", "#### 3", r"\boxed{", r"\boxed{4}", "1 2 3 4", "²"]
)
VALUES = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers(-2, 30) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["text", "title", "sentences", "label"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


def told(source, row):
    """What a row says, or the complaint about it."""
    try:
        return source.draft(row)
    except TaskError as error:
        return error


@pytest.mark.parametrize("name", sorted(GOOD))
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_row_is_a_draft_or_one_complaint(name, data):
    source = source_of(name, path="file.jsonl", grader="exact")
    assert source is not None
    assert isinstance(told(source, Row(Path("file.jsonl"), 7, "line", GOOD[name])), Draft)
    values = dict(GOOD[name])
    for field in data.draw(st.lists(st.sampled_from(sorted(values)), min_size=1, max_size=2)):
        values[field] = data.draw(TEXTS | VALUES, field)
    for field in data.draw(st.sets(st.sampled_from(sorted(values)), max_size=1)):
        del values[field]
    found = told(source, Row(Path("file.jsonl"), 7, "line", values))
    if isinstance(found, TaskError):
        assert found.where == "file.jsonl:7"
        assert str(found).count("file.jsonl:7") == 1
    elif found is not None:
        assert found.question.strip()
        assert isinstance(found.id, str)


@given(st.lists(st.dictionaries(st.sampled_from(list(GOOD["local"])), TEXTS | VALUES), max_size=8))
@settings(max_examples=40, deadline=None)
def test_every_row_is_an_entry_or_a_complaint(rows):
    source = source_of("file.jsonl")
    assert source is not None
    found = [Row(Path("file.jsonl"), n, "line", values) for n, values in enumerate(rows, start=1)]
    faults = Faults(100)
    kept = type("Given", (type(source),), {"rows": lambda self, faults: iter(found)})
    entries = kept(path="file.jsonl").questions(source.make_grader(), faults).entries
    assert len(entries) + faults.count == len(rows)
    assert len({entry.item.id for entry in entries}) == len(entries)
