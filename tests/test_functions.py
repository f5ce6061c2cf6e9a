"""Functions of a user's own by name."""

import sys

import pytest

from graphsearch.functions import Reference, load_function, reference
from graphsearch.records.errors import TaskError


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("my folder/tasks.py:make", Reference("my folder/tasks.py", "make")),
        ("package.module:Class.method", Reference("package.module", "Class.method")),
        ("C:/folder/tasks.py:make", Reference("C:/folder/tasks.py", "make")),
        ("tasks.py", None),
        ("tasks.py:", None),
        ("tasks.py:not a name", None),
        (":make", None),
    ],
)
def test_what_names_a_function(text, found):
    assert reference(text) == found
    assert found is None or str(found) == text


def test_a_file_finds_what_lies_beside_it_and_leaves_no_trace(tmp_path):
    (tmp_path / "beside_it_of_test.py").write_text("ONE = 1")
    (tmp_path / "own.py").write_text(
        "from beside_it_of_test import ONE\nclass Sums:\n    @staticmethod\n"
        "    def add(n):\n        return n + ONE\n"
    )
    before = list(sys.path)
    assert load_function(Reference(str(tmp_path / "own.py"), "Sums.add"))(2) == 3
    assert sys.path == before
    found = load_function(Reference("beside_it_of_test", "ONE.__add__"), folder=tmp_path)
    assert found(1) == 2


@pytest.mark.parametrize(
    ("code", "name", "said"),
    [
        ("def f(): pass", "g", "own.py: has no function 'g'"),
        ("f = 3", "f", "own.py: has no function 'f'"),
        ("def f(: pass", "f", "own.py: cannot be imported: SyntaxError: "),
        ("1 / 0", "f", "own.py: cannot be imported: ZeroDivisionError: division by zero"),
    ],
)
def test_what_cannot_be_loaded_is_said_with_its_home(tmp_path, code, name, said):
    (tmp_path / "own.py").write_text(code)
    with pytest.raises(TaskError) as caught:
        load_function(Reference(str(tmp_path / "own.py"), name))
    assert said in str(caught.value)
