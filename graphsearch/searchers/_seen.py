"""Which graphs were proposed already."""

import base64
import hashlib
from collections.abc import Iterable

from graphsearch.graph import CollaborationGraph
from graphsearch.records.errors import StoreError

__all__ = ["Seen"]

SIZE = 3


class Seen:
    """A set of graphs, kept as 24-bit digests of their canonical keys.

    So the whole set fits into the state of a searcher: 4 characters a graph, 20 kB for 5,000. With
    n graphs in it a new one is taken for known with probability n / 2^24 (0.03 % at 5,000); the
    harm is that this one is not tried.
    """

    def __init__(self) -> None:
        self._digests: set[bytes] = set()
        self._order = bytearray()

    def __len__(self) -> int:
        return len(self._digests)

    def __contains__(self, graph: object) -> bool:
        return isinstance(graph, CollaborationGraph) and _digest(graph) in self._digests

    def add(self, graph: CollaborationGraph) -> bool:
        """Add a graph; True when it is new."""
        found = _digest(graph)
        if found in self._digests:
            return False
        self._digests.add(found)
        self._order += found
        return True

    def update(self, graphs: Iterable[CollaborationGraph]) -> None:
        """Add graphs that are known from elsewhere."""
        for graph in graphs:
            self.add(graph)

    def to_json(self) -> str:
        """The digests, in the order in which the graphs came."""
        return base64.b64encode(self._order).decode("ascii")

    @classmethod
    def from_json(cls, value: str) -> "Seen":
        """Read what `to_json` wrote.

        Raises:
            StoreError: the text is damaged.
        """
        try:
            order = base64.b64decode(value, validate=True)
        except (TypeError, ValueError) as error:
            raise StoreError(f"searcher state holds damaged digests: {error}") from error
        seen = cls()
        seen._order = bytearray(order)
        seen._digests = {order[i : i + SIZE] for i in range(0, len(order), SIZE)}
        return seen


def _digest(graph: CollaborationGraph) -> bytes:
    return hashlib.blake2b(graph.key.encode(), digest_size=SIZE).digest()
