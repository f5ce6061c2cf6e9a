"""Small things that the searchers share: random streams, and the check of a state."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphsearch.records.errors import StoreError

__all__ = ["check_state", "rng_for"]


def check_state(state: Mapping[str, Any], name: str, version: int) -> None:
    """Refuse a state of another searcher or of an unknown version.

    Raises:
        StoreError: as said.
    """
    if state.get("searcher") != name:
        raise StoreError(f"state is of searcher {state.get('searcher')!r}, not of {name!r}")
    if state.get("version") != version:
        found = state.get("version")
        raise StoreError(f"state of {name!r} has version {found!r}; this release reads {version}")


def rng_for(seed: int, *counters: int) -> np.random.Generator:
    """A random stream for one step: of `seed` and where the search stands.

    A stream per step, not one that goes on, so that what is drawn in one step never depends on how
    much an earlier one drew.
    """
    return np.random.default_rng([seed % 2**64, *counters])
