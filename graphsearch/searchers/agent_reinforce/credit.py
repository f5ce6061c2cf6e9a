"""Credit of single edges, models, roles and sinks, from differences between graphs."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Credit"]

Vector = NDArray[np.float64]
MEMORY = 0.9
RIDGE = 4.0


class Credit:
    """How much each choice adds to the score, estimated from pairs of graphs of one round.

    Two graphs of a round ran on the same items and share the calls of the parts they have in
    common, so most noise cancels in their difference D, and what is left is due to the choices in
    which they differ. With x the indicator of a graph's choices, d = x - x' and h the number of
    choices that differ, the pair is explained by the shortest vector c with c . d = D, that is
    c = D d / h. The estimate is the average of these over all pairs, a pair counting 1 / h (few
    differences say more), shrunk by a ridge of 4 pairs that differ in one choice:

        credit_f = sum_pairs d_f D / h^2  /  (4 + sum_pairs d_f^2 / h)

    Sums fade by 10 % a round. The estimate assumes that choices add up; where they interact it is
    an average over the contexts in which the choice was seen lately. It is used as a direction,
    never as a prediction.
    """

    def __init__(self, size: int) -> None:
        self._gain: Vector = np.zeros(size)
        self._weight: Vector = np.zeros(size)

    def add(self, choices: NDArray[np.float64], scores: Vector) -> None:
        """Learn from a round.

        Args:
            choices: indicators, shape [K, size]: 1 where a graph made the choice.
            scores: scores that may be compared with one another, shape [K].
        """
        self._gain *= MEMORY
        self._weight *= MEMORY
        first, second = np.triu_indices(len(scores), k=1)
        differences = choices[first] - choices[second]
        distance = np.abs(differences).sum(axis=1)
        apart = distance > 0
        d, h = differences[apart], distance[apart]
        gap = (scores[first] - scores[second])[apart]
        self._gain += d.T @ (gap / h**2)
        self._weight += np.abs(d).T @ (1.0 / h)

    @property
    def values(self) -> Vector:
        """Credit of each choice, shape [size]."""
        return self._gain / (RIDGE + self._weight)
