"""Token lengths as they really are: counted on calls, planned with, shown beside the assumed."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from graphsearch.cost import Lengths, ModelLengths
from graphsearch.graph import CollaborationGraph, Node
from graphsearch.records.tasks import TokenProfile

if TYPE_CHECKING:
    from graphsearch.execution import GraphRun
    from graphsearch.records.roles import Role
    from graphsearch.space import Space
    from graphsearch.study.experiment import Experiment

__all__ = [
    "LENGTH_ITEMS",
    "LengthTally",
    "length_graphs",
    "length_items",
    "length_lines",
    "lengths_part",
    "models_of",
]

LENGTH_ITEMS = 8
"""Questions on which lengths are measured where the task's own are only estimated."""


@dataclass(slots=True)
class _Sums:
    """Sums over the calls of one model: without parents (roots), and with (readers)."""

    roots: int = 0
    root_prompt: int = 0
    root_reply: int = 0
    readers: int = 0
    read: int = 0
    reader_prompt: int = 0
    reader_reply: int = 0

    def add(self, in_degree: int, prompt: int, reply: int) -> None:
        """One call."""
        if in_degree:
            self.readers += 1
            self.read += in_degree
            self.reader_prompt += prompt
            self.reader_reply += reply
        else:
            self.roots += 1
            self.root_prompt += prompt
            self.root_reply += reply

    def lengths(self, others: "_Sums") -> ModelLengths | None:
        """Means; what this model did not do is taken over from others, None where nobody did."""
        roots = self if self.roots else others
        if not roots.roots:
            return None
        question, answer = roots.root_prompt / roots.roots, roots.root_reply / roots.roots
        heard, reading = answer, answer
        if self.readers and self.roots:
            heard = (self.reader_prompt - self.readers * question) / self.read
            reading = self.reader_reply / self.readers
        return ModelLengths(
            question=_whole(question),
            answer=_whole(answer),
            heard=_whole(heard),
            reading=_whole(reading),
            calls=self.roots,
            reading_calls=self.readers,
        )


def _whole(tokens: float) -> int:
    return max(1, round(tokens))


@dataclass(slots=True)
class LengthTally:
    """Tokens of the calls of graphs, by model.

    A call counts once for every graph that used it, as it does in what graphs cost. Graphs without
    a verdict are left out: a resumed study does not run them again, and must count the same.
    """

    sums: dict[str, _Sums] = field(default_factory=dict)

    def add(
        self, graph: "CollaborationGraph", run: "GraphRun", roles: "Mapping[str, Role]"
    ) -> None:
        """Take in a run; nodes without a call or without token counts are left out."""
        if run.verdict is None:
            return
        read: list[int] | None = None
        for node in run.nodes:
            usage = node.usage
            if node.model is None or not usage.calls:
                continue
            if usage.prompt_tokens is None or usage.completion_tokens is None:
                continue
            if read is None:
                whole = graph.canonical()
                pairs = zip(whole.nodes, whole.adjacency.parents, strict=True)
                # A gate asks the plain question, whoever feeds it.
                read = [0 if roles[one.role].is_gate else len(parents) for one, parents in pairs]
            sums = self.sums.setdefault(node.model, _Sums())
            sums.add(read[node.node], usage.prompt_tokens, usage.completion_tokens)

    def measured(self) -> Lengths:
        """Mean lengths of every model that made a call."""
        everybody = _Sums()
        for sums in self.sums.values():
            for one in fields(_Sums):
                total = getattr(everybody, one.name) + getattr(sums, one.name)
                setattr(everybody, one.name, total)
        found = {name: sums.lengths(everybody) for name, sums in self.sums.items()}
        return Lengths.of({name: one for name, one in found.items() if one is not None})

    def to_json(self) -> dict[str, list[int]]:
        """All sums by model."""
        return {
            name: [getattr(sums, one.name) for one in fields(_Sums)]
            for name, sums in sorted(self.sums.items())
        }

    @classmethod
    def from_json(cls, values: Mapping[str, list[int]]) -> "LengthTally":
        """What `to_json` wrote."""
        return cls({name: _Sums(*sums) for name, sums in values.items()})


# -- before the first round -----------------------------------------------------------------------


def length_items(parts: "Experiment") -> int:
    """Questions on which a study measures lengths before it plans; 0 for none."""
    told = parts.settings.length_items
    if told is not None:
        return told
    is_open = parts.space_at is not None and parts.space.cost.lengths is None
    return LENGTH_ITEMS if is_open and parts.task.is_estimated else 0


