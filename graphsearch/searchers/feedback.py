"""What the results of one round say: advantages, paired on the same items."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Advantages", "leave_one_out"]

LEAST_VARIANCE = 0.02


@dataclass(frozen=True, slots=True)
class Advantages:
    """Advantages of a round's trials.

    Attributes:
        values: score minus the mean of the others, over items that both have, shape [K]; nan for a
            trial that shares no graded item with another.
        errors: standard error of each value from the spread over items, shape [K].
        reliability: share of the spread between the trials that is not noise, in [0, 1].
    """

    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    reliability: float


def leave_one_out(scores: NDArray[np.float64]) -> Advantages:
    """Advantage of each trial over the mean of the others (design/searchers).

    Trials that a race stopped early have fewer items; each is compared on the items it has.

    Args:
        scores: shape [K, items], nan where there is no score.
    """
    known = ~np.isnan(scores)
    filled = np.where(known, scores, 0.0)
    others = known.sum(axis=0) - known
    total = filled.sum(axis=0) - filled
    usable = known & (others > 0)
    differences = np.where(usable, filled - total / np.maximum(others, 1), 0.0)
    counts = usable.sum(axis=1)
    values = np.where(counts > 0, differences.sum(axis=1) / np.maximum(counts, 1), np.nan)
    # One variance pooled over the trials: three items tell none alone.
    squares = np.where(usable, (differences - np.nan_to_num(values)[:, None]) ** 2, 0.0).sum()
    freedom = np.maximum(counts - 1, 0).sum()
    pooled = max(float(squares / freedom) if freedom > 0 else 0.25, LEAST_VARIANCE)
    errors: NDArray[np.float64] = np.sqrt(pooled / np.maximum(counts, 1))
    valid = ~np.isnan(values)
    reliability = 0.0
    if valid.sum() >= 2:
        spread, noise = float(np.var(values[valid], ddof=1)), float(np.mean(errors[valid] ** 2))
        reliability = max(0.0, spread - noise) / spread if spread > 0 else 0.0
    return Advantages(values, errors, reliability)
