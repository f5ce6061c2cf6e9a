"""Draws a collaboration graph in layers, as SVG, and describes it in words.

Layout: a node's layer is its longest way to the sink, so that messages flow one way and a root
sits next to its reader. A message that skips layers runs through a track in each of them; all
readers of one node share its tracks, because they read the same message. Order inside a layer
comes from median sweeps. Nodes that nobody could tell apart are drawn once with their number when
there are many.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Final

from markupsafe import Markup

from graphsearch.records.roles import Role
from graphsearch.report._colours import UNKNOWN_MODEL, tint
from graphsearch.report._svg import closed, picture, tag, text, text_width

__all__ = ["DrawnNode", "draw_graph", "graph_steps", "nodes_of"]

NO_ROLES: Final[Mapping[str, Role]] = {}

_HIGH = 46.0
_TRACK = 14.0
_GAP = 16.0
_CROWD = 6

_Slot = tuple[int, int]  # (node, layer): the node itself, or its track in a later layer


@dataclass(frozen=True, slots=True)
class DrawnNode:
    """One box of the picture.

    Attributes:
        role: name of the role.
        model: name of the model, None for roles that call none.
        parents: boxes it reads, ascending.
        count: how many like nodes the box stands for.
        label: numbers of those nodes, counted from 1, as in the list of steps.
    """

    role: str
    model: str | None
    parents: tuple[int, ...] = ()
    count: int = 1
    label: str = ""

    @property
    def heading(self) -> str:
        """Role, with the number of nodes when it is above one."""
        return self.role if self.count == 1 else f"{self.count} × {self.role}"

    @property
    def short(self) -> str:
        """The model without the name of its maker; the list of steps has it whole."""
        return self.model.rsplit("/", 1)[-1] if self.model else "no model"


def nodes_of(graph: Mapping[str, Any]) -> tuple[tuple[DrawnNode, ...], int]:
    """Nodes with their parents, and the sink's index, from a graph's JSON."""
    edges = [(int(a), int(b)) for a, b in graph["edges"]]
    nodes = tuple(
        DrawnNode(
            str(node["role"]),
            None if node.get("model") is None else str(node["model"]),
            tuple(sorted(a for a, b in edges if b == index)),
            label=str(index + 1),
        )
        for index, node in enumerate(graph["nodes"])
    )
    return nodes, int(graph["sink"])


def graph_steps(graph: Mapping[str, Any], roles: Mapping[str, Role] = NO_ROLES) -> tuple[str, ...]:
    """One plain sentence per node: the picture's description for those who cannot see it.

    A role that is not among `roles` is described as one that reads its parents' messages.
    """
    nodes, sink = nodes_of(graph)
    steps = []
    for index, node in enumerate(nodes):
        who = f"{node.role} on {node.model}" if node.model else f"{node.role} (no model, no cost)"
        does = "reads the question alone"
        if node.parents:
            reads = _listing([str(p + 1) for p in node.parents])
            does = f"reads the question and {reads}"
            if node.model is None:
                does = f"picks among the answers of {reads}"
            elif (role := roles.get(node.role)) is not None and role.is_gate:
                does = f"passes on what {reads} agree on, or else reads the question alone"
        end = "; its answer is the graph's answer" if index == sink else ""
        steps.append(f"{who} {does}{end}.")
    return tuple(steps)


def _listing(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def draw_graph(
    graph: Mapping[str, Any],
    colours: Mapping[str, str],
    *,
    width: float,
    class_: str,
    roles: Mapping[str, Role] = NO_ROLES,
) -> Markup:
    """The picture of a graph, left to right or, where that is too wide, top to bottom.

    Args:
        graph: JSON of a `CollaborationGraph`.
        colours: model name -> colour of its boxes.
        width: room in pixels; the picture may be wider when nothing fits.
        class_: CSS class of the picture.
        roles: as for `graph_steps`.
    """
    nodes, sink = _gathered(*nodes_of(graph))
    layout = _Layout.of(nodes, sink)
    across = min(
        (
            layout.placed(upright=upright, most=106.0 if width < 600 else 210.0)
            for upright in (False, True)
        ),
        key=lambda p: (max(p.width - width, 0.0), p.width * p.height),
    )
    tip = f"url(#tip-{class_.split()[-1]})"
    parts = [across.edge(a, b, tip) for b, node in enumerate(nodes) for a in node.parents]
    parts += [across.node(index, colours) for index in range(len(nodes))]
    return picture(
        _arrow(class_),
        *parts,
        across.answer(tip),
        width=across.width,
        height=across.height,
        title="The winning graph",
        description=" ".join(
            f"{i + 1}. {step}" for i, step in enumerate(graph_steps(graph, roles))
        ),
        class_=class_,
    )


def _arrow(name: str) -> Markup:
    tip = tag("path", d="M0,0 L7,3.5 L0,7 Z", class_="arrow")
    marker = tag(
        "marker",
        tip,
        id=f"tip-{name.split()[-1]}",
        viewBox="0 0 7 7",
        refX=6.5,
        refY=3.5,
        markerWidth=7,
        markerHeight=7,
        orient="auto",
        markerUnits="userSpaceOnUse",
    )
    return tag("defs", marker)


def _gathered(nodes: Sequence[DrawnNode], sink: int) -> tuple[tuple[DrawnNode, ...], int]:
    """Crowds of nodes with equal role, model, parents and readers become one box each."""
    readers = [tuple(b for b, n in enumerate(nodes) if a in n.parents) for a in range(len(nodes))]
    crowds: dict[Any, list[int]] = {}
    for index, node in enumerate(nodes):
        crowds.setdefault((node.role, node.model, node.parents, readers[index]), []).append(index)
    stands_for = list(range(len(nodes)))
    for crowd in crowds.values():
        if len(crowd) > _CROWD:
            for index in crowd:
                stands_for[index] = crowd[0]
    kept = sorted(set(stands_for))
    place = {old: new for new, old in enumerate(kept)}
    boxes = tuple(
        DrawnNode(
            nodes[old].role,
            nodes[old].model,
            tuple(sorted({place[stands_for[p]] for p in nodes[old].parents})),
            stands_for.count(old),
            _span([index + 1 for index, box in enumerate(stands_for) if box == old]),
        )
        for old in kept
    )
    return boxes, place[stands_for[sink]]


def _needed(node: DrawnNode) -> float:
    """Width of a box that holds its text, with the number in its corner clear of the heading."""
    heading = 1.1 * text_width(node.heading, 13) + 2 * (text_width(node.label, 10.5) + 10)
    return max(heading, text_width(node.short, 12) + 24)


def _span(numbers: Sequence[int]) -> str:
    """`3`, `1–18` for a run of numbers, `1, … 18` for others."""
    first, last = numbers[0], numbers[-1]
    if first == last:
        return str(first)
    return f"{first}–{last}" if last - first + 1 == len(numbers) else f"{first}, … {last}"


@dataclass(frozen=True, slots=True)
class _Layout:
    """Boxes and tracks in layers, each layer in its order from one side to the other."""

    nodes: tuple[DrawnNode, ...]
    layer: tuple[int, ...]
    rows: tuple[tuple[_Slot, ...], ...]

    @classmethod
    def of(cls, nodes: tuple[DrawnNode, ...], sink: int) -> "_Layout":
        layer = _layers(nodes, sink)
        links: dict[_Slot, set[_Slot]] = {}
        rows: list[list[_Slot]] = [[] for _ in range(max(layer) + 1)]
        for index, at in enumerate(layer):
            rows[at].append((index, at))
        for reader, node in enumerate(nodes):
            for parent in node.parents:
                way = _way(parent, reader, layer)
                for before, after in itertools.pairwise(way):
                    links.setdefault(before, set()).add(after)
                    links.setdefault(after, set()).add(before)
                    if after not in rows[after[1]]:
                        rows[after[1]].append(after)
        return cls(nodes, layer, _ordered(rows, links))

    def placed(self, *, upright: bool, most: float) -> "_Placed":
        """Pixels for all boxes, none broader than `most`, and tracks; `upright` runs downwards."""
        broad = max(92.0, *(_needed(node) for node in self.nodes))
        broad = min(broad, most)
        thick, step = (
            (broad, _HIGH + (44.0 if len(self.rows) < 7 else 32.0))
            if upright
            else (_HIGH, broad + 60.0)
        )
        spans = [
            sum(thick if at == row[1] else _TRACK for at, row in self._sized(r)) + _GAP * len(r)
            for r in self.rows
        ]
        centre: dict[_Slot, float] = {}
        for row, span in zip(self.rows, spans, strict=True):
            cursor = (max(spans) - span) / 2
            for slot in row:
                size = thick if self.layer[slot[0]] == slot[1] else _TRACK
                centre[slot] = cursor + (size + _GAP) / 2
                cursor += size + _GAP
        return _Placed(self, upright, broad, step, max(spans), centre)

    def _sized(self, row: Sequence[_Slot]) -> list[tuple[int, _Slot]]:
        return [(self.layer[slot[0]], slot) for slot in row]


def _layers(nodes: Sequence[DrawnNode], sink: int) -> tuple[int, ...]:
    """Layer of each node: the longest way of the whole graph minus its longest way to the sink."""
    to_sink: dict[int, int] = {sink: 0}
    for _ in nodes:
        for reader, node in enumerate(nodes):
            for parent in node.parents:
                if reader in to_sink:
                    to_sink[parent] = max(to_sink.get(parent, 0), to_sink[reader] + 1)
    deepest = max(to_sink.values())
    return tuple(deepest - to_sink[index] for index in range(len(nodes)))


def _way(parent: int, reader: int, layer: Sequence[int]) -> list[_Slot]:
    """Parent, its tracks in the layers between, reader."""
    tracks = [(parent, at) for at in range(layer[parent] + 1, layer[reader])]
    return [(parent, layer[parent]), *tracks, (reader, layer[reader])]


def _ordered(
    rows: Sequence[Sequence[_Slot]], links: Mapping[_Slot, set[_Slot]]
) -> tuple[tuple[_Slot, ...], ...]:
    """Order in each layer by the mean place of the neighbours, swept both ways a few times."""
    order = [sorted(row) for row in rows]
    for sweep in range(8):
        forward = sweep % 2 == 0
        indices = range(1, len(order)) if forward else range(len(order) - 2, -1, -1)
        for at in indices:
            beside = order[at - 1 if forward else at + 1]
            place = {slot: k / max(len(beside) - 1, 1) for k, slot in enumerate(beside)}
            own = {slot: k / max(len(order[at]) - 1, 1) for k, slot in enumerate(order[at])}
            order[at] = sorted(order[at], key=lambda s: (_pull(s, links, place, own), s))
    return tuple(tuple(row) for row in order)


def _pull(
    slot: _Slot,
    links: Mapping[_Slot, set[_Slot]],
    place: Mapping[_Slot, float],
    own: Mapping[_Slot, float],
) -> float:
    near = [place[other] for other in sorted(links.get(slot, ())) if other in place]
    return fmean(near) if near else own[slot]


@dataclass(frozen=True, slots=True)
class _Placed:
    """A layout in pixels."""

    layout: _Layout
    upright: bool
    broad: float
    step: float
    span: float
    centre: dict[_Slot, float] = field(default_factory=dict)

    @property
    def _length(self) -> float:
        along = _HIGH if self.upright else self.broad
        return (len(self.layout.rows) - 1) * self.step + along + (56.0 if self.upright else 90.0)

    @property
    def width(self) -> float:
        return self.span if self.upright else self._length

    @property
    def height(self) -> float:
        return self._length if self.upright else self.span

    def _point(self, slot: _Slot, side: int) -> tuple[float, float]:
        """Where a line enters (side -1) or leaves (+1) a box, or meets a track."""
        along = _HIGH if self.upright else self.broad
        main = 4.0 + slot[1] * self.step + (along if side > 0 else 0.0)
        return (self.centre[slot], main) if self.upright else (main, self.centre[slot])

    def edge(self, parent: int, reader: int, tip: str) -> Markup:
        """The line of a message from a node to one of its readers."""
        way = _way(parent, reader, self.layout.layer)
        here = self._point(way[0], +1)
        d = [f"M{here[0]:.1f},{here[1]:.1f}"]
        for slot in way[1:]:
            there = self._point(slot, -1)
            d.append(self._bend(here, there))
            here = there
            if slot != way[-1]:
                here = self._point(slot, +1)
                d.append(f"L{here[0]:.1f},{here[1]:.1f}")
        return tag("path", d=" ".join(d), class_="edge", marker_end=tip)

    def _bend(self, a: tuple[float, float], b: tuple[float, float]) -> str:
        if self.upright:
            middle = (a[1] + b[1]) / 2
            return f"C{a[0]:.1f},{middle:.1f} {b[0]:.1f},{middle:.1f} {b[0]:.1f},{b[1]:.1f}"
        middle = (a[0] + b[0]) / 2
        return f"C{middle:.1f},{a[1]:.1f} {middle:.1f},{b[1]:.1f} {b[0]:.1f},{b[1]:.1f}"

    def node(self, index: int, colours: Mapping[str, str]) -> Markup:
        """A node's box with role and model."""
        node = self.layout.nodes[index]
        slot = (index, self.layout.layer[index])
        x, y = self._point(slot, -1)
        left, top = (x - self.broad / 2, y) if self.upright else (x, y - _HIGH / 2)
        colour = colours.get(node.model, UNKNOWN_MODEL) if node.model is not None else None
        box = tag(
            "rect",
            x=left,
            y=top,
            width=self.broad,
            height=_HIGH,
            rx=8,
            class_="box" if node.model else "box free",
            stroke=colour,
            fill=tint(colour) if colour else None,
        )
        middle = left + self.broad / 2
        room = self.broad - 14
        return tag(
            "g",
            box,
            text(node.label, left + 7, top + 13, "number"),
            text(closed(node.heading, room / 1.1, 13), middle, top + 20, "role", anchor="middle"),
            text(
                closed(node.short, room, 12),
                middle,
                top + 36,
                "model",
                anchor="middle",
            ),
        )

    def answer(self, tip: str) -> Markup:
        """The arrow from the sink to the answer."""
        last = self.layout.rows[-1][0]
        x, y = self._point(last, +1)
        if self.upright:
            way = tag(
                "path",
                d=f"M{x:.1f},{y:.1f} L{x:.1f},{y + 26:.1f}",
                class_="edge out",
                marker_end=tip,
            )
            return tag("g", way, text("answer", x, y + 44, "small", anchor="middle"))
        way = tag(
            "path", d=f"M{x:.1f},{y:.1f} L{x + 30:.1f},{y:.1f}", class_="edge out", marker_end=tip
        )
        return tag("g", way, text("answer", x + 36, y + 4, "small"))
