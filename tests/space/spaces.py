"""Small spaces of every kind, and the definition of a distribution over one, spelled out."""

from decimal import Decimal

import numpy as np

from graphsearch.agents.roles import get_roles
from graphsearch.cost import CostModel, TokenProfile
from graphsearch.graph import CollaborationGraph, Node
from graphsearch.records.models import Fleet, ModelSpec
from graphsearch.space import Logits, RoleOption, SinkOption, Space

FLEET = Fleet(
    "tiny",
    tuple(
        ModelSpec(
            name,
            parameters=parameters,
            layers=4,
            width=64,
            input_price=Decimal("0.06") * k,
            output_price=Decimal("0.25") * k,
            prefill_rate=1000.0 / k,
            decode_rate=100.0 / k,
            overhead_s=0.1,
        )
        for k, name, parameters in [(1, "s", 10**6), (3, "m", 3 * 10**6), (9, "l", 9 * 10**6)]
    ),
    "s",
)
COST = CostModel(FLEET, TokenProfile(100, 50), "units", roles=get_roles("chat"))


def build(budget, **options):
    options.setdefault("models", ("s", "m"))
    options.setdefault("slots", 3)
    return Space.build(COST, budget, **options)


def gated(budget, *gates, roles=("assistant",), **options):
    """A space whose slots may be gates."""
    return build(budget, roles=(*roles, *gates), **options)


SPACES = {
    "loose": lambda: build("1000 units", slots=2),
    "12 units": lambda: build("12 units", sinks=("fuser:m",)),
    "one call": lambda: build("1 units", slots=2),
    "two models, five units": lambda: build("5 units"),
    "vote only, tight": lambda: build("4 units", sinks=("vote",)),
    "vote only, tightest": lambda: build("2 units", sinks=("vote",)),
    "vote and select": lambda: build("6 units", sinks=("vote", "select"), slots=2),
    "three for the sink": lambda: build("7 units", sinks=(SinkOption("fuser", "s", 3),)),
    "published": lambda: Space.published(
        COST, "9 units", sink_model="m", slots=3, models=("s", "m")
    ),
    "calls": lambda: build("3 calls", slots=2),
    "tokens": lambda: build("500 tokens", slots=3, sinks=("fuser:s", "vote")),
    "usd": lambda: build("0.0001 usd", slots=3, sinks=("fuser:s", "assistant:m", "vote")),
    "seconds": lambda: build("3.5 s", slots=3, sinks=("assistant", "vote")),
    "seconds, tight vote": lambda: build("2.1 s", slots=3, sinks=("vote",)),
    "seconds, vote on anything": lambda: build("1000 s", slots=2, sinks=("vote",)),
    "seconds, only s is quick enough": lambda: build("1 s", slots=3, sinks=("vote",)),
    "flops": lambda: build("1.5e9 flops", slots=2),
    "flops_plain": lambda: build("1.5e9 flops_plain", slots=2),
    "at most one parent": lambda: build("9 units", max_in_degree=1, sinks=("assistant",)),
    "star": lambda: build("8 units", edges="star", sinks=("fuser", "vote")),
    "gap": lambda: build(
        "7 units",
        models=("s",),
        roles=(RoleOption("assistant", 0, 0), RoleOption("fuser", 2, 2)),
        sinks=(SinkOption("fuser", "s", 2, 2), SinkOption("assistant", "s", 0, 0)),
    ),
    "gap, seconds": lambda: build(
        "4 s",
        roles=(RoleOption("assistant", 0, 0), RoleOption("fuser", 2, 2)),
        sinks=(SinkOption("fuser", "s", 2, 2),),
    ),
    "gap, two models": lambda: build(
        "9 units",
        roles=(RoleOption("assistant", 0, 0), RoleOption("fuser", 2)),
        sinks=(SinkOption("assistant", "m", 1),),
    ),
    "gates": lambda: gated("3.4 units", "cascade(share, 0.2)", slots=3, sinks=("assistant:m",)),
    "gates, tight": lambda: gated("2.7 units", "cascade(share, 0.2)", slots=3, sinks=("vote",)),
    "gates, tightest": lambda: gated("1.2 units", "cascade(share, 0.2)", slots=2, sinks=("vote",)),
    "gates for a vote of three": lambda: gated(
        "1.9 units", "cascade(share, 0.2)", sinks=(SinkOption("vote", None, 3),)
    ),
    "two gates": lambda: gated(
        "6 units", "cascade(share, 0.5)", "cascade(margin>=0.5)", slots=2, sinks=("vote",)
    ),
    "gates, one parent": lambda: gated(
        "5 units", "cascade(share, 0.2)", max_in_degree=1, sinks=("assistant:s",)
    ),
    "gates and fusers": lambda: gated(
        "5.2 units",
        "cascade(share, 0.1)",
        models=("s",),
        roles=(RoleOption("assistant", 0, 0), RoleOption("fuser", 2)),
        sinks=("assistant:s", "vote"),
    ),
    "gates, tokens": lambda: gated(
        "330 tokens", "cascade(share, 0.3)", models=("s",), sinks=("vote", "assistant")
    ),
    "gates, seconds": lambda: gated("1.6 s", "cascade(share, 0.2)", slots=3, sinks=("vote",)),
    "gates, seconds, tight": lambda: gated(
        "0.8 s", "cascade(share, 0.2)", sinks=(SinkOption("vote", None, 3),)
    ),
    "gates and a gate at the end": lambda: gated(
        "2 units", "cascade(share, 0.2)", slots=2, sinks=("cascade(share, 0.2):m", "vote")
    ),
    "gates, star": lambda: gated(
        "8 units", "cascade(share, 0.2)", edges="star", sinks=("fuser:m", "vote")
    ),
    "no slots": lambda: build("3 units", slots=0, sinks=("assistant", "vote")),
}


