"""Imports point one way: the core knows protocols, and names are joined in few places."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FACES = {
    "graphsearch.agents.roles",
    "graphsearch.agents.search",
    "graphsearch.evaluators.graders",
    "graphsearch.evaluators.sandbox",
    "graphsearch.evaluators.tasks",
}
"""Packages whose public names join names to things; nobody outside imports a module of theirs."""

JOINERS = ("__init__.py", "api.py", "spec/", "export/", "report/", "cli/")
"""Where names become things: API, specification, export, report, command line."""

EXAMINES = {"graphsearch.evaluators.tasks.examine"}
"""What `graphsearch task` shows; a face of its own, which loading a task does not need."""

MAY_KNOW = {
    "agents": {
        "graphsearch.engines.embedded.vocabulary",
        "graphsearch.searchers.base",
        "graphsearch.searchers.options",
    },
    "evaluators": {"graphsearch.engines.embedded.vocabulary", "graphsearch.engines.records"},
}
"""Modules of the core's packages that the two may import beside its records and protocols."""

RECORDS = {
    "functions",
    "graph",
    "records",
    "registry",
    "rows",
    "words",
    "yamlfile",
}


def imports(path):
    """Every module that a file imports, at its top or inside functions, with its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def modules(path):
    """Those of a file's imports that are modules or packages of this project."""
    for name, line in imports(path):
        if name.startswith("graphsearch.") and is_module(name):
            yield name, line


def is_module(name):
    place = ROOT.joinpath(*name.split("."))
    return place.is_dir() or place.with_suffix(".py").is_file()


def is_of(name, package):
    return name == package or name.startswith(f"{package}.")


def is_outside(name):
    return is_of(name, "graphsearch.agents") or is_of(name, "graphsearch.evaluators")


def offences(place, text_of, root=ROOT / "graphsearch"):
    """Imports of agents and evaluators in the core that should not be there."""
    for path in sorted(root.rglob("*.py")):
        if place(path.relative_to(root).as_posix()):
            for name, line in modules(path):
                if is_outside(name) and text_of(name):
                    yield f"{path.relative_to(root)}:{line} imports {name}"


def is_joiner(path):
    return path.startswith(JOINERS)


def is_core(path):
    return not path.startswith((*JOINERS, "agents/", "evaluators/"))


def test_the_core_imports_no_agent_and_no_evaluator():
    assert list(offences(is_core, lambda name: True)) == []


def test_names_are_joined_through_public_faces_alone():
    def is_hidden(name):
        return name not in FACES | EXAMINES | {"graphsearch.agents", "graphsearch.evaluators"}

    assert list(offences(is_joiner, is_hidden)) == []


@pytest.mark.parametrize("package", sorted(MAY_KNOW))
def test_agents_and_evaluators_know_records_and_protocols_alone(package):
    allowed = MAY_KNOW[package] | {f"graphsearch.{name}" for name in RECORDS}
    own = f"graphsearch.{package}"
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for name, line in modules(path)
        if not is_of(name, own) and not any(is_of(name, one) for one in allowed)
    ]
    parents = {one.rpartition(".")[0] for one in allowed}
    assert [one for one in found if one.rpartition(" ")[2] not in parents] == []


def test_the_layers_see_every_kind_of_import(tmp_path):
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "_parts.py").write_text(
        "def make():\n    from graphsearch.evaluators.graders.judge import JudgeGrader\n"
    )
    (tmp_path / "study.py").write_text("import graphsearch.agents.roles\n")
    hidden = list(offences(is_joiner, lambda name: name not in FACES, tmp_path))
    assert hidden == ["export/_parts.py:2 imports graphsearch.evaluators.graders.judge"]
    core = list(offences(is_core, lambda name: True, tmp_path))
    assert core == ["study.py:1 imports graphsearch.agents.roles"]
