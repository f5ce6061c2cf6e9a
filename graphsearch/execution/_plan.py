"""A graph made ready to run: everything that is the same for all items, worked out once."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final, NamedTuple

from cachetools import LRUCache

from graphsearch.execution._dispatcher import Order
from graphsearch.graph import CollaborationGraph
from graphsearch.records.calls import Call, Message, Sampling
from graphsearch.records.errors import GraphError
from graphsearch.records.roles import (
    CombiningRole,
    GatedRole,
    NodeContext,
    Role,
    SpeakingRole,
)
from graphsearch.records.tasks import Item

__all__ = [
    "Identity",
    "Plan",
    "Prompt",
    "Prompts",
    "Step",
    "draw_of",
    "encode",
    "make_plan",
    "prompt_body",
]

_KEPT_PROMPTS: Final = 4096

encode: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode

quote: Final = json.JSONEncoder(ensure_ascii=False).encode
"""A text as JSON, without the setting up that `encode` needs for other values."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the key and the seed of a call are made of, beside the prompt and the draw.

    Args:
        seed: the study's seed.
        stream: `search`, `selection`, `test`, ...: draws of different streams are never shared.
        version: of a model: revision and engine fingerprint; may change what it replies.
    """

    seed: int
    stream: str
    version: Callable[[str], str]

    def prefixes(self, model: str, sampling: Sampling, prompt_version: str) -> tuple[str, str]:
        """The constant parts of what is hashed to a seed, and to a key."""
        drawn = asdict(sampling)
        seed = encode(["seed", self.seed, self.stream, model, drawn])
        key = encode(["key", self.stream, model, self.version(model), prompt_version, drawn])
        return seed, key


class Prompt(NamedTuple):
    """What a model is asked.

    Attributes:
        messages: the messages.
        body: the one text of them and the item, which is hashed and compared.
    """

    messages: tuple[Message, ...]
    body: str


@dataclass(frozen=True, slots=True)
class Step:
    """One node of a plan.

    Attributes:
        index: its index in the canonical graph.
        role: its role.
        speaker: the role again when it speaks, None when it combines.
        combiner: the role again when it combines.
        gate: the role again when it may pass a parent's message on in place of a call.
        model: its model ("" when it combines).
        context: where it stands.
        parents: nodes whose messages it is given, ascending.
        reads: those whose messages stand in its prompt; none for a gate.
        sampling: how it draws.
        rivals: lower nodes that may make the same call: same model, sampling and number read.
        seed_prefix: constant part of what is hashed to a seed.
        key_prefix: constant part of what is hashed to a call key.
        stream: of the draws.
    """

    index: int
    role: Role
    speaker: SpeakingRole | None
    combiner: CombiningRole | None
    gate: GatedRole | None
    model: str
    context: NodeContext
    parents: tuple[int, ...]
    reads: tuple[int, ...]
    sampling: Sampling
    rivals: tuple[int, ...]
    seed_prefix: str
    key_prefix: str
    stream: str

    def order(self, item: str, prompt: Prompt, *, sample: int, account: str) -> Order:
        """The call of this node for an item: draw number `sample` of it."""
        assert self.speaker is not None
        seed, key = draw_of(self.seed_prefix, self.key_prefix, sample, prompt.body)
        call = Call(
            self.model,
            prompt.messages,
            self.sampling,
            sample,
            seed,
            self.speaker.prompt_version,
            self.stream,
            item,
        )
        return Order(key, call, account)


@dataclass(frozen=True, slots=True)
class Plan:
    """A canonical graph and its steps in node order; the last one is the sink.

    Attributes:
        graph: the graph.
        steps: its nodes.
        fitted: those of them with parameters that must be fitted, ascending.
    """

    graph: CollaborationGraph
    steps: tuple[Step, ...]
    fitted: tuple[int, ...]


def prompt_body(item: str, messages: tuple[Message, ...]) -> str:
    """The one text of an item's prompt."""
    said = ",".join([f"[{quote(m.role)},{quote(m.content)}]" for m in messages])
    return f"[{quote(item)},[{said}]]"