def length_graphs(space: "Space") -> "list[CollaborationGraph]":
    """Small graphs of the space in which every model answers alone, and reads what others said.

    In the roles that the space has. Of several that would do, one without fitted parts is taken: a
    threshold says nothing of lengths. A model that no such graph of the space and its budget has is
    left out; its lengths are then those of the others.
    """
    cheapest = min(space.models, key=lambda name: space.cost.node_ticks(name, 0))
    # Fusers before other readers, and fitted sinks last.
    sinks = sorted(space.sinks, key=lambda s: (space.role(s.role).is_fitted, s.role != "fuser"))
    roots, readers = _slot_roles(space, reads=0), _slot_roles(space, reads=1)
    star, found = CollaborationGraph.star, dict[str, CollaborationGraph]()

    def alone(model: str) -> Iterable[CollaborationGraph]:
        yield from (CollaborationGraph.single(model, s.role) for s in sinks if s.model == model)
        for sink in sinks:
            for root in roots:
                yield star([Node(root, model)] * 2, Node(sink.role, sink.model))

    def reading(model: str) -> Iterable[CollaborationGraph]:
        """As a sink, else in a slot: two readers of one answer, whom some sink reads."""
        own = [s.role for s in sinks if s.model == model and not space.role(s.role).is_gate]
        for source in (model, cheapest):
            for copies in (2, 1):
                for role in own:
                    for root in roots:
                        yield star([Node(root, source)] * copies, Node(role, model))
        for role in readers:
            for root in roots:
                for sink in sinks:
                    nodes = Node(root, cheapest), Node(role, model), Node(role, model)
                    last, edges = Node(sink.role, sink.model), ((0, 1), (0, 2), (1, 3), (2, 3))
                    yield CollaborationGraph((*nodes, last), edges, 3)

    for model in models_of(space):
        for candidates in (alone(model), reading(model)):
            graph = next((one for one in candidates if space.why_not(one) is None), None)
            if graph is not None:
                found.setdefault(graph.key, graph)
    return list(found.values())


def _slot_roles(space: "Space", *, reads: int) -> list[str]:
    """Roles in which a slot can read so many others, gates left out."""
    names = [option.name for option in space.role_options if option.allows(reads)]
    return [name for name in names if not space.role(name).is_gate]


# -- for the record -------------------------------------------------------------------------------


def lengths_part(
    space: "Space", assumed: TokenProfile, tally: LengthTally, *, were_measured: bool
) -> dict[str, Any]:
    """What `result.json` says of token lengths.

    `error` is by how much the expected cost of a call without parents was wrong: planned over
    measured, less 1; None where nothing was measured.

    Args:
        space: as it was planned with.
        assumed: the task's own lengths.
        tally: of the calls made so far.
        were_measured: whether the plan stands on lengths that this study has measured.
    """
    cost, found = space.cost, tally.measured()
    plain = replace(cost, lengths=None)

    def part(model: str, measured: ModelLengths | None) -> dict[str, Any]:
        question, answer = cost.expected_tokens(model, 0)
        after, reading = cost.expected_tokens(model, 1)
        planned = {
            "question": question,
            "answer": answer,
            "heard": after - question,
            "reading": reading,
            "cost": cost.gamma(model),
        }
        if measured is None or not measured.calls:
            return {"planned": planned, "measured": None, "error": None, "error_assumed": None}
        real = replace(cost, lengths=Lengths.of({model: measured})).gamma(model)
        return {
            "planned": planned,
            "measured": {**asdict(measured), "cost": real},
            "error": planned["cost"] / real - 1 if real else None,
            "error_assumed": plain.gamma(model) / real - 1 if real else None,
        }

    told = "assumed" if cost.lengths is None else "told"
    return {
        "source": "measured" if were_measured else told,
        "assumed": {"question": assumed.question, "answer": assumed.answer},
        "models": {model: part(model, found.get(model)) for model in models_of(space)},
    }


def models_of(space: "Space") -> list[str]:
    """All models that graphs of a space may have, each once."""
    return list(dict.fromkeys([*space.models, *(s.model for s in space.sinks if s.model)]))


def length_lines(part: Mapping[str, Any], *, least: float = 0.0) -> list[str]:
    """Planned and measured lengths in words, a line a model; none where nothing was measured.

    Args:
        part: of `result.json`.
        least: models whose expected cost was wrong by less are left out.
    """
    lines = []
    for model, told in part["models"].items():
        planned, real = told["planned"], told["measured"]
        if real is None or (least and abs(told["error"] or 0.0) < least):
            continue
        line = (
            f"{model}: {planned['question']:,} + {planned['answer']:,} tokens planned a call, "
            f"{real['question']:,} + {real['answer']:,} measured"
        )
        if told["error"] is not None:
            line += f" (its cost was planned {_off(told['error'])}"
            before = told["error_assumed"]
            is_other = part["source"] != "assumed" and before is not None
            line += f"; by what was assumed, {_off(before)})" if is_other else ")"
        lines.append(line)
    return lines


def _off(error: float) -> str:
    """How far an expected cost lies from the real one."""
    percent = round(100 * abs(error))
    return f"{percent} % too {'high' if error > 0 else 'low'}" if percent else "right"
