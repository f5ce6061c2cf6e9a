"""Settings of the whole test run."""

import socket
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import settings

settings.register_profile("default", deadline=None, max_examples=50, print_blob=True)
settings.load_profile("default")

_LOCAL = {"127.0.0.1", "::1", "localhost"}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches beyond this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and address[0] not in _LOCAL:
            raise AssertionError(f"a test tried to connect to {address!r}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install a package that brings one thing: `installed(group, name, "module:attribute", code)`.

    The package is there as pip leaves it, until the test ends.
    """

    def install(group: str, name: str, where: str, code: str) -> None:
        module = where.partition(":")[0]
        site = tmp_path / "site"
        info = site / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {where}\n")
        (site / f"{module}.py").write_text(dedent(code))
        monkeypatch.syspath_prepend(site)
        # Gone again when the test ends, whatever imports it until then.
        monkeypatch.setitem(sys.modules, module, None)
        del sys.modules[module]

    return install
