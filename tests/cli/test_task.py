"""`graphsearch task show` and `graphsearch task check`."""

import json

import pytest
from typer.testing import CliRunner

from graphsearch.cli import app
from graphsearch.cost import Lengths, ModelLengths
from tests.support import shared_data

STORY = "Anna has {} apples and buys {} more at the market on a sunny day; how many has she now?"


def call(*arguments):
    done = CliRunner().invoke(app, ["task", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def as_json(*arguments):
    code, out, _ = call(*arguments, "--json")
    return code, json.loads(out.splitlines()[-1])


@pytest.fixture
def sums(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "sums.jsonl"
    words = ["".join(chr(97 + int(digit)) for digit in str(n)) for n in range(1000, 3000)]
    rows = [
        {"question": f"What is {n} + 1? {' '.join(words[30 * n : 30 * n + 30])}", "answer": n + 1}
        for n in range(60)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture
def bad(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [{"question": f"What is {n} + 1?", "answer": n + 1} for n in range(30)]
    rows += [{"question": STORY.format(n, n + 1), "answer": 1} for n in range(9)]
    rows += [{"question": f"And {n}?"} for n in range(4)]
    text = "\n".join(map(json.dumps, rows))
    (tmp_path / "bad.jsonl").write_text("\ufeff" + text + "\n{\x1b[31m\n")
    return tmp_path / "bad.jsonl"


def test_show_tells_splits_lengths_and_first_questions(sums):
    code, out, _ = call("show", "sums.jsonl", "--grader", "numeric", "--first", 2)
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "sums: 60 questions from sums.jsonl"
    assert lines[1] == "grader numeric, prompts chat-number"
    assert max(map(len, lines)) <= 80
    sizes = {line.split()[0]: int(line.split()[1]) for line in lines[4:7]}
    assert list(sizes) == ["search", "selection", "test"]
    assert sum(sizes.values()) == 60
    assert sum(line.startswith("search ") for line in lines) == 3
    assert "B in use    256  assumed" in out
    assert "no worked answers in the file" in out


def test_show_as_json(sums):
    code, found = as_json("show", "sums.jsonl", "--first", 1, "-o", "most=5")
    assert code == 0
    assert found["splits"] == {"search": 5, "selection": 5, "test": 5}
    assert found["questions"] == 15
    assert found["profile"]["answer"] == {"tokens": 256, "from": "assumed"}
    assert found["measured"]["question"]["tokens"] > 80
    assert found["measured"]["answer"]["tokens"] is None
    assert found["first"][0]["split"] == "search"
    assert len(found["first"]) == 1


def test_show_of_a_task_that_is_not_made_of_rows():
    code, found = as_json("show", "puzzle", "--fleet", "embedded", "-o", "test=100")
    assert code == 0
    assert found["path"] is None
    assert found["splits"]["test"] == 100
    assert found["measured"]["question"]["how"] == "mean of whole prompts, by the tokenizer of nano"
    assert found["groups"]["largest"] > 1
    code, out, _ = call("show", "puzzle")
    assert "a group is never split" in out


def test_show_of_lengths_that_a_run_measured(sums, tmp_path, monkeypatch):
    lengths = {"small": ModelLengths(question=97, answer=41, heard=41, reading=40)}
    monkeypatch.setattr("graphsearch.study.result.lengths_of_run", lambda _: Lengths.of(lengths))
    code, out, _ = call("show", "sums.jsonl", "--run", tmp_path)
    assert code == 0
    assert "A recorded   97  recorded calls of small" in out
    code, found = as_json("show", "sums.jsonl", "--run", tmp_path)
    assert found["measured"]["recorded"]["small"]["answer"] == 41
    assert found["is_estimated"] is True


def test_show_of_a_function(tmp_path):
    path = tmp_path / "tasks.py"
    path.write_text(
        "def make():\n    return [{'question': f'q {n}', 'answer': 1} for n in range(60)]"
    )
    code, found = as_json("show", f"{path}:make")
    assert (code, found["task"], found["questions"]) == (0, "make", 60)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "bad.jsonl"), "error: bad.jsonl:40: no field 'answer'"),
        (("show", "gsm8k"), "error: --path: task 'gsm8k' needs the file or folder"),
        (("show", "chess"), "error: no task 'chess'; known: bbh, "),
        (("show", "sums.jsonl", "-o", "most"), "error: --option: 'most' is not NAME=VALUE"),
        (("show", "sums.jsonl", "-o", "most=x"), "error: --option most: must be a valid int"),
        (
            ("show", "replay"),
            "error: --path: task 'replay' needs the option 'path', the fold",
        ),
        (
            ("check", "local"),
            "error: --path: task 'local' needs the option 'path', a file",
        ),
        (
            ("check", "mmlu"),
            "error: --path: task 'mmlu' needs the file or folder that holds",
        ),
        (("show", "sums.xlsx"), "error: sums.xlsx: cannot be read: No such file or directory"),
        (
            ("show", "book.xlsx"),
            "error: book.xlsx: is none of .jsonl, .csv, .tsv, .json, .parq",
        ),
        (("check", "./there"), "error: ./there: is a folder; name a file of questions, or, where"),
        (("show", "parts.jsonl"), "error: parts.jsonl:1: field 'split' is 'dev', must be one of"),
        (("check", "puzzle"), "error: task 'puzzle' is not made of rows; there is nothing to"),
        (("check", "sums.jsonl", "--grader", "taste"), "error: --grader: no grader 'taste'; known"),
        (
            ("check", "sums.jsonl", "--grader", "exact", "--grader-option", "case=1"),
            "error: --grader-option: case: must be a valid boolean, got 1",
        ),
        (
            ("show", "sums.jsonl", "--grader-option", "strict=yes"),
            "error: --grader-option: unknown option 'strict' of grader 'exact'",
        ),
        (("show", "sums.jsonl", "--grader-option", "case"), "error: --grader-option: 'case' is"),
        (
            ("show", "sums.jsonl", "--grader-option", "a=x: y: z"),
            "error: --grader-option: 'x: y: z' cannot be read (",
        ),
    ],
)
def test_what_is_refused(bad, sums, tmp_path, arguments, message):
    (tmp_path / "book.xlsx").write_bytes(b"PK")
    (tmp_path / "there").mkdir()
    (tmp_path / "parts.jsonl").write_text('{"question": "q", "answer": 1, "split": "dev"}')
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(message)


def test_names_of_splits_can_be_said_on_the_command_line(sums):
    rows = [json.loads(line) for line in sums.read_text().splitlines()]
    names = ("train", "dev", "test")
    rows = [row | {"split": names[n % 3]} for n, row in enumerate(rows)]
    sums.write_text("\n".join(map(json.dumps, rows)))
    code, found = as_json("show", sums, "-o", "split_names={train: search, dev: selection}")
    assert (code, found["splits"]) == (0, {"search": 20, "selection": 20, "test": 20})


def test_check_lists_everything_with_its_line(bad):
    code, out, _ = call("check", "bad.jsonl")
    assert code == 2
    lines = out.splitlines()
    assert lines[0] == "bad.jsonl: 39 questions can be used, 5 errors"
    assert lines[1] == "  line 40: no field 'answer'; the line has: question"
    assert lines[5].startswith("  line 44: is no JSON: ")
    assert "1 group of near-duplicates:" in lines
    assert "  line 31, line 32, line 33, line 34, line 35, line 36 and 3 more: all in " in out
    assert "\x1b" not in out
    assert max(map(len, lines)) <= 80


def test_check_stops_listing_at_the_limit(bad):
    code, out, _ = call("check", "bad.jsonl", "--limit", 2)
    assert code == 2
    assert out.splitlines()[1:4] == [
        "  line 40: no field 'answer'; the line has: question",
        "  line 41: no field 'answer'; the line has: question",
        "  and 3 more",
    ]
    code, found = as_json("check", "bad.jsonl", "--limit", 2)
    assert (code, found["ok"], len(found["errors"]), found["more_errors"]) == (2, False, 2, 3)
    assert found["errors"][0] == {
        "where": "bad.jsonl:40",
        "message": "no field 'answer'; the line has: question",
    }
    assert found["near_duplicates"][0]["where"][0] == "bad.jsonl:31"


def test_check_of_a_file_that_is_fine(sums):
    code, out, _ = call("check", sums)
    assert (code, out) == (0, f"{sums}: 60 questions can be used, no errors\n")
    code, found = as_json("check", sums, "--grader", "numeric")
    assert (code, found["ok"], sum(found["splits"].values())) == (0, True, 60)


def test_check_names_a_line_that_is_far_longer_than_the_others(sums):
    long = {"question": "Why? " + "x" * 5_000_000, "answer": 1}
    text = sums.read_text()
    sums.write_text(json.dumps(long) + "\n" + text)
    code, out, _ = call("check", "sums.jsonl")
    assert code == 0
    assert "\nfar longer than the others, which every call on them pays for:\n" in out
    assert "  line 1: 5,000,031 bytes, where others have " in out
    code, found = as_json("check", "sums.jsonl")
    assert [(o["where"], o["size"]) for o in found["outliers"]] == [("sums.jsonl:1", 5_000_031)]
    alike = [json.dumps(long | {"question": f"{n}" * 60_000}) for n in range(5)]
    sums.write_text("\n".join(alike))
    assert as_json("check", "sums.jsonl")[1]["outliers"] == []
    sums.write_text("\n".join([text, json.dumps(long | {"question": "n" * 40_000})]))
    assert as_json("check", "sums.jsonl")[1]["outliers"] == []


def test_check_tells_what_the_file_splits_and_what_is_taken_once(tmp_path):
    path = tmp_path / "q.jsonl"
    names = ("search", "test", "selection")
    rows = [{"question": STORY.format(n, n), "answer": 1, "split": names[n]} for n in range(3)]
    path.write_text("\n".join(map(json.dumps, rows)))
    code, out, _ = call("check", path)
    assert code == 0
    assert "  line 1, line 2, line 3: in search and test and selection, as the file says" in out
    sums = [{"question": f"What is {n} + 1?", "answer": f"#### {n + 1}"} for n in range(50)]
    path.write_text("\n".join(map(json.dumps, [*sums, *sums[:3]])))
    code, out, _ = call("check", "gsm8k", "--path", path)
    assert (code, out.splitlines()[1]) == (0, "3 more are there twice, and are taken once")


def test_gsm8k_as_published():
    folder = shared_data("gsm8k")
    code, found = as_json("show", "gsm8k", "--path", folder)
    assert code == 0
    assert (found["questions"], found["grader"]) == (1319, "numeric")
    assert found["measured"]["answer"]["how"].startswith("mean of the worked answers")
    code, out, _ = call("check", "gsm8k", "--path", folder, "-o", "part=all")
    assert code == 0
    assert "  test.jsonl:603, train.jsonl.gz:1315, train.jsonl.gz:5163: all in " in out
