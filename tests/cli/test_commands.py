"""Commands that read and price: cost, fleet, doctor, status; and what they print."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import graphsearch
from graphsearch.cli import app
from graphsearch.cli._output import amount, interval, percent, seconds, table

ROOT = Path(__file__).parents[2]
COMPLETE = ROOT / "examples" / "complete12.yaml"


def call(*arguments):
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exit_code == 0, done.stderr
    return done.stdout


def as_json(*arguments):
    return json.loads(call(*arguments, "--json").splitlines()[-1])


def test_help_names_every_command():
    text = call("--help")
    for name in ("run", "resume", "status", "quote", "report", "export", "fleet", "cost", "doctor"):
        assert f"\n  {name} " in text
    assert call("--version") == f"graphsearch {graphsearch.__version__}\n"


def test_cost_in_every_currency():
    found = as_json("cost", COMPLETE, "--fleet", "llama", "--task", "math")
    assert found["units"] == pytest.approx(78.98, abs=0.005)
    assert found["flops"] == 76_687_891_702_784
    assert isinstance(found["flops"], int)
    assert (found["nodes"], found["edges"], found["calls"]) == (13, 78, 13)
    assert (found["usd"], found["seconds"]) == (None, None)
    assert "input_price" in found["unknown"]["usd"]
    assert "units                      78.98\n" in call("cost", COMPLETE, "--fleet", "llama")


def test_cost_at_lengths_of_ones_own():
    at = as_json("cost", COMPLETE, "--fleet", "llama", "--task", "100,50")
    assert at["profile"] == {"question": 100, "answer": 50}


def test_cost_at_a_profile_of_ones_own():
    at = as_json("cost", COMPLETE, "--fleet", "llama", "--profile", "100,50")
    assert at["profile"] == {"question": 100, "answer": 50}
    both = ["cost", str(COMPLETE), "--fleet", "llama", "--task", "math", "--profile", "1,1"]
    done = CliRunner().invoke(app, both)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: --profile: token lengths are told by --task")


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_quote_of_a_search_that_would_be_refused(form):
    done = CliRunner().invoke(app, ["quote", "puzzle", "--search-budget", "1 units", *form])
    assert done.exit_code == 3
    assert done.stderr.startswith("error: the search budget covers not one question")
    if form:
        assert json.loads(done.stdout)["rounds"]["expected"] == 0


def test_cost_for_a_registered_task():
    found = as_json("cost", COMPLETE, "--fleet", "llama", "--task", "puzzle")
    assert found["profile"]["answer"] > 0


def test_fleets():
    assert "embedded" in {fleet["name"] for fleet in as_json("fleet", "list")["fleets"]}
    assert as_json("fleet", "show", "llama")["unit_model"] == "llama-1b"
    lines = call("fleet", "show", "llama").splitlines()
    head = next(line for line in lines if line.startswith("model"))
    # An unknown price is shown as unknown, and columns of numbers end where their titles end.
    row = next(line for line in lines if line.startswith("llama-70b"))
    assert row.endswith("-")
    assert row[: head.index("layers") + 6].endswith(" 80")


def test_doctor_names_packages_that_are_missing(monkeypatch):
    monkeypatch.setattr(
        "importlib.metadata.requires", lambda name: ["nothing-here>=2.0", "torch; extra == 'gp'"]
    )
    done = CliRunner().invoke(app, ["doctor", "--model", "http://127.0.0.1:9/v1", "--json"])
    assert done.exit_code == 1
    checks = [c for c in json.loads(done.stdout)["checks"] if c["name"].startswith("package ")]
    assert [(c["name"], c["state"], c["advice"]) for c in checks] == [
        ("package nothing-here", "bad", "pip install 'nothing-here>=2.0'")
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0, "0"),
        (13, "13"),
        (17.7534, "17.75"),
        (0.0021349, "0.002135"),
        (12345.678, "12,346"),
        (7.6e13, "7.600e+13"),
    ],
)
def test_amounts_are_as_long_as_they_say_something(value, text):
    assert amount(value) == text


def test_other_numbers():
    assert (percent(0.78125), percent(None)) == ("78.1 %", "-")
    assert interval(0.5, 0.625) == "[50.0, 62.5]"
    assert [seconds(s) for s in (None, 4.4, 187, 7500)] == ["-", "4 s", "3:07 min", "2:05 h"]


def test_tables_are_aligned(capsys):
    table(("a", "n"), [("long name", "1"), ("x", "1,000")], align="lr")
    assert capsys.readouterr().out == "a              n\nlong name      1\nx          1,000\n"
