"""Every world ends as its golden file says, also where it was stopped and resumed."""

import pytest

from tests.golden import runs
from tests.golden.record import GOLDEN, differences, load
from tests.golden.worlds import WORLDS

SHOWN = 25
DISTURBED = [(name, *how) for name in WORLDS for how in runs.disturbances(name)]


def compare(was, now):
    found = list(differences(was, now))
    if found:
        more = [f"... and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
        pytest.fail(
            "\n".join(["differs from the golden file:", *found[:SHOWN], *more]), pytrace=False
        )


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_is_as_it_was(name, tmp_path):
    golden = load(name)
    del golden["resumed"]
    compare(golden, runs.whole(name, tmp_path))


@pytest.mark.parametrize(("name", "kind", "at"), DISTURBED)
def test_a_world_that_is_disturbed_ends_the_same(name, kind, at, tmp_path):
    golden = load(name)
    was = golden["resumed"][f"{kind} {at}"]
    compare(was, runs.resumed(name, kind, at, tmp_path, golden))


def test_every_golden_file_has_its_world():
    assert {path.stem for path in GOLDEN.glob("*.json")} == {*WORLDS}
