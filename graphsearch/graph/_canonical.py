"""Canonical numbering of a labelled DAG: colour refinement, then individualisation.

Nodes get colours that do not depend on their numbers: level and label first, then, until nothing
changes, the colours of their parents and children. Nodes that read the same parents and feed the
same children are *twins*: any order of them gives the same graph, so they are told apart at once.
Where other ties remain (a symmetry, or two nodes that only look alike), each node of the first
tied colour is tried in turn and the numbering with the least text wins. Two numberings with the
same text reveal a symmetry; everything it maps onto what was already searched is skipped, which
keeps even highly symmetric graphs cheap (quadratically many numberings instead of factorially).
"""

from collections.abc import Sequence
from functools import lru_cache

from graphsearch.graph._node import Node

__all__ = ["order_of", "text_of"]


_Links = tuple[tuple[int, ...], ...]


def text_of(nodes: Sequence[Node], parents: _Links, children: _Links, levels: Sequence[int]) -> str:
    """The canonical text of a graph; see `CollaborationGraph.key`.

    One part a node in canonical order, joined by `|`: role, `:` and model where there is one,
    and `<` with the parents as the bits of a hexadecimal number where there are any. The sink is
    the last node.
    """
    order = order_of(nodes, parents, children, levels)
    bit = [0] * len(order)
    for k, i in enumerate(order):
        bit[i] = 1 << k
    labels = [_label(node.role, node.model) for node in nodes]
    parts = [
        f"{labels[i]}<{sum([bit[p] for p in parents[i]]):x}" if parents[i] else labels[i]
        for i in order
    ]
    return "|".join(parts)


def order_of(
    nodes: Sequence[Node], parents: _Links, children: _Links, levels: Sequence[int]
) -> list[int]:
    """Node indices in canonical order."""
    # First colours: ranks of what can be said of a node without looking at others' colours. The
    # level comes first, so that every numbering by colour is topological. Twins are told apart by
    # their index: whichever comes first, the numbered graph is the same.
    labels = [_label(node.role, node.model) for node in nodes]
    twins: dict[tuple[object, ...], int] = {}
    signatures = []
    for i, twin in enumerate(zip(levels, labels, parents, children, strict=True)):
        rank = twins[twin] = twins.get(twin, -1) + 1
        signatures.append((twin[0], twin[1], len(parents[i]), len(children[i]), rank))
    ranks = {signature: k for k, signature in enumerate(sorted(set(signatures)))}
    colours = _refine(parents, children, [ranks[signature] for signature in signatures])
    if len(set(colours)) == len(colours):
        return _by_colour(colours)
    return _Search(parents, children).run(colours)


@lru_cache(maxsize=4096)
def _label(role: str, model: str | None) -> str:
    """A text for a node, equal for equal nodes and for no others; free of `|` and `<`."""
    text = _escape(role).replace(":", "%3a")
    return text if model is None else f"{text}:{_escape(model)}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("|", "%7c").replace("<", "%3c")


def _by_colour(colours: list[int]) -> list[int]:
    return sorted(range(len(colours)), key=colours.__getitem__)


def _refine(parents: _Links, children: _Links, colours: list[int]) -> list[int]:
    """Split colours by the colours of parents and children until nothing changes."""
    n = len(colours)
    count = len(set(colours))
    width = n.bit_length()
    while count < n:
        # A multiset of colours as one integer: a digit (wide enough for n) a colour.
        digits = [1 << (width * c) for c in colours]
        signatures = [
            (colour, sum([digits[p] for p in above]), sum([digits[c] for c in below]))
            for colour, above, below in zip(colours, parents, children, strict=True)
        ]
        distinct = sorted(set(signatures))
        if len(distinct) == count:
            break
        count = len(distinct)
        ranks = {signature: k for k, signature in enumerate(distinct)}
        colours = [ranks[signature] for signature in signatures]
    return colours


class _Search:
    """Depth-first search over the ways to break ties; see the module's text."""

    def __init__(self, parents: _Links, children: _Links) -> None:
        self._parents, self._children = parents, children
        self._seen: dict[tuple[int, ...], tuple[int, ...]] = {}  # certificate -> path to it
        self._best: tuple[tuple[int, ...], list[int]] | None = None

    def run(self, colours: list[int]) -> list[int]:
        """The order with the least certificate."""
        self._descend(colours, ())
        assert self._best is not None
        return self._best[1]

    def _descend(self, colours: list[int], path: tuple[int, ...]) -> int:
        """Search below `path`; returns the length of the path to go on from."""
        cells: dict[int, list[int]] = {}
        for node, colour in enumerate(colours):
            cells.setdefault(colour, []).append(node)
        # Nodes of the first colour that several nodes share.
        cell = next((cells[c] for c in sorted(cells) if len(cells[c]) > 1), None)
        if cell is None:
            return self._leaf(_by_colour(colours), path)
        for node in cell:
            split = [2 * c + 1 for c in colours]
            split[node] -= 1
            ranks = {c: k for k, c in enumerate(sorted(set(split)))}
            refined = _refine(self._parents, self._children, [ranks[c] for c in split])
            back_to = self._descend(refined, (*path, node))
            if back_to < len(path):
                return back_to
        return len(path)

    def _leaf(self, order: list[int], path: tuple[int, ...]) -> int:
        position = {node: k for k, node in enumerate(order)}
        certificate = tuple(sum(1 << position[p] for p in self._parents[node]) for node in order)
        earlier = self._seen.setdefault(certificate, path)
        if earlier is not path:
            # A symmetry maps the earlier path onto this one. They part at their common prefix,
            # and everything below this side of it mirrors what the other side already showed.
            return next(k for k, (a, b) in enumerate(zip(earlier, path, strict=False)) if a != b)
        if self._best is None or certificate < self._best[0]:
            self._best = (certificate, order)
        return len(path)
