"""What README.md shows works: its Python, its commands, its links.

Everything runs for real, in a temporary folder, with one visible change: budgets of searches are
cut to `SMALL`.
"""

import json
import random
import re
import shlex

import pytest
import yaml
from typer.testing import CliRunner

from graphsearch.cli._app import app
from graphsearch.cost import CostModel
from graphsearch.records.models import Fleet
from graphsearch.records.tasks import TokenProfile
from graphsearch.spec import parse_spec
from tests.support import ROOT

SMALL = "2500 units"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROSE = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = [
    shlex.split(line, comments=True)
    for line in re.findall(r"^ {4}(\S.*)$", PROSE, flags=re.MULTILINE)
]
LINKS = re.findall(r"\]\(([^)\s]+)\)", PROSE) + re.findall(r'(?:src|href)="([^"]+)"', PROSE)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder in which the repository's own folders are seen, and everything new stays."""
    for name in ("configs", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)


def test_there_is_something_to_check():
    assert BLOCKS
    assert {"make", "graphsearch"} <= {words[0] for words in COMMANDS}
    assert LINKS


@pytest.mark.usefixtures("here")
def test_python_runs_in_the_order_shown(capsys):
    for block in BLOCKS:
        small, changed = re.subn(r'(search_budget=)"[^"]*"', rf'\1"{SMALL}"', block)
        assert changed == block.count("optimize("), "no search may run with its full budget"
        exec(compile(small, "README.md", "exec"), {"__name__": "readme"})
        assert capsys.readouterr().out or "print(" not in block


def test_configurations_and_fleets_are_read():
    shown = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)]
    fleets = [value for value in shown if "models" in value]
    assert len(fleets) == 1
    assert {spec.engine for spec in Fleet.from_json(fleets[0]).models} == {"http"}
    configurations = [value for value in shown if "models" not in value]
    assert configurations
    assert all(parse_spec(value).search_budget for value in configurations)


def test_the_fleet_and_the_configuration_shown_quote_well(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for text in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL):
        name = "my-fleet.yaml" if "models:" in text else "mine.yaml"
        (tmp_path / name).write_text(text)
    words = random.Random(0)
    asked = [" ".join(f"{words.getrandbits(24):x}" for _ in range(30)) for _ in range(1100)]
    rows = [{"question": text, "answer": i} for i, text in enumerate(asked)]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    done = CliRunner().invoke(app, ["quote", "mine.yaml", "--json"])
    assert done.exit_code == 0, done.stderr
    quote = json.loads(done.stdout)
    assert quote["warnings"] == []
    assert quote["rounds"]["low"] >= 5
    assert quote["graph_cost"]["high"] <= 40
    large = CostModel(Fleet.load("my-fleet.yaml"), TokenProfile(119, 256), "units").gamma("large")
    assert f"one `large` about {large:.0f}," in README


def cut(words):
    """The arguments as they are shown, a search with a small budget."""
    more = ["--search-budget", SMALL] if words[:2] == ["graphsearch", "run"] else []
    return [*words[1:], *more]


@pytest.mark.usefixtures("here")
def test_commands_run_in_the_order_shown():
    for words in (w for w in COMMANDS if w[0] == "graphsearch"):
        done = CliRunner().invoke(app, cut(words))
        assert done.exit_code == 0, f"{shlex.join(words)}: {done.output}"
        assert done.stdout, f"{shlex.join(words)} says nothing"


def test_commands_that_are_only_named_exist():
    named = set(re.findall(r"`graphsearch ([a-z]+)", PROSE)) | {
        words[1] for words in COMMANDS if words[0] == "graphsearch"
    }
    for name in named:
        assert CliRunner().invoke(app, [name, "--help"]).exit_code == 0, name


def test_targets_of_make_exist():
    made = (ROOT / "Makefile").read_text(encoding="utf-8")
    for words in (w for w in COMMANDS if w[0] == "make"):
        assert re.search(rf"^{words[1]}:", made, flags=re.MULTILINE), words


@pytest.mark.parametrize("link", [link for link in LINKS if "://" not in link])
def test_links_lead_somewhere(link):
    assert (ROOT / link.partition("#")[0]).exists()


def test_pictures_are_small():
    for path in (ROOT / "design" / "images").glob("*.png"):
        assert path.stat().st_size < 300_000, path
