"""Imports point one way: the core knows protocols, and names are joined in few places."""

import ast
import re
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

NAMES_OF_LIBRARIES = {"_exit", "_make", "_replace", "_repr_html_", "_run_once", "_base_executable"}
"""Underscored names that others promise: `os`, named tuples, notebooks, event loops, `sys`."""

MAY_SEE_INSIDE = {
    "cli/test_commands.py": "how numbers and tables are written: rules that every command shares",
    "cli/test_interrupts.py": "a coroutine that is stuck where no search can be made stuck",
    "cli/test_view.py": "the lines of a search at times that the test chooses",
    "engines/embedded/test_decoder.py": "logits leave the batch as tokens alone",
    "evaluators/workers/test_pool.py": "the processes of a pool and their ends",
}
"""Tests that name private modules or names of the package, each with why. It only shrinks."""


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


def is_private(name):
    return name.startswith("_") and not name.startswith("__") and name not in NAMES_OF_LIBRARIES


def private_names(text):
    """What a test names of the inside of the package: modules, names in them, attributes."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute):
            owner = node.value
            is_own = isinstance(owner, ast.Name) and owner.id in {"self", "cls"}
            found = [] if is_own else [f"graphsearch.{node.attr}"]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("attr"):
            texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
            found = [f"graphsearch.{text}" for text in texts if isinstance(text, str)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found = re.findall(r"graphsearch(?:\.\w+)+", node.value)
        else:
            continue
        for name in found:
            if is_of(name, "graphsearch") and any(map(is_private, name.split("."))):
                yield name


def test_tests_name_what_is_public():
    tests = {path.relative_to(ROOT / "tests").as_posix() for path in ROOT.glob("tests/**/*.py")}
    seen = {
        name
        for name in tests - {"test_layers.py"}
        if [*private_names((ROOT / "tests" / name).read_text(encoding="utf-8"))]
    }
    assert sorted(seen - MAY_SEE_INSIDE.keys()) == []
    assert sorted(MAY_SEE_INSIDE.keys() - seen) == [], "these see nothing inside any more"


@pytest.mark.parametrize(
    "text",
    [
        "import graphsearch.report._svg",
        "def test():\n    from graphsearch.report._svg import Box",
        "from graphsearch.report import _svg",
        "from graphsearch.stats import _wilson",
        "CODE = 'from graphsearch.report._svg import Box'",
        "patch.setattr('graphsearch.store._writer.Writer', None)",
        "patch.setattr(grader, '_ask', None)",
        "grader._pool.ask(1)",
    ],
)
def test_every_way_to_see_inside_is_seen(text):
    assert [*private_names(text)]
    shown = text.replace("._", ".").replace("import _", "import ").replace("'_", "'")
    assert not [*private_names(shown)]
    assert not [*private_names("os._exit(1)\nself._mine = row._replace(a=1)\n")]
