"""The public face of the package."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import graphsearch
from graphsearch.records import errors

EXAMPLES = Path(__file__).parents[1] / "examples"
PUBLIC = {
    *{"Amount", "Arguments", "Call", "CollaborationGraph", "Distribution", "EngineInfo", "Fleet"},
    *{"Item", "Message", "ModelSpec", "Node", "Outcome", "Proposal", "Reply", "Result", "Sampling"},
    *{"ScriptedEngine", "Space", "Spec", "Study", "Task", "TokenProfile", "Usage", "Verdict"},
    *{"__version__", "aoptimize", "get_grader", "grader_names", "load", "optimize", "quote"},
    *{"register", "registry"},
    *errors.__all__,
}


def test_the_public_names_are_the_promised_ones():
    assert sorted(PUBLIC) == graphsearch.__all__ == dir(graphsearch)


def test_every_public_name_can_be_loaded():
    for name in graphsearch.__all__:
        assert getattr(graphsearch, name) is not None


def test_checkers_of_types_know_every_public_name():
    """Names loaded lazily are invisible to editors, so they are told of them apart."""
    tree = ast.parse(Path(graphsearch.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    told = {alias.asname or alias.name for n in block.body[:-1] for alias in n.names}
    told |= {target.id for target in block.body[-1].targets}
    assert told - {"*", "load_bundle"} == PUBLIC - {"__version__", *errors.__all__}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_examples_import_from_the_top_alone(path):
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    modules = [node.module for node in tree if isinstance(node, ast.ImportFrom)]
    assert {name for name in modules if name.startswith("graphsearch")} <= {"graphsearch"}


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(graphsearch, "no_such_thing")


def test_import_loads_nothing_heavy_and_opens_nothing():
    heavy = ["numpy", "pydantic", "optuna", "rich", "sqlalchemy", "networkx", "asyncio"]
    code = (
        "import sys, os\n"
        "before = dict(os.environ)\n"
        "import graphsearch\n"
        f"print([m for m in {heavy!r} if m in sys.modules], dict(os.environ) == before)\n"
    )
    seen = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert seen.strip() == "[] True"
