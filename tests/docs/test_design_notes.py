"""The design notes speak of what is there: each file and each class that one names exists."""

import builtins
import functools
import re

import pytest

from tests.support import ROOT

NOTES = [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "design").glob("*.md"))]
HOMES = [ROOT, ROOT / "graphsearch", ROOT / "tests"]
"""What a path in a note may be relative to."""

CODE = [
    ROOT / name
    for name in ("graphsearch", "agents", "evaluators", "training", "benchmarks", "tests")
]
FOREIGN = {"AsyncLLM"}
"""Classes of other projects that notes speak of."""


def files_named(text):
    """Python files that a text names in backticks."""
    return re.findall(r"`((?:[\w.-]+/)*[\w-]+\.py)`", text)


def classes_named(text):
    """Names of classes that stand alone in backticks, or with one of theirs: `Run`, `Run.block`."""
    return set(re.findall(r"`([A-Z]\w*[a-z]\w*)(?:\.\w+)?(?:\([^`\n]*\))?`", text))


@functools.cache
def names_of_the_code():
    """What the code defines or imports."""
    name = re.compile(r"(?:class|def|as) (\w+)|^\s*(\w+)(?:: [^=\n]*)? = |import ([\w, ]+)", re.M)
    texts = (path.read_text(encoding="utf-8") for home in CODE for path in home.rglob("*.py"))
    found = (match for text in texts for match in name.findall(text))
    return frozenset(word for names in found for one in names for word in one.split(", "))


def is_there(name):
    if "/" in name:
        return any((home / name).is_file() for home in HOMES)
    return any(True for home in CODE for _ in home.rglob(name))


def test_names_are_found_in_a_text():
    text = "`a/_b.py`, `c.py`, `d/e/`, `file.py:function`, b.py, `Run.block(x)`, `Fit`"
    assert files_named(text) == ["a/_b.py", "c.py"]
    assert classes_named(text) == {"Run", "Fit"}
    assert sum(len(files_named(note.read_text(encoding="utf-8"))) for note in NOTES) > 80


@pytest.mark.parametrize("note", NOTES, ids=lambda path: path.name)
def test_files_named_in_a_note_exist(note):
    named = files_named(note.read_text(encoding="utf-8"))
    assert [name for name in named if not is_there(name)] == []


@pytest.mark.parametrize("note", NOTES, ids=lambda path: path.name)
def test_classes_named_in_a_note_exist(note):
    named = classes_named(note.read_text(encoding="utf-8"))
    assert sorted(named - names_of_the_code() - set(dir(builtins)) - FOREIGN) == []
