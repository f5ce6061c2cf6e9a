"""Shared by tests: what a test needs from outside, and what happens where it is absent."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from graphsearch.evaluators.sandbox import Sandbox, open_sandbox
from graphsearch.records.errors import TaskError

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"


def _missing(thing: str, why: str) -> None:
    if thing in os.environ.get("GRAPHSEARCH_REQUIRE", "").split(","):
        pytest.fail(f"{thing} is required here, but {why}")
    pytest.skip(f"{thing}: {why}")


def shared_data(relative: str) -> Path:
    """A file or folder of the shared data; the test skips where the data is absent."""
    path = DATA / relative
    if not path.exists():
        _missing("data", f"../shared/data/{relative} is absent")
    return path


def chromium() -> str:
    """The browser's command; the test skips where there is none."""
    command = shutil.which("chromium") or shutil.which("chromium-browser")
    if command is None:
        _missing("browser", "no chromium on the PATH")
        raise AssertionError
    return command


def litellm() -> None:
    """The package LiteLLM; the test skips where it is not installed."""
    if find_spec("litellm") is None:
        _missing("litellm", "it is not installed (make test-litellm installs it)")


def sandbox(name: str | None = None) -> Sandbox:
    """The strongest sandbox, or one by name; the test skips where it cannot be had."""
    try:
        return open_sandbox(name)
    except TaskError as error:
        _missing("sandbox", str(error))
        raise AssertionError from error
