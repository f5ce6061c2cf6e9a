"""Which graphs were proposed already."""

import hashlib
from collections.abc import Iterable

from graphsearch.graph import CollaborationGraph

__all__ = ["Seen"]

SIZE = 3


class Seen:
    """A set of graphs, kept as 24-bit digests of their canonical keys.

    So a set of many thousands stays small. With n graphs in it a new one is taken for known with
    probability n / 2^24 (0.03 % at 5,000); the harm is that this one is not tried.
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


def _digest(graph: CollaborationGraph) -> bytes:
    return hashlib.blake2b(graph.key.encode(), digest_size=SIZE).digest()