def draw_of(seed_prefix: str, key_prefix: str, sample: int, body: str) -> tuple[int, str]:
    """Seed (63 bits) and call key (128 bits, hexadecimal) of draw number `sample` of a call."""
    tail = f"{sample} {body}"
    hashed = hashlib.blake2b(f"{seed_prefix}{tail}".encode(), digest_size=8).digest()
    seed = int.from_bytes(hashed, "big") >> 1
    key = hashlib.blake2b(f"{key_prefix}{seed} {tail}".encode(), digest_size=16).hexdigest()
    return seed, key


def make_plan(graph: CollaborationGraph, roles: Mapping[str, Role], identity: Identity) -> Plan:
    """Make a graph ready to run.

    Raises:
        GraphError: it is not valid, or a node's role does not go with its place.
    """
    graph.validate(roles)
    graph = graph.canonical()
    steps: list[Step] = []
    kinds: dict[str, _Kinds] = {}  # asking what protocol a role has takes long
    for index, node in enumerate(graph.nodes):
        parents = graph.parents(index)
        if node.role not in kinds:
            kinds[node.role] = _kinds_of(roles[node.role])
        role, (speaker, combiner, gate) = roles[node.role], kinds[node.role]
        reads = parents if gate is None else ()
        context = NodeContext(len(parents), index == graph.sink)
        model, sampling, prefixes = "", Sampling(), ("", "")
        rivals: tuple[int, ...] = ()
        if speaker is not None:
            model, sampling = node.model or "", speaker.sampling(context)
            prefixes = identity.prefixes(model, sampling, speaker.prompt_version)
            asks = (model, sampling, len(reads))
            rivals = tuple(
                other.index
                for other in steps
                if (other.model, other.sampling, len(other.reads)) == asks
            )
        steps.append(
            Step(
                index=index,
                role=role,
                speaker=speaker,
                combiner=combiner,
                gate=gate,
                model=model,
                context=context,
                parents=parents,
                reads=reads,
                sampling=sampling,
                rivals=rivals,
                seed_prefix=prefixes[0],
                key_prefix=prefixes[1],
                stream=identity.stream,
            )
        )
    fitted = tuple(step.index for step in steps if step.role.is_fitted)
    return Plan(graph, tuple(steps), fitted)


_Kinds = tuple[SpeakingRole | None, CombiningRole | None, GatedRole | None]


def _kinds_of(role: Role) -> _Kinds:
    """The role again as what it speaks, combines and gates as.

    Raises:
        GraphError: it neither speaks nor combines.
    """
    speaker = role if role.speaks and isinstance(role, SpeakingRole) else None
    combiner = role if isinstance(role, CombiningRole) else None
    if speaker is None and combiner is None:
        raise GraphError(f"role {role.name!r} neither speaks nor combines")
    return speaker, combiner, speaker if isinstance(speaker, GatedRole) else None


class Prompts:
    """Writes the prompts of steps; one that depends on the item alone is written once."""

    def __init__(self) -> None:
        self._kept: LRUCache[tuple[str, bool, str], tuple[Item, Prompt]] = LRUCache(_KEPT_PROMPTS)

    def write(self, step: Step, item: Item, texts: Sequence[str]) -> Prompt:
        """A step's prompt about an item, given the messages it reads."""
        assert step.speaker is not None
        key = (step.role.name, step.context.is_sink, item.id)
        if not texts:
            kept = self._kept.get(key)
            # An item of another task may have the same id.
            if kept is not None and (kept[0] is item or kept[0] == item):
                return kept[1]
        messages = step.speaker.prompt(item, texts, step.context)
        prompt = Prompt(messages, prompt_body(item.id, messages))
        if not texts:
            self._kept[key] = (item, prompt)
        return prompt
