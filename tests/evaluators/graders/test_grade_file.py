"""examples/grade_file.py: gold and answer in, verdicts out."""

import importlib.util
import io
import json
import sys

import pytest

from tests.support import ROOT


@pytest.fixture(scope="module")
def main():
    spec = importlib.util.spec_from_file_location("grade_file", ROOT / "examples/grade_file.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.fixture
def file(tmp_path):
    def write(*rows):
        path = tmp_path / "answers.jsonl"
        texts = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        path.write_text("\n".join(texts) + "\n")
        return str(path)

    return write


def test_verdicts_in_order(main, file, capsys):
    rows = [{"gold": i, "answer": f"Answer: {i % 7}", "id": f"q{i}"} for i in range(150)]
    assert main(["--grader", "numeric", file("", *rows)]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["line"] for row in said] == list(range(2, 152))
    assert [row["id"] for row in said] == [row["id"] for row in rows]
    assert [row["score"] for row in said] == [float(i < 7) for i in range(150)]
    assert said[9] == {
        "line": 11,
        "id": "q9",
        "score": 0.0,
        "outcome": "answered",
        "parsed": "2",
        "reason": "2, gold is 9",
    }


def test_mathematics_from_standard_input(main, monkeypatch, capsys):
    lines = '{"gold": "1/2", "answer": "\\\\boxed{0.5}"}\n{"gold": "x+1", "answer": "$1+x$"}\n'
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    assert main(["--grader", "math", "--options", "workers=1", "-"]) == 0
    assert [json.loads(line)["score"] for line in capsys.readouterr().out.splitlines()] == [1, 1]


def test_options_and_fields_of_items(main, file, capsys):
    row = {"gold": "B", "answer": "<answer>blue</answer>", "choices": ["red", "blue"]}
    assert main(["--grader", "choice", "--options", "extract=tags", file(row)]) == 0
    assert json.loads(capsys.readouterr().out)["parsed"] == "B"


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ('{"gold": 1, "ans', ":3: is no JSON"),
        ("[1]", ":3: is no JSON object"),
        ({"gold": 1}, ":3: has no field 'answer'"),
        ({"gold": None, "answer": "1"}, ":3: has no field 'gold'"),
        ({"gold": 1, "answer": 1}, ":3: its answer is 1, must be a text"),
        ({"gold": "many", "answer": "1"}, ":3: item '3': the gold answer 'many' is no number"),
    ],
)
def test_a_line_that_is_no_good_says_its_number(main, file, capsys, bad, said):
    good = {"gold": 1, "answer": "1"}
    assert main(["--grader", "numeric", file(good, good, bad, good)]) == 2
    out = capsys.readouterr()
    assert len(out.out.splitlines()) == 2
    assert said in out.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--grader", "taste", "x"], "no grader 'taste'"),
        (["--grader", "exact", "--options", "case", "x"], "'case' is not of the form key=value"),
        (["--grader", "exact", "--options", "taste=1", "x"], "unknown option 'taste'"),
        (["--grader", "exact", "no-such-file"], "No such file"),
    ],
)
def test_bad_options_and_files(main, capsys, words, said):
    assert main(words) == 2
    assert said in capsys.readouterr().err
