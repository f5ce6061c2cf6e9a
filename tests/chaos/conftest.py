"""Settings of these tests."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def no_waiting_for_disks() -> Iterator[None]:
    """No test here cuts the power, so none needs to wait for a disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("graphsearch.store.connect.SYNCHRONOUS", "OFF")
        yield
