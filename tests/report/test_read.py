import json

import pytest

from graphsearch.records.errors import StoreError
from graphsearch.report import write_report
from graphsearch.report.read import read_run
from tests.report import records


@pytest.fixture
def folder(tmp_path):
    run = tmp_path / "demo"
    run.mkdir()
    (run / "result.json").write_text(json.dumps(records.record()))
    (run / "config.yaml").write_text("task: puzzle\n")
    (run / "timing.json").write_text('{"seconds": {"search": 41.2}}')
    return run


def test_a_run_folder_is_read_whole(folder):
    run = read_run(folder)
    assert run.folder == "demo"
    assert run.config == "task: puzzle\n"
    assert run.timing == {"seconds": {"search": 41.2}}


def test_arrows_are_made_readable_in_texts_but_not_in_names(folder):
    result = read_run(folder).result
    assert result["winner"]["text"] == "2x xs, s → s; 2x xs → fuser m"
    assert "3->sink" in result["rounds"][0]["table"]
    page = write_report(folder).read_text()
    assert "slot 3 → sink" in page
    assert "0.50 → 0.55" in page, "probabilities of edited names are found"


def test_the_report_goes_into_the_run_folder_unless_told(folder, tmp_path):
    assert write_report(folder) == folder / "report.html"
    assert write_report(folder, tmp_path / "new" / "r.html").read_text().startswith("<!doctype")
    assert not list(folder.glob("*.tmp"))
    assert not list(folder.glob(".report*"))


def test_it_is_made_from_a_result_too(tmp_path):
    class Result:
        def to_json(self):
            return records.record()

    assert write_report(Result(), tmp_path) == tmp_path / "report.html"
    with pytest.raises(ValueError, match="path"):
        write_report(Result())


def test_the_same_study_gives_the_same_bytes(folder):
    first = write_report(folder).read_bytes()
    assert write_report(folder).read_bytes() == first


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "cannot be read"),
        ("[]", "schema list"),
        ('{"schema_version": 99}', "schema 99"),
        ('{"schema_version": 1}', "is damaged: KeyError: 'stopped_by'"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_path(tmp_path, content, says):
    (tmp_path / "result.json").write_text(content)
    with pytest.raises(StoreError, match=says) as caught:
        write_report(tmp_path)
    assert "result.json" in str(caught.value)
    assert not (tmp_path / "report.html").exists()


def test_a_search_that_can_be_ended_is_told_from_a_folder_of_something_else(tmp_path):
    with pytest.raises(StoreError, match=r"holds no finished result$"):
        write_report(tmp_path)
    (tmp_path / "study.db").touch()
    with pytest.raises(StoreError, match=f"`graphsearch resume {tmp_path}` ends a search"):
        write_report(tmp_path)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(StoreError, match="no run folder"):
        write_report(tmp_path / "nowhere")
