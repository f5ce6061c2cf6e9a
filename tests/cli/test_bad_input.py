"""Bad input: one sentence with the path to the bad value, exit code 2 or 3, nothing written."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from graphsearch.cli import app
from graphsearch.yamlfile import dump_yaml

CONFIG = {
    "task": "puzzle",
    "fleet": "embedded",
    "graph_budget": "18 units",
    "search_budget": "20000 units",
}
GRAPH = {
    "nodes": [{"role": "assistant", "model": "llama-1b"}, {"role": "fuser", "model": "llama-3b"}],
    "edges": [[0, 1]],
    "sink": 1,
}


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Runs a command line in an empty folder; gives exit code, standard output and error."""
    monkeypatch.chdir(tmp_path)

    def _call(*arguments):
        done = CliRunner().invoke(app, [str(a) for a in arguments])
        return done.exit_code, done.stdout, done.stderr

    return _call


def put(path, value):
    path.write_bytes(value if isinstance(value, bytes) else dump_yaml(value).encode())


def check(call, tmp_path, arguments, sentence, code=2):
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    found, out, err = call(*arguments)
    assert (found, out) == (code, "")
    assert err.startswith(f"error: {sentence}")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


SIZED = {"name": "m", "parameters": 100, "layers": 2, "width": 8}
CONFIGS = [
    ({**CONFIG, "sercher": 1}, "c.yaml: sercher: unknown key; did you mean 'searcher'?"),
    ({**CONFIG, "space": {"slots": "8"}}, "c.yaml: space.slots: must be a whole number, got '8'"),
    ({**CONFIG, "seed": 10**30}, "c.yaml: seed: must be below"),
    ({**CONFIG, "evaluation": {"level": float("nan")}}, "c.yaml: evaluation.level: must be a fin"),
    ({**CONFIG, "graph_budget": "18 unit5"}, "c.yaml: graph_budget: "),
    ({**CONFIG, "graph_budget": 18}, "c.yaml: graph_budget: needs a currency, such as '18 units'"),
    ({**CONFIG, "search_budget": 6000}, "c.yaml: search_budget: needs a currency, such as '6000"),
    ({**CONFIG, "search_budget": [6000]}, "c.yaml: search_budget[0]: needs a currency, such as"),
    (
        {**CONFIG, "fleet": "nowhere"},
        "c.yaml: fleet: nowhere: there is no such file, nor a fleet of that name",
    ),
    (
        {**CONFIG, "fleet": {"name": "f", "unit_model": "m", "models": [{**SIZED, "engine": "x"}]}},
        "c.yaml: fleet.model m: engine: there is no engine 'x'; known are embedded",
    ),
    (
        {**CONFIG, "fleet": {"name": "f", "unit_model": "m", "models": [SIZED]}},
        "c.yaml: fleet.model m: needs an endpoint, the server's base URL",
    ),
    ({**CONFIG, "fleet": "\x1b[31m\n"}, "c.yaml: fleet: \\x1b[31m\\n: there is no such file"),
    (
        {**CONFIG, "fleet": "no/where.yaml"},
        "c.yaml: fleet: {tmp}/no/where.yaml: there is no such file",
    ),
    ({**CONFIG, "space": {"models": ["xl"]}}, "c.yaml: space.models[0]: fleet embedded has no"),
    ({k: v for k, v in CONFIG.items() if k != "task"}, "c.yaml: task: is required"),
    (b"task: puzzle\ntask: recall\n", "c.yaml:2: key 'task' is given twice"),
    (b"task: [puzzle\n", "c.yaml:2: "),
    (b"\xff\xfe\x00binary", "c.yaml: is not text in UTF-8"),
    (b"", "c.yaml: must hold a mapping of keys, got nothing"),
    (b"- 1\n", "c.yaml: must hold a mapping of keys, got a list"),
    (b"a: &x [1]\nb: *x\n", "c.yaml:1: anchors and aliases"),
]


