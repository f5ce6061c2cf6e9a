"""What tests of bundles share."""

import pytest

from graphsearch.export import write_bundle
from tests.export.helpers import graph_of, run_folder


@pytest.fixture
def bundle(tmp_path):
    """The folder of a bundle: two models that vote."""
    run = run_folder(tmp_path / "run", graph_of("nano", "nano", "xs"))
    write_bundle(run, tmp_path / "bundle")
    return tmp_path / "bundle"
