"""Randomness of searchers."""

import numpy as np

__all__ = ["rng_for"]


def rng_for(seed: int, *counters: int) -> np.random.Generator:
    """A random stream for one step: of `seed` and where the search stands.

    A stream per step, not one that goes on: what one step draws never shifts what the next draws.
    """
    return np.random.default_rng([seed % 2**64, *counters])