@pytest.mark.parametrize("command", ["run", "quote"])
@pytest.mark.parametrize(("value", "sentence"), CONFIGS)
def test_configurations(call, tmp_path, command, value, sentence):
    put(tmp_path / "c.yaml", value)
    check(call, tmp_path, [command, "c.yaml"], sentence.replace("{tmp}", str(tmp_path)))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "none.yaml"], "none.yaml: no such file"),
        (["run", "nothing"], "nothing: neither a file nor one of"),
        (["run", "."], ".: is a folder; a file was expected"),
        (["run", "c.yaml", "--graph-budget", "1"], "--graph-budget: expected a number with its"),
        (["run", "c.yaml", "--search-budget", "$1", "--search-budget", "$2"], "--search-budget: t"),
        (["run", "c.yaml", "--seed", "-1"], "--seed: must be at least 0, got -1"),
        (["run", "c.yaml", "--fleet", "lama"], "--fleet: lama: there is no such file"),
        (["run", "c.yaml", "--out", "c.yaml"], "c.yaml: is a file; a folder is needed"),
        (["run", "c.yaml", "--out", "old"], "old: already holds a run; go on with it by 'graphse"),
        (["resume", "nowhere"], "nowhere: holds no run"),
        (["status", "nowhere"], "nowhere: holds no run"),
        (["report", "nowhere"], "nowhere: "),
        (["export", "nowhere", "bundle"], "nowhere: holds no finished result"),
        (["fleet", "show", "lama"], "lama: there is no such file"),
        (["fleet", "train", "--sizes", "huge"], ""),
        (["doctor", "--fleet", "lama"], "lama: there is no such file"),
    ],
)
def test_arguments(call, tmp_path, arguments, sentence):
    put(tmp_path / "c.yaml", CONFIG)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.yaml").touch()
    check(call, tmp_path, arguments, sentence)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"edges": [[0, 1], [1, 0]]}, "g.yaml"),
        ({"edges": [[0, 0], [0, 1]]}, "g.yaml"),
        ({"edges": [[0, 5]]}, "g.yaml"),
        ({"edges": [[0, 1], [0, 1]]}, "g.yaml"),
        ({"edges": 3}, "g.yaml.edges"),
        ({"sink": 7}, "g.yaml"),
        ({"sinc": 1}, "g.yaml"),
        ({"nodes": []}, "g.yaml"),
        ({"nodes": "x"}, "g.yaml.nodes"),
        ({"nodes": [{"role": "assistant", "model": "9b"}], "edges": [], "sink": 0}, "fleet llama"),
    ],
)
def test_graphs(call, tmp_path, change, sentence):
    put(tmp_path / "g.yaml", {**GRAPH, **change})
    check(call, tmp_path, ["cost", "g.yaml", "--fleet", "llama"], sentence)


BOMB = b"a: &a [1, 1]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize("value", [b"\xff\xfe", b"nodes: [", b"", b"3", BOMB, b"nodes: !!bool x"])
def test_graphs_that_are_no_graphs(call, tmp_path, value):
    put(tmp_path / "g.yaml", value)
    check(call, tmp_path, ["cost", "g.yaml", "--fleet", "llama"], "g.yaml")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"modles": []}, "f.yaml"),
        ({"models": []}, "f"),
        ({"unit_model": "b"}, "f.yaml"),
        ({"models": [{"name": "a", "parameters": "x", "layers": 1, "width": 1}]}, "f.yaml.models"),
        ({"models": [{"name": "a", "parameters": -1, "layers": 1, "width": 1}]}, "f.yaml.models"),
        ({"models": [{"layers": 2}]}, "f.yaml.models[0]"),
        ({"models": 3}, "f.yaml.models"),
    ],
)
def test_fleets(call, tmp_path, change, sentence):
    model = {"name": "a", "parameters": 10, "layers": 1, "width": 1}
    put(tmp_path / "f.yaml", {"name": "f", "unit_model": "a", "models": [model], **change})
    check(call, tmp_path, ["fleet", "show", "f.yaml"], sentence)


@pytest.mark.parametrize("value", [b"\xff\xfe", b"a: [", b"name: a\nname: b", BOMB, b"a: !!bool x"])
def test_fleets_that_are_no_fleets(call, tmp_path, value):
    put(tmp_path / "f.yaml", value)
    check(call, tmp_path, ["fleet", "show", "f.yaml"], "f.yaml")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"graph_budget": "0.001 units"}, "c.yaml: no graph fits a budget of 0.001 units"),
        ({"graph_budget": "$1"}, "c.yaml: model 'nano' of fleet embedded cannot be priced in usd"),
        ({"search_budget": "$1"}, "c.yaml: the budget of 1 usd cannot be kept"),
    ],
)
@pytest.mark.parametrize("command", ["run", "quote"])
def test_budgets_that_cannot_be_kept(call, tmp_path, command, change, sentence):
    put(tmp_path / "c.yaml", {**CONFIG, **change})
    check(call, tmp_path, [command, "c.yaml"], sentence, code=3)


