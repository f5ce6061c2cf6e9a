import subprocess
import sys

import pytest

from graphsearch.engines import engine_names, engines_for, make_engine
from graphsearch.engines.scripted import ScriptedEngine
from graphsearch.records.errors import FleetError
from graphsearch.records.models import Fleet, ModelSpec


def test_engines_are_built_by_name():
    assert isinstance(make_engine("scripted", script="x"), ScriptedEngine)
    assert {"embedded", "faulty", "http", "replay", "scripted"} <= set(engine_names())


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(FleetError, match=r"no engine 'gpu'; known are .*embedded"):
        make_engine("gpu")


def test_options_an_engine_does_not_take_are_named():
    with pytest.raises(FleetError, match="'speed'"):
        make_engine("embedded", speed=11)


def test_other_packages_add_engines(installed):
    code = """
        from graphsearch.engines.scripted import ScriptedEngine

        def my_engine(text):
            return ScriptedEngine(text)
    """
    installed("graphsearch.engines", "mine", "an_engine_of_mine:my_engine", code)
    assert "mine" in engine_names()
    assert isinstance(make_engine("mine", text="hello"), ScriptedEngine)


def test_importing_the_registry_loads_no_engine():
    code = (
        "import sys, graphsearch.engines, graphsearch.engines.embedded, graphsearch.testing\n"
        "import graphsearch.engines.http\n"
        "print([m for m in sys.modules if 'numpy' in m or 'scripted' in m or 'httptools' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("engine", ["http", "replay"])
def test_an_engine_that_needs_an_endpoint_says_so(engine):
    fleet = Fleet("mine", (ModelSpec("a", 1, 1, 1, engine=engine),), "a")
    with pytest.raises(FleetError, match=r"^model a: needs an endpoint"):
        engines_for(fleet, ["a"])


def test_models_of_a_record_share_its_engine(tmp_path):
    specs = [ModelSpec(n, 1, 1, 1, engine="replay", endpoint=str(tmp_path)) for n in "ab"]
    engines = engines_for(Fleet("mine", tuple(specs), "a"), ["b", "a"])
    assert list(engines) == ["b", "a"]
    assert engines["a"] is engines["b"]
