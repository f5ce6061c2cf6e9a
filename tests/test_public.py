"""The public face of the package."""

import subprocess
import sys

import graphsearch


def test_every_public_name_can_be_loaded():
    for name in graphsearch.__all__:
        assert getattr(graphsearch, name) is not None


def test_the_public_names_are_the_promised_ones():
    assert sorted(graphsearch.__all__) == graphsearch.__all__
    assert {"optimize", "Study", "Result", "Space", "Fleet", "Task"} <= set(graphsearch.__all__)


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
