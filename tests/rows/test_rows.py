"""Files of questions in every format, and everything that can be wrong with them."""

import datetime
import gzip
import json
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphsearch.evaluators.tasks import get_task, is_file, load_task
from graphsearch.records.errors import TaskError
from graphsearch.rows import Faults, read_rows

GOOD = [{"question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(60)]


def lines(rows):
    return "\n".join(json.dumps(row) for row in rows)


def table(rows):
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.Table.from_pylist(rows)


def put_parquet(path, rows):
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table(rows), path)
    return path


def put_arrow(path, rows, *, stream=True):
    from pyarrow import ipc

    path.parent.mkdir(parents=True, exist_ok=True)
    found = table(rows)
    new = ipc.new_stream if stream else ipc.new_file
    with path.open("wb") as file, new(file, found.schema) as writer:
        writer.write_table(found, max_chunksize=7)
    return path


def put_csv(path, rows):
    head = list(rows[0])
    text = [",".join(head), *(",".join(f'"{row[name]}"' for name in head) for row in rows)]
    path.write_text("\n".join(text))
    return path


@pytest.fixture
def same_in_every_format(tmp_path):
    paths = [tmp_path / name for name in ("q.jsonl", "q.json", "q2.json")]
    paths[0].write_text(lines(GOOD))
    paths[1].write_text(json.dumps(GOOD, indent=2))
    paths[2].write_text(json.dumps({"canary": "x", "examples": GOOD}))
    zipped = tmp_path / "q.jsonl.gz"
    zipped.write_bytes(gzip.compress(lines(GOOD).encode()))
    return [
        *paths,
        zipped,
        put_csv(tmp_path / "q.csv", GOOD),
        put_parquet(tmp_path / "q.parquet", GOOD),
        put_arrow(tmp_path / "q.arrow", GOOD),
        put_arrow(tmp_path / "q2.arrow", GOOD, stream=False),
    ]


def test_every_format_gives_the_same_task(same_in_every_format):
    found = [load_task(path) for path in same_in_every_format]
    assert {task.fingerprint for task in found} == {found[0].fingerprint}
    assert {task.name for task in found} == {"q", "q2"}


def test_what_counts_as_a_file_of_questions(tmp_path):
    for name in ("q.jsonl", "q.jsonl.gz", "q.CSV", "q.tsv", "q.json", "q.parquet", "q.arrow"):
        assert is_file(name)
    assert not is_file("gsm8k")
    assert not is_file("questions.gz")
    assert is_file(tmp_path)
    path = tmp_path / "q.jsonl"
    path.write_text(lines(GOOD))
    assert load_task(str(path)).name == "q"
    with pytest.raises(TaskError, match=r"task\.options\.path: the file is given as the task"):
        load_task(path, path=path)


# -- what is wrong ---------------------------------------------------------------------------------


def complaints(path, content, **options):
    """Everything that is wrong with a file, its name left out."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    faults = Faults(50)
    list(read_rows(path, faults, **options))
    return [str(error).removeprefix(str(path)) for error in faults.errors]


def test_all_that_is_wrong_with_lines_of_json(tmp_path):
    content = b"\n".join(
        [
            b'{"question": "fine"}',
            b"",
            b"{nonsense",
            b"[1, 2]",
            b'{"a": NaN}',
            b'{"a": 1e999}',
            b'{"a": "\xff"}',
            b'{"a": "\\ud800"}',
            b'{"a": ' + b"9" * 5000 + b"}",
            b"[" * 100_000,
            b'{"question": "fine too"}',
            b'{"b": {"a": 1, "c": [{"a": "\\"a\\":"}], "a": 2}}',
            b'{"a": "\xff once is enough"}',
        ]
    )
    assert complaints(tmp_path / "q.jsonl", content) == [
        ":3: is no JSON: Expecting property name enclosed in double quotes, at column 2",
        ":4: must be a JSON object",
        ":5: is no JSON: NaN is no number",
        ":6: is no JSON: a number is too large",
        ":7: is not UTF-8 text (invalid start byte); save the whole file as UTF-8",
        ":8: holds half a character (a lone surrogate)",
        ":9: is no JSON: a number is too large",
        ":10: is no JSON: nested too deeply",
        ":12: an object has the key 'a' twice, at column 40",
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.csv", "question;answer\nWhat is 2,5 + 1?;3,5\n"),
        ("q.csv", '"question";answer\n"What is 2,5 + 1?";3,5\n'),
        ("q.csv", "question\tanswer\r\nWhat is 2,5 + 1?\t3,5\r\n"),
        ("q.csv", "question|answer\nWhat is 2,5 + 1?|3,5\n"),
        ("q.csv", "answer;question\n3,5;What is 2,5 + 1?\n"),
        ("q.csv", 'question, answer\n"What is 2,5 + 1?","3,5"\n'),
        ("q.TSV", "question\tanswer\nWhat is 2,5 + 1?\t3,5\n"),
        ("q.JSONL", '{"question": "What is 2,5 + 1?", "answer": "3,5"}'),
    ],
)
def test_whatever_separates_fields_is_seen_once(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content.encode())
    assert is_file(str(path))
    (row,) = read_rows(path, Faults())
    assert row.values == {"question": "What is 2,5 + 1?", "answer": "3,5"}


def test_a_sign_in_the_header_alone_separates_nothing(tmp_path):
    path = tmp_path / "q.csv"
    path.write_text("question,answer; or so\na;b,c\nd,e\n")
    assert [row.values["question"] for row in read_rows(path, Faults())] == ["a;b", "d"]
    path.write_text("question;hint|s\n1;2\n")
    assert [row.values for row in read_rows(path, Faults())] == [{"question": "1", "hint|s": "2"}]
    path.write_text("question\nwhat; is,it\n")
    assert complaints(path, path.read_bytes()) == [":2: has more fields than the header"]


def test_a_long_cell_is_no_fault(tmp_path):
    path = tmp_path / "q.csv"
    path.write_text("a,b\n1," + "x" * 200_000)
    (row,) = read_rows(path, Faults())
    assert len(row.values["b"]) == 200_000


def test_all_bytes_that_are_read_can_be_watched(tmp_path):
    content = b'\xef\xbb\xbf{"a": 1}\r\n\n{"a": 2}'
    for name in ("q.jsonl", "q.jsonl.gz", "q.json"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
        seen: list[bytes] = []
        list(read_rows(path, Faults(9), tap=seen.append))
        assert b"".join(seen) == content


def test_a_huge_line_is_passed_over_without_being_kept(tmp_path):
    content = '{"a": 1}\n{"a": "' + "x" * 40_000_000 + '"}\n{"a": 2}\n'
    assert complaints(tmp_path / "q.jsonl", content) == [":2: is longer than 16,000,000 bytes"]
    rows = list(read_rows(tmp_path / "q.jsonl", Faults(9)))
    assert [(row.number, row.values["a"]) for row in rows] == [(1, 1), (3, 2)]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("q.json", '[{"a": 1},\n {"a" 2}]', ":2: is no JSON: Expecting ':' delimiter, at column 7"),
        ("q.json", '{"a": 1}\n{"a": 2}', ":2: is no JSON: Extra data, at column 1; one object a l"),
        (
            "q.json",
            '[{"a": 1},\n {"b": 1, "b": 1}]',
            ":2: an object has the key 'b' twice, at co",
        ),
        ("q.jsonl", "[\n{},\n{}\n]", ": is JSON over several lines, not an object a line; name it"),
        ("q.jsonl", '{"a": 1}'.encode("utf-16"), ": is UTF-16 text; save it as UTF-8"),
        ("q.json", '{"a": 1}'.encode("utf-16-le"), ": is UTF-16 text; save it as UTF-8"),
        ("q.csv", "a,b\n1,2".encode("utf-16-be"), ": is UTF-16 text; save it as UTF-8"),
        ("q.csv", "a,b\n1,2".encode("utf-32"), ": is UTF-32 text; save it as UTF-8"),
        ("q.jsonl.gz", gzip.compress("{}".encode("utf-16")), ": is UTF-16 text; save it as UTF-8"),
        (
            "q.csv",
            b"PK\x03\x04rest",
            ": is a zip archive, as workbooks of Excel are; save the",
        ),
        ("q.jsonl", gzip.compress(b"{}"), ": is gzipped; let its name end in .gz"),
        ("q.csv", "a;b|c\n1;2|3\n", ":1: has neither commas nor one other sign between its field"),
        ("q.csv", "a;b\n1;2;3\n", ":2: has more fields than the header"),
        ("q.tsv", "a\tb\n1\n", ":2: has fewer fields than the header"),
        ("q.json", '{"data": [], "rows": []}', ": holds lists under data and rows; keep the one"),
        ("q.json", "3", ": must hold a list of JSON objects"),
        ("q.json", '[{"a": 1}, 2]', ": row 2: must be a JSON object"),
        ("q.json", b'[\n\n"\xff"]', ":3: is not UTF-8 text (invalid start byte)"),
        ("q.csv", "a,b\n1,2,3\n", ":2: has more fields than the header"),
        ("q.csv", 'a,b\n1,"2\n3"\n4\n', ":4: has fewer fields than the header"),
        ("q.csv", 'a,b\n1,"2\n', ":2: is no CSV: unexpected end of data"),
        ("q.csv", "a,a\n1,2\n", ":1: the header names 'a' twice"),
        ("q.csv", b"a,b\n1,\xff\n3,4\n", ":2: is not UTF-8 text (invalid start byte)"),
        ("q.parquet", "PAR1", ": is no Parquet file: "),
        ("q.arrow", "nothing", ": is no Arrow file: "),
        ("q.jsonl.gz", "nothing", ": cannot be read: Not a gzipped file (b'no')"),
        ("q.jsonl.gz", gzip.compress(b"{}" * 999)[:-9], ": cannot be read: Compressed file"),
        (
            "q.txt",
            "",
            ": is none of .jsonl, .csv, .tsv, .json, .parquet, .arrow; name it .jsonl",
        ),
        (
            "q.xlsx",
            "",
            ": is none of .jsonl, .csv, .tsv, .json, .parquet, .arrow; save the tab",
        ),
        ("questions", "", ": is none of .jsonl, .csv, .tsv, .json, .parquet, .arrow"),
    ],
)
def test_what_is_wrong_with_other_files(tmp_path, name, content, complaint):
    if name.endswith(("parquet", "arrow")):
        pytest.importorskip("pyarrow")
    (found,) = complaints(tmp_path / name, content)
    assert found.startswith(complaint)


@pytest.mark.parametrize(
    "bad", [float("nan"), float("inf"), b"bytes", datetime.date(2026, 1, 1)], ids=repr
)
def test_columns_may_hold_nothing_that_json_cannot(tmp_path, bad):
    kinds = {float: 0.5, bytes: b"", datetime.date: datetime.date(1, 1, 1)}
    fine = kinds[type(bad)] if isinstance(bad, float) else None
    rows = [{"question": "a", "level": fine}, {"question": "b", "level": bad}]
    path = put_parquet(tmp_path / "q.parquet", rows)
    with pytest.raises(TaskError, match=r"q\.parquet: row 2: field 'level' holds what JSON cannot"):
        list(read_rows(path, Faults()))


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    path = tmp_path / "q.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(TaskError, match=r"q\.parquet: needs the package pyarrow: pip install 'gr"):
        load_task(path)


@given(st.binary(max_size=200), st.sampled_from([".jsonl", ".csv", ".tsv", ".json", ".jsonl.gz"]))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_bytes_can_do_more_than_be_complained_about(tmp_path, content, ending):
    path = tmp_path / f"q{ending}"
    path.write_bytes(content)
    faults = Faults(5)
    for row in read_rows(path, faults):
        assert row.path == path
        json.dumps(row.values, allow_nan=False).encode()
    assert all(str(error).startswith(str(path)) for error in faults.errors)


# -- data sets of Hugging Face on disk -------------------------------------------------------------

SUMS = [{"question": f"What is {n} + 1?", "answer": f"So:\n#### {n + 1}"} for n in range(60)]


def saved_to_disk(folder):
    """What `Dataset.save_to_disk` writes."""
    put_arrow(folder / "data-00000-of-00002.arrow", SUMS[:30])
    put_arrow(folder / "data-00001-of-00002.arrow", SUMS[30:])
    (folder / "state.json").write_text("{}")
    (folder / "dataset_info.json").write_text("{}")
    return folder


def hub_cache(folder):
    """What the hub's cache holds, an older snapshot and another configuration beside it."""
    new, old = folder / "snapshots" / "b2", folder / "snapshots" / "a1"
    put_parquet(new / "main" / "test-00000-of-00001.parquet", SUMS)
    put_parquet(new / "main" / "train-00000-of-00001.parquet", SUMS[:9])
    put_parquet(new / "socratic" / "test-00000-of-00001.parquet", SUMS[:7])
    put_parquet(old / "main" / "test-00000-of-00001.parquet", SUMS[:5])
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("b2")
    return folder


def split_in_folders(folder):
    """What `DatasetDict.save_to_disk` writes."""
    saved_to_disk(folder / "test")
    put_arrow(folder / "train" / "data-00000-of-00001.arrow", SUMS[:5])
    (folder / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    return folder


def arrow_cache(folder):
    """What `load_dataset` keeps."""
    put_arrow(folder / "0.0.0" / "ab12" / "gsm8k-test.arrow", SUMS)
    put_arrow(folder / "0.0.0" / "ab12" / "gsm8k-train.arrow", SUMS[:5])
    return folder


@pytest.mark.parametrize("make", [saved_to_disk, hub_cache, split_in_folders, arrow_cache])
def test_a_data_set_of_hugging_face_on_disk(tmp_path, make):
    pytest.importorskip("pyarrow")
    folder = make(tmp_path / "set")
    task = get_task("gsm8k", path=folder)
    found = {item.gold for items in task.splits.values() for item in items}
    assert found == {str(n + 1) for n in range(60)}


def test_subtasks_of_a_data_set_of_the_hub_are_its_folders(tmp_path):
    pytest.importorskip("pyarrow")
    for name in ("navigate", "lies"):
        rows = [{"input": f"Does {name} {n} lie?", "target": "Yes"} for n in range(30)]
        put_parquet(tmp_path / name / "test-00000-of-00001.parquet", rows)
    (tmp_path / "dataset_infos.json").write_text("{}")
    task = get_task("bbh", path=tmp_path, subtasks=["lies"])
    assert {i.meta["subtask"] for items in task.splits.values() for i in items} == {"lies"}


def test_several_snapshots_of_which_none_is_current_are_not_guessed_at(tmp_path):
    pytest.importorskip("pyarrow")
    folder = hub_cache(tmp_path / "set")
    (folder / "refs" / "main").unlink()
    with pytest.raises(TaskError, match=r"snapshots: holds 2 snapshots; name one of them"):
        get_task("gsm8k", path=folder)
    assert len(get_task("gsm8k", path=folder / "snapshots" / "b2").splits["search"]) > 9


def test_reading_is_lazy_so_that_import_needs_no_pyarrow():
    import subprocess
    import sys

    code = (
        "import sys; from graphsearch.evaluators.tasks import get_task, task_names; task_names();"
        "print([m for m in ('pyarrow', 'numpy') if m in sys.modules])"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"


def test_numbers_of_columns_are_those_that_people_wrote(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    exact = [Decimal("1.10"), Decimal("12345678901234567890.12"), Decimal("3.00")]
    columns = {
        "single": arrow.array([96.1, None, 1e10], arrow.float32()),
        "half": arrow.array([0.5, None, 2.0], arrow.float32()).cast(arrow.float16()),
        "money": arrow.array(exact, arrow.decimal128(30, 2)),
        "listed": arrow.array([[0.1, None], None, [2.7]], arrow.list_(arrow.float32())),
        "within": arrow.array(
            [{"v": 0.3, "n": "x"}, None, {"v": None, "n": "y"}],
            arrow.struct([("v", arrow.float32()), ("n", arrow.string())]),
        ),
        "double": arrow.array([0.1, 96.0999984741211, 3.0]),
    }
    parquet.write_table(arrow.table(columns), tmp_path / "q.parquet")
    found = [row.values for row in read_rows(tmp_path / "q.parquet", Faults())]
    assert found == [
        {"single": 96.1, "half": 0.5, "money": 1.1, "listed": [0.1, None],
         "within": {"v": 0.3, "n": "x"}, "double": 0.1},
        {"single": None, "half": None, "money": "12345678901234567890.12", "listed": None,
         "within": None, "double": 96.0999984741211},
        {"single": 1e10, "half": 2.0, "money": 3, "listed": [2.7],
         "within": {"v": None, "n": "y"}, "double": 3.0},
    ]  # fmt: skip


def test_a_gold_answer_of_a_column_of_singles_is_right_as_it_was_written(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    asked = arrow.array([f"What is {n} and a tenth?" for n in range(60)])
    golds = arrow.array([n + 0.1 for n in range(60)], arrow.float32())
    parquet.write_table(arrow.table({"question": asked, "answer": golds}), tmp_path / "q.parquet")
    task = load_task(tmp_path / "q.parquet", grader="numeric")
    for item in task.splits["test"]:
        said = item.question.split()[2]
        assert task.grader.grade(item, f"Answer: {said}.1").score == 1
