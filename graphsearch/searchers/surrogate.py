"""What a graph would score, guessed from graphs that were run."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Surrogate"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

PRIOR_SD = 0.25
MISFIT_SD = 0.04
ITEM_SHARE = 0.5


class Surrogate:
    """Bayesian ridge regression on the features of graphs, with a random intercept per round.

    Scores of one round are measured on the same items: easy items lift them all. So the errors of
    a round's scores are `b + e_k` with `b ~ N(0, t)` shared and `e_k ~ N(0, v_k)` of its own, where

        v_k = (1 - s) * p(1 - p) / n_k + misfit^2        t = s * p(1 - p) / n

    with p the mean score of the round, n_k the items of trial k, n the most items of a trial and
    s = 0.5 the share of the variance of one answer that is the item's. The generalised least
    squares of that model only need sums over trials: `A = sum x x^T / v`, `h = sum x y / v`, each
    less the part that the shared intercept explains. They are all that is kept, so an update costs
    the same after 10 trials as after 10,000.

    Features get the prior N(0, 0.25^2) (the intercept: N(0, 1) around a score of one half).
    """

    def __init__(self, size: int) -> None:
        prior = np.full(size, PRIOR_SD**-2)
        prior[0] = 1.0
        self._precision: Matrix = np.diag(prior)
        self._pull: Vector = np.zeros(size)
        self._factor: tuple[Matrix, Vector] | None = None
        self.trials = 0

    def add(self, features: Matrix, scores: Vector, counts: NDArray[np.int_]) -> None:
        """Learn from one round.

        Args:
            features: shape [K, size].
            scores: mean score of each trial, shape [K].
            counts: graded items of each trial, shape [K], all above 0.
        """
        mean = float(np.average(scores, weights=counts))
        answer = max(mean * (1.0 - mean), 0.05)
        weights = 1.0 / ((1.0 - ITEM_SHARE) * answer / counts + MISFIT_SD**2)
        shared = ITEM_SHARE * answer / counts.max()
        explained = shared / (1.0 + shared * weights.sum())
        weighted = features * weights[:, None]
        centre = weighted.sum(axis=0)
        targets = scores - 0.5
        grown = self._precision + weighted.T @ features - explained * np.outer(centre, centre)
        # Rounding leaves the two halves a bit apart, and differs between machines: one half, in
        # single precision, so that a search that goes on elsewhere has the same numbers.
        self._precision = _single(np.triu(grown) + np.triu(grown, 1).T)
        pull = self._pull + weighted.T @ targets - explained * centre * float(weights @ targets)
        self._pull = _single(pull)
        self._factor = None
        self.trials += len(scores)

    def predict(self, features: Matrix) -> tuple[Vector, Vector]:
        """Mean and standard deviation of the expected score of graphs, shapes [K]."""
        root, weights = self._solved()
        spread = features @ root
        return 0.5 + features @ weights, np.sqrt(np.einsum("ij,ij->i", spread, spread))

    def draw(self, features: Matrix, noise: Vector) -> Vector:
        """Scores under one draw of the weights from their posterior (Thompson sampling).

        Args:
            features: shape [K, size].
            noise: standard normal, shape [size].
        """
        root, weights = self._solved()
        drawn: Vector = 0.5 + features @ (weights + root @ noise)
        return drawn

    def _solved(self) -> tuple[Matrix, Vector]:
        """A square root of the posterior covariance, and the posterior mean of the weights."""
        if self._factor is None:
            # A = L L^T, so the covariance is R R^T with R = L^-T.
            root = np.linalg.inv(np.linalg.cholesky(self._precision)).T
            self._factor = root, root @ (root.T @ self._pull)
        return self._factor


def _single(array: Matrix) -> Matrix:
    """Rounded to single precision."""
    return array.astype(np.float32).astype(np.float64)