def random_logits(space, seed, scale=1.5):
    like = Logits.zeros(space).flat()
    return Logits.from_flat(space, np.random.default_rng(seed).normal(0, scale, like.size))


# -- The definition ----------------------------------------------------------------------------
#
# All decisions in the order of the design. A choice is allowed if some way to make all later
# choices ends in a graph of the space; among the allowed ones, odds are as the logits say. Being no
# gate (None) stands for all other roles.


def _gate_roles(space):
    if space.edges == "star" or space.slots < 2:
        return []
    return [r for r, name in enumerate(space.roles) if name.startswith("cascade")]


def _steps(space):
    """(kind, where, choices) of every decision, in order; edges of nodes not live are skipped."""
    n = space.slots
    yield "sinks", (), range(len(space.sinks))
    for slot in range(n):
        yield "models", (slot,), range(len(space.models))
    for target in range(n, 0, -1):
        if space.edges == "star" and target < n:
            break
        if _gate_roles(space) and target < n:
            yield "gates", (target,), (None, *_gate_roles(space))
        for source in range(target - 1, -1, -1):
            yield "edges", (source, target), (False, True)
    for slot in range(n):
        yield "roles", (slot,), range(len(space.roles))


def _live(space, made):
    live = {space.slots}
    for (kind, where), choice in made.items():
        if kind == "edges" and choice:
            live.add(where[0])
    return live


def _graph(space, made):
    live = sorted(_live(space, made))
    number = {slot: k for k, slot in enumerate(live)}
    sink = space.sinks[made["sinks", ()]]
    nodes = [
        Node(space.roles[made["roles", (slot,)]], space.models[made["models", (slot,)]])
        for slot in live[:-1]
    ]
    edges = [
        (number[where[0]], number[where[1]])
        for (kind, where), choice in made.items()
        if kind == "edges" and choice
    ]
    return CollaborationGraph((*nodes, Node(sink.role, sink.model)), tuple(edges), len(live) - 1)


def by_definition(space, logits):
    """Every trace as {decisions: (log-probability, graph)}."""
    steps = list(_steps(space))

    def rest(k, made):
        """All ways on from step k: [(decisions, log-probability, graph)]; empty if none."""
        if k == len(steps):
            graph = _graph(space, made)
            return [(tuple(made.items()), 0.0, graph)] if space.why_not(graph) is None else []
        kind, where, choices = steps[k]
        live = _live(space, made)
        if where and kind != "models" and where[-1] not in live:
            return rest(k + 1, made)
        if kind == "roles" and _gate_roles(space) and where[0] > 0:
            gate = made["gates", where]
            others = [r for r in choices if r not in _gate_roles(space)]
            choices = others if gate is None else [gate]
        ways = {c: rest(k + 1, {**made, (kind, where): c}) for c in choices}
        ways = {c: w for c, w in ways.items() if w}
        if kind == "edges":
            score = {True: logits.edges[where], False: 0.0}
        elif kind == "gates":
            score = dict(enumerate(logits.roles[where]))
            plain = [value for r, value in score.items() if r not in _gate_roles(space)]
            score[None] = np.logaddexp.reduce(plain)
        else:
            row = getattr(logits, kind)
            score = dict(enumerate(row[where] if where else row))
        if not ways:
            return []
        total = np.logaddexp.reduce([score[c] for c in ways])
        return [(d, lp + score[c] - total, g) for c, w in ways.items() for d, lp, g in w]

    return {decisions: (lp, graph) for decisions, lp, graph in rest(0, {})}


def decisions_of(trace):
    """A trace's decisions as `by_definition` names them."""
    space = trace.space
    n = space.slots
    made = {("sinks", ()): [s.name for s in space.sinks].index(trace.sink.name)}
    for slot in range(n):
        made["models", (slot,)] = space.models.index(trace.models[slot])
    live = {n, *trace.live}
    for target in range(n, 0, -1):
        if target in live and target < n and _gate_roles(space):
            role = space.roles.index(trace.roles[target])
            made["gates", (target,)] = role if role in _gate_roles(space) else None
        if target in live and not (space.edges == "star" and target < n):
            for source in range(target - 1, -1, -1):
                made["edges", (source, target)] = (source, target) in trace.edges
    for slot in trace.live:
        made["roles", (slot,)] = space.roles.index(trace.roles[slot])
    return tuple(made.items())