PARTS = [
    ({"task": "nothing"}, "c.yaml: task: no task 'nothing'"),
    (
        {"task": {"name": "puzzle", "options": {"zz": 1}}},
        "c.yaml: task.options: unknown option 'zz' of task 'puzzle'; known: counts, ",
    ),
    ({"task": {"name": "puzzle", "options": {"test": "9"}}}, "c.yaml: task.options.test: must be"),
    ({"task": {"file": "q.jsonl", "options": {"path": "x"}}}, "c.yaml: task.options.path: the"),
    (
        {"task": {"name": "puzzle", "prompt_set": "zz"}},
        "c.yaml: task.prompt_set: no prompt set 'zz'",
    ),
    (
        {"task": {"file": "q.jsonl", "options": {"grader": "zz"}}},
        "c.yaml: task.options.grader: no grader 'zz'",
    ),
    ({"task": {"file": "none.jsonl"}}, "{tmp}/none.jsonl: cannot be read: No such file"),
    ({"task": {"file": "binary.jsonl"}}, "{tmp}/binary.jsonl: is UTF-16 text; save"),
    ({"task": {"file": "broken.jsonl"}}, "{tmp}/broken.jsonl:1: is no JSON"),
    ({"task": {"file": "same.jsonl"}}, "{tmp}/same.jsonl:2: id 'x' is already in line 1"),
    ({"task": {"file": "empty.jsonl"}}, "{tmp}/empty.jsonl: holds no questions"),
    (
        {"task": {"file": "folder.jsonl"}},
        "{tmp}/folder.jsonl: is a folder; name a file",
    ),
    ({"searcher": "zz"}, "c.yaml: searcher: unknown searcher 'zz'"),
    (
        {"searcher": {"name": "random", "options": {"x": 1}}},
        "c.yaml: searcher.options: unknown option 'x'",
    ),
    (
        {"searcher": {"name": "optuna", "options": {"sampler": "x"}}},
        "c.yaml: searcher.options.sampler: unknown sampler 'x'",
    ),
    ({"agent": "zz"}, "c.yaml: agent: unknown search agent 'zz'"),
    ({"agent": {"name": "rules", "options": {"x": 1}}}, "c.yaml: agent.options: unknown option"),
    ({"space": {"roles": ["zz"]}}, "c.yaml: space.roles: the prompt set has no role 'zz'"),
    ({"space": {"roles": ["vote"]}}, "c.yaml: vote calls no model"),
    ({"space": {"slots": 1, "sinks": ["vote"]}}, "c.yaml: no sink can have the parents it needs"),
]


@pytest.mark.parametrize(("change", "sentence"), PARTS)
def test_what_the_parts_refuse(call, tmp_path, change, sentence):
    same = (
        b'{"question": "a?", "answer": "1", "id": "x"}\n{"question": "b?", "answer": 2, "id": "x"}'
    )
    put(tmp_path / "c.yaml", {**CONFIG, **change})
    put(tmp_path / "q.jsonl", same)
    put(tmp_path / "same.jsonl", same)
    put(tmp_path / "binary.jsonl", b"\xff\xfe")
    put(tmp_path / "broken.jsonl", b'{"question": ')
    put(tmp_path / "empty.jsonl", b"")
    (tmp_path / "folder.jsonl").mkdir()
    check(call, tmp_path, ["run", "c.yaml"], sentence.replace("{tmp}", str(tmp_path)))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--searcher", "zz"], "--searcher: unknown searcher 'zz'"),
        (["--out", "c.yaml/x"], "c.yaml/x"),
        (["--out", "x" * 300], "x"),
    ],
)
def test_what_the_parts_refuse_of_options(call, tmp_path, options, sentence):
    put(tmp_path / "c.yaml", CONFIG)
    check(call, tmp_path, ["run", "c.yaml", *options], sentence)


def test_errors_are_json_where_json_is_asked_for(call, tmp_path):
    code, out, err = call("run", "none.yaml", "--json")
    found = json.loads(out.splitlines()[-1])["error"]
    assert found == {
        "message": "none.yaml: no such file",
        "where": "none.yaml",
        "exit_code": 2,
    }
    assert (code, err) == (2, "error: none.yaml: no such file\n")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_debug_shows_the_traceback_wherever_it_stands(call, place):
    arguments = ["run", "none.yaml"]
    arguments.insert(place, "--debug")
    code, _, err = call(*arguments)
    assert code == 2
    assert "Traceback" in err
    assert err.endswith("error: none.yaml: no such file\n")


@pytest.mark.parametrize("arguments", [["frob"], ["run", "a", "b"], ["run", "a", "--zz"]])
def test_usage(call, arguments):
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert "Usage: " in err
    assert "Traceback" not in err


def test_the_command_itself_ends_with_these_codes(tmp_path):
    command = [sys.executable, "-m", "graphsearch.cli", "run", "none.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: none.yaml: no such file\n"


@pytest.mark.parametrize(
    ("redirection", "code"), [(">&-", 0), ("2>&-", 0), ("</dev/null", 0), (">/dev/full", 1)]
)
@pytest.mark.parametrize("option", ["", "--json"])
def test_streams_that_are_closed_or_full(redirection, code, option):
    command = f"{sys.executable} -m graphsearch.cli fleet show llama {option} {redirection}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == code


@pytest.mark.parametrize("option", ["", "--json"])
def test_letters_that_the_output_lacks(tmp_path, option):
    put(
        tmp_path / "g.yaml", {"nodes": [{"role": "é", "model": "llama-1b"}], "edges": [], "sink": 0}
    )
    command = [sys.executable, "-m", "graphsearch.cli", "cost", tmp_path / "g.yaml", "--fleet"]
    done = subprocess.run(
        [*command, "llama", *option.split()],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    if option:
        assert json.loads(done.stdout)["graph"].startswith("é ")
