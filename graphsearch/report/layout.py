"""Where the boxes and lines of a drawn graph go.

A node's layer is its longest way to the sink, so that messages flow one way and a root sits next
to its reader. A message that skips layers runs through a track in each of them; all readers of one
node share its tracks, because they read the same message. Order inside a layer comes from median
sweeps.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

__all__ = ["BOX_HIGH", "Layers", "Placed", "layered"]

BOX_HIGH: Final = 46.0
_TRACK = 14.0
_GAP = 16.0
_SWEEPS = 8

_Slot = tuple[int, int]  # (node, layer): the node itself, or its track in a later layer


def layered(parents: Sequence[Sequence[int]], sink: int) -> "Layers":
    """Puts nodes and the tracks of their messages into layers, in an order with few crossings.

    Args:
        parents: the nodes that each node reads.
        sink: the node that gives the answer; every other node leads to it.
    """
    to_sink: dict[int, int] = {sink: 0}
    for _ in parents:
        for reader, read in enumerate(parents):
            for parent in read:
                if reader in to_sink:
                    to_sink[parent] = max(to_sink.get(parent, 0), to_sink[reader] + 1)
    deepest = max(to_sink.values())
    layer = tuple(deepest - to_sink[index] for index in range(len(parents)))

    links: dict[_Slot, set[_Slot]] = {}
    slots = set(enumerate(layer))
    for reader, read in enumerate(parents):
        for parent in read:
            for before, after in itertools.pairwise(_way(parent, reader, layer)):
                links.setdefault(before, set()).add(after)
                links.setdefault(after, set()).add(before)
                slots.add(after)

    # Order in each layer by the mean place of the neighbours, swept both ways a few times.
    rows = [sorted(slot for slot in slots if slot[1] == at) for at in range(deepest + 1)]
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        for at in range(1, len(rows)) if forward else range(len(rows) - 2, -1, -1):
            fixed = rows[at - 1 if forward else at + 1]
            place = {slot: k / max(len(fixed) - 1, 1) for k, slot in enumerate(fixed)}
            pull = {}
            for k, slot in enumerate(rows[at]):
                near = [place[other] for other in sorted(links.get(slot, ())) if other in place]
                pull[slot] = fmean(near) if near else k / max(len(rows[at]) - 1, 1)
            rows[at] = sorted(rows[at], key=lambda slot: (pull[slot], slot))
    return Layers(layer, tuple(tuple(row) for row in rows))


def _way(parent: int, reader: int, layer: Sequence[int]) -> list[_Slot]:
    """Parent, its tracks in the layers between, reader."""
    tracks = [(parent, at) for at in range(layer[parent] + 1, layer[reader])]
    return [(parent, layer[parent]), *tracks, (reader, layer[reader])]


@dataclass(frozen=True, slots=True)
class Layers:
    """Boxes and tracks in layers.

    Attributes:
        layer: of each node; the last holds the sink.
        rows: the slots of each layer, in their order from one side to the other.
    """

    layer: tuple[int, ...]
    rows: tuple[tuple[_Slot, ...], ...]

    def placed(self, broad: float, *, upright: bool) -> "Placed":
        """Gives pixels to all boxes and tracks.

        Args:
            broad: width of each box.
            upright: from top to bottom in place of left to right.
        """
        thick, step = BOX_HIGH, broad + 60.0
        if upright:
            thick, step = broad, BOX_HIGH + (44.0 if len(self.rows) < 7 else 32.0)
        sizes = [
            [thick if self.layer[node] == at else _TRACK for node, at in row] for row in self.rows
        ]
        spans = [sum(row) + _GAP * len(row) for row in sizes]
        centre: dict[_Slot, float] = {}
        for row, wide, span in zip(self.rows, sizes, spans, strict=True):
            cursor = (max(spans) - span) / 2
            for slot, size in zip(row, wide, strict=True):
                centre[slot] = cursor + (size + _GAP) / 2
                cursor += size + _GAP
        return Placed(self, upright, broad, step, max(spans), centre)


@dataclass(frozen=True, slots=True)
class Placed:
    """Layers in pixels.

    Attributes:
        layers: what was placed.
        upright: whether messages flow from top to bottom, or else from left to right.
        broad: width of each box.
        step: from the beginning of a layer to that of the next.
        span: of the broadest layer.
        centre: of each slot, across the flow.
    """

    layers: Layers
    upright: bool
    broad: float
    step: float
    span: float
    centre: Mapping[_Slot, float]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, with room for the answer behind the sink."""
        along, room = (BOX_HIGH, 56.0) if self.upright else (self.broad, 90.0)
        length = (len(self.layers.rows) - 1) * self.step + along + room
        return (self.span, length) if self.upright else (length, self.span)

    def corner(self, node: int) -> tuple[float, float]:
        """Upper left corner of a node's box."""
        x, y = self._point((node, self.layers.layer[node]), -1)
        return (x - self.broad / 2, y) if self.upright else (x, y - BOX_HIGH / 2)

    def end(self) -> tuple[float, float]:
        """Where the answer leaves the sink."""
        return self._point(self.layers.rows[-1][0], +1)

    def path(self, parent: int, reader: int) -> str:
        """The line of a message from a node to one of its readers, as the `d` of an SVG path."""
        way = _way(parent, reader, self.layers.layer)
        x, y = self._point(way[0], +1)
        d = [f"M{x:.1f},{y:.1f}"]
        for slot in way[1:]:
            to_x, to_y = self._point(slot, -1)
            if self.upright:
                middle = (y + to_y) / 2
                bend = f"{x:.1f},{middle:.1f} {to_x:.1f},{middle:.1f}"
            else:
                middle = (x + to_x) / 2
                bend = f"{middle:.1f},{y:.1f} {middle:.1f},{to_y:.1f}"
            d.append(f"C{bend} {to_x:.1f},{to_y:.1f}")
            if slot != way[-1]:
                x, y = self._point(slot, +1)
                d.append(f"L{x:.1f},{y:.1f}")
        return " ".join(d)

    def _point(self, slot: _Slot, side: int) -> tuple[float, float]:
        """Where a line enters (side -1) or leaves (+1) a box, or meets a track."""
        along = BOX_HIGH if self.upright else self.broad
        main = 4.0 + slot[1] * self.step + (along if side > 0 else 0.0)
        return (self.centre[slot], main) if self.upright else (main, self.centre[slot])
