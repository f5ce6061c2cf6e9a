"""The calls of graphs, named as the executor shares them, with what they are expected to cost."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphsearch.execution.pricing import prompt_bound, token_stretch
from graphsearch.records.calls import Sampling, Usage
from graphsearch.records.roles import NodeContext, SpeakingRole
from graphsearch.study.judge_cost import judge_lengths

if TYPE_CHECKING:
    from graphsearch.cost import CostModel
    from graphsearch.graph import CollaborationGraph
    from graphsearch.study.experiment import Experiment

__all__ = ["Calls", "Kind", "Use"]

_UNKNOWN_BOUND = 0


@dataclass(frozen=True, slots=True)
class Kind:
    """What the expected cost of a call depends on.

    Attributes:
        model: who is asked.
        read: messages that its prompt holds.
        judge: its place among the calls that judge an answer, None for a call of a graph.
    """

    model: str
    read: int
    judge: int | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """One call of a graph.

    Attributes:
        name: equal for two graphs exactly where they share the call.
        kind: what it costs depends on.
        gate: share of the questions that it is made on at most, None where no gate decides.
        is_below: True where fitting the graph's parts needs it.
    """

    name: int
    kind: Kind
    gate: float | None = None
    is_below: bool = False


class Calls:
    """Names and prices of calls, worked out once for all ways in which a study may go.

    A call without parents' messages is known by its model, its sampling, its prompt and which draw
    of these it is, as in the executor: a gate that opens asks the very call of a root. One that
    reads is known by its role and whom it reads.
    """

    def __init__(self, parts: "Experiment") -> None:
        self._parts = parts
        self._item = parts.task.splits["search"][0]
        self._names: dict[Any, int] = {}
        self._of: dict[str, list[Use]] = {}
        self._worst: dict[str, Mapping[str, float]] = {}
        self._prices: dict[tuple[Kind, str], float] = {}
        self._costs: dict[str, CostModel] = {}
        self.judged = judge_lengths(parts)

    def of(self, graph: "CollaborationGraph") -> list[Use]:
        """Every call of a graph on one question, its judge's included."""
        if graph.key not in self._of:
            self._of[graph.key] = [*self._spoken(graph), *self._judging(graph)]
        return self._of[graph.key]

    def cost(self, made: Mapping[Kind, float], currency: Any) -> float:
        """Expected cost of calls, by how many of each kind there are."""
        return sum(count * self._price(kind, currency) for kind, count in made.items())

    def worst(self, graph: "CollaborationGraph") -> Mapping[str, float]:
        """What is reserved for a graph on a question, by currency of the budgets.

        Every reply as long as it may be, every prompt as long as the text of the first question
        makes it, every gate open.
        """
        if graph.key not in self._worst:
            parts = self._parts
            budgets = (*parts.search_budget, *parts.evaluation_budget)
            usages = [*self._longest(graph), *self._longest_judged(graph)]
            self._worst[graph.key] = {
                currency: sum(self._model(currency).of_usage(*usage) for usage in usages)
                for currency in {amount.currency for amount in budgets}
            }
        return self._worst[graph.key]

    def longest_reply(self, graph: "CollaborationGraph") -> int:
        """The most tokens that a reply of a graph may have."""
        return max((usage.completion_tokens or 0 for _, usage in self._longest(graph)), default=0)

    def _spoken(self, graph: "CollaborationGraph") -> list[Use]:
        whole = graph.canonical()
        roles = self._parts.roles
        last = max(
            (i for i, n in enumerate(whole.nodes) if roles[n.role].is_fitted),
            default=0,
        )
        names: dict[int, int] = {}
        copies: Counter[Any] = Counter()
        uses = []
        for i in whole.topological():
            node, parents = whole.nodes[i], whole.parents(i)
            role = roles[node.role]
            heard = () if role.is_gate else tuple(names[p] for p in parents)
            same = self._same(node.role, node.model, len(parents), i == whole.sink, heard)
            copies[same] += 1
            names[i] = self._names.setdefault((same, copies[same]), len(self._names))
            if node.model is not None:
                share = float(role.call_share) if role.is_gate else None
                uses.append(Use(names[i], Kind(node.model, len(heard)), share, i < last))
        return uses

    def _same(
        self, role: str, model: str | None, parents: int, is_sink: bool, heard: tuple[int, ...]
    ) -> Any:
        """What two calls have in common when they are draws of the same."""
        speaker = self._parts.roles[role]
        context = NodeContext(parents, is_sink)
        if heard or model is None or not isinstance(speaker, SpeakingRole):
            return role, model, is_sink, heard
        return model, speaker.sampling(context), speaker.prompt(self._item, (), context)

    def _judging(self, graph: "CollaborationGraph") -> list[Use]:
        # Equal answers are judged once, but how many are equal nobody knows beforehand.
        return [
            Use(
                self._names.setdefault(("judge", place, graph.key), len(self._names)),
                Kind(length.model, 0, place),
            )
            for place, length in enumerate(self.judged)
            if not length.is_spare
        ]

    # -- prices --------------------------------------------------------------------------------

    def _price(self, kind: Kind, currency: str) -> float:
        price = self._prices.get((kind, currency))
        if price is None:
            cost = self._model(currency)
            if kind.judge is None:
                price = cost.node(kind.model, kind.read)
            else:
                price = cost.of_usage(kind.model, self.judged[kind.judge].usage)
            self._prices[kind, currency] = price
        return price

    def _model(self, currency: Any) -> "CostModel":
        """Costs in a currency, of models that only judge as well."""
        if currency not in self._costs:
            self._costs[currency] = self._parts.pricing(currency)
        return self._costs[currency]

    def _longest(self, graph: "CollaborationGraph") -> list[tuple[str, Usage]]:
        whole, roles = graph.canonical(), self._parts.roles
        most: dict[int, int] = {}
        usages = []
        for i in whole.topological():
            node, parents, role = whole.nodes[i], whole.parents(i), roles[whole.nodes[i].role]
            if node.model is None or not isinstance(role, SpeakingRole):
                continue
            context = NodeContext(len(parents), i == whole.sink)
            most[i] = _bound(role.sampling(context))
            heard = (
                0
                if role.is_gate
                else sum(
                    most.get(p, 0) * self._stretch(whole.nodes[p].model, node.model)
                    for p in parents
                )
            )
            prompt = self._prompt(role, node.model, context) + heard
            usages.append((node.model, Usage(prompt, most[i], 1)))
        return usages

    def _stretch(self, writer: str | None, reader: str) -> int:
        engines = self._parts.engines
        if writer is None or writer not in engines or reader not in engines:
            return 1
        return token_stretch(engines[writer], writer, engines[reader], reader)

    def _prompt(self, role: SpeakingRole, model: str, context: NodeContext) -> int:
        messages = role.prompt(self._item, ["x"] * context.in_degree, context)
        engine = self._parts.engines.get(model)
        if engine is None:
            return sum(len(message.content.encode()) for message in messages)
        return prompt_bound(engine, model, messages, engine.info(model).message_overhead)

    def _longest_judged(self, graph: "CollaborationGraph") -> list[tuple[str, Usage]]:
        said = self.longest_reply(graph)
        return [(length.model, length.most(said)) for length in self.judged]


def _bound(sampling: Sampling) -> int:
    """Most tokens of a reply; a study refuses calls without a bound when it begins."""
    return _UNKNOWN_BOUND if sampling.max_tokens is None else sampling.max_tokens
