"""What a wheel would hold, read from the settings that decide it.

A real build fetches setuptools from a registry, which tests never reach.
"""

import fnmatch
import glob
import os
import tomllib

from tests.support import ROOT

PACKAGE = ROOT / "graphsearch"
SETUP = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
OURS_ALONE = {".gitignore", "training.checkpoint"}


def kept():
    """Every file of the package, by its path in it; links followed as a build does."""
    for folder, below, names in os.walk(PACKAGE, followlinks=True):
        below[:] = [name for name in below if name != "__pycache__"]
        yield from (os.path.relpath(os.path.join(folder, name), PACKAGE) for name in names)


def data():
    """Files that go in as package data, found the way setuptools finds them."""
    patterns = SETUP["package-data"]["graphsearch"]
    return {p for pattern in patterns for p in glob.glob(pattern, root_dir=PACKAGE, recursive=True)}


def test_every_file_of_the_package_goes_in():
    wanted = {p for p in kept() if os.path.basename(p) not in OURS_ALONE and p[-3:] != ".py"}
    assert wanted
    assert wanted <= data()
    for name in ("agents/prompts", "engines/embedded/weights", "configs", "report/templates"):
        assert any(path.startswith(name) for path in wanted), name


def test_state_of_training_stays_out():
    patterns = SETUP["package-data"]["graphsearch"]
    path = "engines/embedded/weights/m/training.checkpoint"
    assert not any(fnmatch.fnmatch(path, pattern) for pattern in patterns)
    assert SETUP["include-package-data"] is False


def test_every_folder_with_code_is_a_package():
    folders = {os.path.dirname(path) for path in kept() if path.endswith(".py")}
    assert {"agents", "evaluators"} <= {folder.split(os.sep)[0] for folder in folders}
    for folder in folders:
        assert (PACKAGE / folder / "__init__.py").is_file(), folder


def test_nothing_but_graphsearch_is_installed_at_top_level():
    include = SETUP["packages"]["find"]["include"]
    found = [path.parent.name for path in ROOT.glob("*/__init__.py")]
    assert {"agents", "evaluators"} <= set(found)
    assert [n for n in found if any(fnmatch.fnmatch(n, p) for p in include)] == ["graphsearch"]
    for name in ("agents", "evaluators"):
        assert (PACKAGE / name).is_symlink()
        assert os.readlink(PACKAGE / name) == f"../{name}"


def test_an_editable_install_is_a_path_entry():
    # setuptools makes an import hook otherwise, and then the folder that holds a clone named like
    # the package comes before it, as an empty namespace.
    assert SETUP["package-dir"] == {"": "."}
