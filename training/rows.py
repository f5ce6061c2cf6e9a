"""Rows of token columns, shared by both tasks' training data."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from graphsearch.engines.embedded.vocabulary import IDS

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one kind and one exact length: no padding.

    Attributes:
        kind: what the rows teach.
        ids: token ids [rows, length].
        weights: weight of the loss of predicting each token [rows, length]; 0 is not trained on.
    """

    kind: str
    ids: Ints
    weights: Floats


@dataclass(slots=True)
class Columns:
    """Builds rows column by column."""

    rows: int
    ids: list[Ints] = field(default_factory=list)
    weights: list[Floats] = field(default_factory=list)

    def words(self, text: str, weight: float = 0.0) -> Columns:
        """The same words in every row."""
        for word in text.split():
            self.column(np.full(self.rows, IDS[word]), weight)
        return self

    def column(self, ids: Ints, weight: float | Floats = 0.0) -> Columns:
        """One token of each row; ids [rows], weight a number or [rows]."""
        self.ids.append(np.asarray(ids, dtype=np.int64))
        self.weights.append(np.broadcast_to(np.asarray(weight, dtype=np.float32), (self.rows,)))
        return self

    def batch(self, kind: str) -> Batch:
        """The finished rows."""
        return Batch(kind, np.stack(self.ids, axis=1), np.stack(self.weights, axis=1))
