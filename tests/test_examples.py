"""What the examples ask for can be searched; the searches themselves take too long for a test."""

import runpy

import pytest

from graphsearch import api
from graphsearch.spec.arguments import spec_of
from graphsearch.spec.build import build
from tests.support import ROOT

EXAMPLES = ("notebook", "optimise", "own_loop", "user_task")


class EnoughShown(Exception):
    """Raised where the search of an example would begin."""


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_asks_for_something_that_can_be_searched(name, tmp_path, monkeypatch):
    seen = []

    def begin(**asked):
        seen.append(build(spec_of(asked)))
        raise EnoughShown

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [f"{name}.py"])
    monkeypatch.setattr(api, "optimize", begin)
    monkeypatch.setattr(api.Study, "create", begin)
    with pytest.raises(EnoughShown):
        runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")
    (parts,) = seen
    assert set(parts.engines) >= set(parts.models)


def test_no_example_is_left_out():
    shown = {path.stem for path in (ROOT / "examples").glob("*.py")}
    assert shown == {*EXAMPLES, "grade_file"}
