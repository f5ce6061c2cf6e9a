"""Draws a collaboration graph as SVG, and describes it in words.

Nodes that nobody could tell apart are drawn once with their number when there are many.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from graphsearch.records.roles import Role
from graphsearch.report.colours import UNKNOWN_MODEL, tint
from graphsearch.report.layout import BOX_HIGH, layered
from graphsearch.report.svg import closed, picture, tag, text, text_width
from graphsearch.words import listing

__all__ = ["DrawnNode", "draw_graph", "graph_steps"]

NO_ROLES: Final[Mapping[str, Role]] = {}
_CROWD = 6
"""Up to so many like nodes are drawn one by one."""


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


def _nodes_of(graph: Mapping[str, Any]) -> tuple[tuple[DrawnNode, ...], int]:
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
    nodes, sink = _nodes_of(graph)
    steps = []
    for index, node in enumerate(nodes):
        who = f"{node.role} on {node.model}" if node.model else f"{node.role} (no model, no cost)"
        does = "reads the question alone"
        if node.parents:
            reads = listing([str(p + 1) for p in node.parents])
            does = f"reads the question and {reads}"
            if node.model is None:
                does = f"picks among the answers of {reads}"
            elif (role := roles.get(node.role)) is not None and role.is_gate:
                does = f"passes on what {reads} agree on, or else reads the question alone"
        end = "; its answer is the graph's answer" if index == sink else ""
        steps.append(f"{who} {does}{end}.")
    return tuple(steps)


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
    nodes, sink = _gathered(*_nodes_of(graph))
    # A box holds its text, with the number in its corner clear of the heading.
    broad = 92.0
    for node in nodes:
        heading = 1.1 * text_width(node.heading, 13) + 2 * (text_width(node.label, 10.5) + 10)
        broad = max(broad, heading, text_width(node.short, 12) + 24)
    broad = min(broad, 106.0 if width < 600 else 210.0)
    layers = layered([node.parents for node in nodes], sink)
    placed = min(
        (layers.placed(broad, upright=upright) for upright in (False, True)),
        key=lambda p: (max(p.size[0] - width, 0.0), p.size[0] * p.size[1]),
    )

    tip = f"tip-{class_.split()[-1]}"
    ends = {"marker_end": f"url(#{tip})"}
    parts = [
        tag("path", d=placed.path(parent, reader), class_="edge", **ends)
        for reader, node in enumerate(nodes)
        for parent in node.parents
    ]
    parts += [_box(node, *placed.corner(k), broad, colours) for k, node in enumerate(nodes)]
    x, y = placed.end()
    along, down, label = (0, 26, (x, y + 44)) if placed.upright else (30, 0, (x + 36, y + 4))
    d = f"M{x:.1f},{y:.1f} L{x + along:.1f},{y + down:.1f}"
    anchor = "middle" if placed.upright else "start"
    answer = text("answer", *label, "small", anchor=anchor)
    parts.append(tag("g", tag("path", d=d, class_="edge out", **ends), answer))
    return picture(
        _arrow(tip),
        *parts,
        width=placed.size[0],
        height=placed.size[1],
        title="The winning graph",
        description=" ".join(f"{i}. {s}" for i, s in enumerate(graph_steps(graph, roles), 1)),
        class_=class_,
    )


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
    boxes = []
    for old in kept:
        numbers = [index + 1 for index, box in enumerate(stands_for) if box == old]
        first, last = numbers[0], numbers[-1]
        if first == last:
            label = str(first)
        elif last - first + 1 == len(numbers):
            label = f"{first}–{last}"
        else:
            label = f"{first}, … {last}"
        parents = tuple(sorted({place[stands_for[p]] for p in nodes[old].parents}))
        boxes.append(DrawnNode(nodes[old].role, nodes[old].model, parents, len(numbers), label))
    return tuple(boxes), place[stands_for[sink]]


def _arrow(name: str) -> Markup:
    """The tip of a line, which lines name as their end."""
    marker = tag(
        "marker",
        tag("path", d="M0,0 L7,3.5 L0,7 Z", class_="arrow"),
        id=name,
        viewBox="0 0 7 7",
        refX=6.5,
        refY=3.5,
        markerWidth=7,
        markerHeight=7,
        orient="auto",
        markerUnits="userSpaceOnUse",
    )
    return tag("defs", marker)


def _box(
    node: DrawnNode, left: float, top: float, broad: float, colours: Mapping[str, str]
) -> Markup:
    """A node's box with number, role and model."""
    colour = colours.get(node.model, UNKNOWN_MODEL) if node.model is not None else None
    box = tag(
        "rect",
        x=left,
        y=top,
        width=broad,
        height=BOX_HIGH,
        rx=8,
        class_="box" if node.model else "box free",
        stroke=colour,
        fill=tint(colour) if colour else None,
    )
    middle, room = left + broad / 2, broad - 14
    return tag(
        "g",
        box,
        text(node.label, left + 7, top + 13, "number"),
        text(closed(node.heading, room / 1.1, 13), middle, top + 20, "role", anchor="middle"),
        text(closed(node.short, room, 12), middle, top + 36, "model", anchor="middle"),
    )
