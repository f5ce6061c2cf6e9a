"""examples/grade_file.py: gold and answer in, verdicts out."""

import importlib.util
import io
import json
import subprocess
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
        ("[1]", ":3: is no JSON object, but [1]"),
        ({"gold": 1}, ":3: has no field 'answer'; its fields: gold"),
        ({}, ":3: has no field 'gold'; its fields: none"),
        ({"gold": None, "answer": "1"}, ":3: its field 'gold' is null"),
        ({"gold": 1, "answer": 1}, ":3: its field 'answer' is 1, must be a text"),
        ({"gold": 1, "answer": "1", "id": {"a": 1}}, """:3: its field 'id' is {"a": 1}, must"""),
        ({"gold": 1, "answer": "1", "question": 5}, ":3: its field 'question' is 5, must"),
        ('{"gold": NaN, "answer": "1"}', ":3: item '3': the gold answer nan is no number"),
        ('{"gold": 1e999, "answer": "1"}', ":3: item '3': the gold answer inf is no number"),
        ("[" * 100_000, ":3: is no JSON"),
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
        (["--grader", "exact", "no-such-file"], "no-such-file: cannot be read: No such file"),
        (["--grader", "exact", "."], ".: cannot be read: Is a directory"),
        (["--grader", "exact", "--options", "=1", "x"], "'=1' is not of the form key=value"),
        (["--grader", "math", "--options", "seconds=x", "x"], "--options.seconds: must be a valid"),
        (
            ["--grader", "exact", "--options", "case=1", "--options", "case=2", "x"],
            "--options: 'case' is given twice",
        ),
        (["--grader", "llm-judge", "--options", 'model="m"', "x"], "asks a model"),
    ],
)
def test_bad_options_and_files(main, capsys, words, said):
    assert main(words) == 2
    assert said in capsys.readouterr().err


def test_an_item_that_cannot_be_graded_is_named_by_its_own_line(main, file, capsys, tmp_path):
    judge = tmp_path / "judge.py"
    judge.write_text("def f(item, answer):\n    return {'ok': 1, 'no': 7}[answer]\n")
    rows = [{"gold": 1, "answer": "no" if i == 2 else "ok"} for i in range(100)]
    options = ["--options", f"function={judge}:f", "--options", "workers=1"]
    assert main(["--grader", "python", *options, file(*rows)]) == 2
    out = capsys.readouterr()
    assert len(out.out.splitlines()) == 2
    assert "answers.jsonl:3: " in out.err
    assert "gave 7 for item '3'" in out.err


def test_a_file_without_a_line_and_one_of_other_letters(main, file, capsys, tmp_path):
    assert main(["--grader", "exact", file("", " ")]) == 2
    assert "answers.jsonl: holds no line to grade" in capsys.readouterr().err
    odd = tmp_path / "odd.jsonl"
    odd.write_bytes(b'{"gold": 1, "answer": "1"}\n' + '{"gold"'.encode("utf-16"))
    assert main(["--grader", "exact", str(odd)]) == 2
    assert "is not UTF-8 text" in capsys.readouterr().err


def test_whoever_reads_may_stop(file):
    path = file(*[{"gold": 1, "answer": "1"}] * 3000)
    command = [sys.executable, str(ROOT / "examples/grade_file.py"), "--grader", "numeric", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
