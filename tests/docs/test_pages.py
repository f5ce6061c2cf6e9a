"""What README and the documentation show works: Python, commands, configurations, links.

All of it runs for real, in a temporary folder, with one visible change: budgets of searches are cut
to `pages.SMALL`.
"""

import json
import random
import re
import shlex

import pytest
import typer
import yaml
from typer.testing import CliRunner

from graphsearch import registry
from graphsearch.cli import app
from graphsearch.cost import CostModel
from graphsearch.records.models import Fleet
from graphsearch.records.tasks import TokenProfile
from graphsearch.spec import parse_spec
from tests.docs.pages import DOCS, README, SMALL, small
from tests.support import ROOT

PAGES = [README, *DOCS]
NAMES = [page.name for page in PAGES]
MODELS = next(page for page in DOCS if page.name == "docs/howto/models.md")
QUESTIONS = next(page for page in DOCS if page.name == "docs/howto/questions.md")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with what pages take for granted; everything new stays in it."""
    for name in ("configs", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    words = random.Random(0)
    asked = [" ".join(f"{words.getrandbits(24):x}" for _ in range(30)) for _ in range(1100)]
    rows = [{"question": text, "answer": i} for i, text in enumerate(asked)]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "my-fleet.yaml").write_text(MODELS.blocks("yaml")[0])
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def unregistered(monkeypatch):
    """What a page registers is gone after it."""
    monkeypatch.setattr(registry, "REGISTERED", {group: {} for group in registry.GROUPS})


def test_there_is_something_to_check():
    assert sum(len(page.blocks("python")) for page in PAGES) > 10
    assert {"make", "graphsearch"} <= {words[0] for page in PAGES for words in page.commands}
    assert all(page.links for page in [README])


@pytest.mark.usefixtures("here", "unregistered")
@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_python_runs_in_the_order_shown(page, capsys):
    space = {"__name__": "page"}
    for block in page.blocks("python"):
        shown = small(block)
        assert block.count("optimize(") <= shown.count(f'search_budget="{SMALL}"'), page.name
        exec(compile(shown, page.name, "exec"), space)
    assert capsys.readouterr().out or not any("print(" in block for block in page.blocks("python"))
    for suite in (value for name, value in space.items() if name.startswith("Test")):
        assert any(name.startswith("test_") for name in dir(suite))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_run_in_the_order_shown(page):
    for words in (words for words in page.commands if words[0] == "graphsearch"):
        more = ["--search-budget", SMALL] if words[1] == "run" else []
        done = CliRunner().invoke(app, [*words[1:], *more])
        assert done.exit_code == 0, f"{shlex.join(words)}: {done.output}"
        assert done.stdout, f"{shlex.join(words)} says nothing"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_that_are_only_named_exist(page):
    shell = "\n".join(page.blocks("sh"))
    named = set(re.findall(r"`graphsearch ([a-z]+)", page.prose))
    for name in named | set(re.findall(r"^graphsearch ([a-z]+)", shell, flags=re.MULTILINE)):
        assert CliRunner().invoke(app, [name, "--help"]).exit_code == 0, name
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page.prose + shell))
    if options:
        known = every_option()
        assert options <= known, sorted(options - known)


def every_option():
    """All options of all commands."""
    found, waiting = {"--help", "--debug", "--version"}, [typer.main.get_command(app)]
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        found |= {name for one in command.params for name in one.opts}
    return found


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_targets_of_make_exist(page):
    made = (ROOT / "Makefile").read_text(encoding="utf-8")
    for words in (words for words in page.commands if words[0] == "make"):
        assert re.search(rf"^{words[1]}:", made, flags=re.MULTILINE), words


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page):
    made = {"configuration.md"}  # written when the documentation is built
    for link in page.links:
        target = page.path.parent / link.partition("#")[0]
        assert target.exists() or target.name in made, f"{page.name}: {link}"


def test_every_command_is_listed():
    page = next(page for page in DOCS if page.name == "docs/reference/commands.md")
    listed = set(re.findall(r"`graphsearch ([a-z]+)` \|", page.text))
    assert listed == set(typer.main.get_command(app).commands)


def test_the_fleet_shown_is_read():
    (fleet,) = [yaml.safe_load(text) for text in MODELS.blocks("yaml")]
    assert {spec.engine for spec in Fleet.from_json(fleet).models} == {"http"}


@pytest.mark.usefixtures("here")
def test_the_fleet_and_the_configuration_shown_quote_well(tmp_path):
    (text,) = QUESTIONS.blocks("yaml")
    assert parse_spec(yaml.safe_load(text)).search_budget
    (tmp_path / "mine.yaml").write_text(text)
    done = CliRunner().invoke(app, ["quote", "mine.yaml", "--json"])
    assert done.exit_code == 0, done.stderr
    quote = json.loads(done.stdout)
    assert quote["warnings"] == []
    assert quote["rounds"]["low"] >= 5
    assert quote["graph_cost"]["high"] <= 40
    large = CostModel(Fleet.load("my-fleet.yaml"), TokenProfile(119, 256), "units").gamma("large")
    assert f"one `large` about {large:.0f}," in QUESTIONS.text


def test_pictures_are_small():
    for path in [*(ROOT / "design" / "images").glob("*"), *(ROOT / "docs" / "drawings").glob("*")]:
        assert path.stat().st_size < 300_000, path
