"""`Space`: slots, models, roles, sinks and the budget per question."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, get_args

from graphsearch.cost import Amount, CostModel
from graphsearch.graph import CollaborationGraph, Node
from graphsearch.records.errors import BudgetRefused, ConfigError, GraphError
from graphsearch.records.roles import Role
from graphsearch.space._options import (
    EdgeRule,
    RoleOption,
    SinkOption,
    read_models,
    read_roles,
    read_sinks,
    role_of,
)

if TYPE_CHECKING:
    from graphsearch.space._tables import Tables

__all__ = ["Space"]

_MOST_SLOTS = 64
_DEFAULT_MOST_SLOTS = 12


@dataclass(frozen=True, slots=True)
class Space:
    """What graphs are allowed. Make one with `Space.build`, which checks that any fits.

    Attributes:
        slots: number of places for nodes besides the sink.
        models: models a slot may have.
        role_options: roles a slot may have.
        sinks: kinds of sink.
        budget: most a graph may be expected to spend on one question.
        cost: prices graphs, in the budget's currency.
        max_in_degree: most parents of any node, None for no limit.
        edges: which edges there may be.
    """

    slots: int
    models: tuple[str, ...]
    role_options: tuple[RoleOption, ...]
    sinks: tuple[SinkOption, ...]
    budget: Amount
    cost: CostModel
    max_in_degree: int | None = None
    edges: EdgeRule = "dag"
    _memo: dict[str, Any] = field(
        default_factory=dict, init=False, repr=False, compare=False, hash=False
    )

    # -- construction --------------------------------------------------------------------------

    @classmethod
    def build(
        cls,
        cost: CostModel,
        budget: Amount | str,
        *,
        slots: int | None = None,
        models: Sequence[str] | None = None,
        roles: Sequence[str | RoleOption] = ("assistant", "fuser"),
        sinks: Sequence[str | SinkOption] = ("assistant", "fuser", "vote"),
        max_in_degree: int | None = None,
        edges: EdgeRule = "dag",
    ) -> "Space":
        """A checked space.

        Args:
            cost: prices graphs, and knows their roles; in the budget's currency, or else it is
                turned to it.
            budget: most a graph may be expected to spend on one question.
            slots: places for nodes besides the sink; None: as many as the cheapest model's calls
                fit into the budget, 12 at most.
            models: models a slot may have; None: all of the fleet.
            roles: roles a slot may have, by name or with their limits.
            sinks: `vote`, `fuser:m`, a speaking role's name (that role on each model), or a
                `SinkOption`.
            max_in_degree: most parents of any node.
            edges: `dag` or `star`.

        Raises:
            ConfigError: an option is wrong.
            FleetError: a model is not in the fleet.
            BudgetRefused: a model cannot be priced, or nothing fits the budget; the message names
                the cheapest graph and its cost.
        """
        budget = Amount.parse(budget)
        cost = cost if cost.currency == budget.currency else cost.in_currency(budget.currency)
        names = read_models(cost, models)
        options = read_roles(roles, cost.roles)
        kinds = read_sinks(cost, sinks, names, options, cost.roles)
        if edges not in get_args(EdgeRule):
            known = ", ".join(get_args(EdgeRule))
            raise ConfigError(f"edges must be one of {known}, got {edges!r}")
        if max_in_degree is not None and max_in_degree < 0:
            raise ConfigError(f"max_in_degree must be 0 or more, got {max_in_degree}")
        if slots is None:
            # As many as fit with the cheapest model; for `seconds`, where calls beside each other
            # cost nothing more, the most that is reasonable.
            cheapest = max(1, min(cost.node_ticks(name, 0) for name in names))
            fitting = cost.budget_ticks(budget) // cheapest
            most = _DEFAULT_MOST_SLOTS if cost.currency == "seconds" else fitting
            least = max(1, min(kind.min_parents for kind in kinds))
            slots = max(least, min(_DEFAULT_MOST_SLOTS, most))
        if isinstance(slots, bool) or not isinstance(slots, int) or not 0 <= slots <= _MOST_SLOTS:
            raise ConfigError(
                f"slots must be a whole number from 0 to {_MOST_SLOTS}, got {slots!r}"
            )
        space = cls(slots, names, options, kinds, budget, cost, max_in_degree, edges)
        space._refuse_if_nothing_fits()
        return space

    @classmethod
    def published(
        cls,
        cost: CostModel,
        budget: Amount | str,
        *,
        sink_model: str,
        slots: int | None = None,
        models: Sequence[str] | None = None,
    ) -> "Space":
        """The setting of arXiv 2511.00086: the sink is one assistant that has a parent at least.

        Args:
            cost: prices graphs.
            budget: most a graph may be expected to spend on one question.
            sink_model: model of the fixed sink (Llama 3B there).
            slots: places for nodes besides the sink.
            models: models a slot may have; None: all of the fleet.

        Raises:
            As `build`.
        """
        cost.fleet.model(sink_model)
        sink = SinkOption("assistant", sink_model, min_parents=1)
        return cls.build(cost, budget, slots=slots, models=models, sinks=(sink,))

    def priced(self, cost: CostModel) -> "Space":
        """The same space at other prices.

        Raises:
            BudgetRefused: nothing fits the budget then.
        """
        space = replace(self, cost=cost)
        space._refuse_if_nothing_fits()
        return space

    # -- what is in it -------------------------------------------------------------------------

    @property
    def roles(self) -> tuple[str, ...]:
        """Names of the roles a slot may have."""
        return tuple(option.name for option in self.role_options)

    @property
    def has_gates(self) -> bool:
        """Whether a slot may have the role of a gate."""
        found: bool | None = self._memo.get("has_gates")
        if found is None:
            found = any(self.role(option.name).is_gate for option in self.role_options)
            self._memo["has_gates"] = found
        return found

    def role(self, name: str) -> Role:
        """What a role declares of itself.

        Raises:
            ConfigError: there is no role of that name.
        """
        return role_of(name, self.cost.roles)

    @property
    def tables(self) -> "Tables":
        """Costs and limits as integer arrays, for sampling."""
        tables = self._memo.get("tables")
        if tables is None:
            from graphsearch.space._tables import Tables

            tables = self._memo["tables"] = Tables.of(self)
        return tables

    @property
    def budget_ticks(self) -> int:
        """The most that a graph may cost, in ticks of the cost model."""
        ticks = self._memo.get("budget")
        if ticks is None:
            ticks = self._memo["budget"] = self.cost.budget_ticks(self.budget)
        assert isinstance(ticks, int)
        return ticks

    def cheapest(self) -> CollaborationGraph:
        """The cheapest graph the slots, roles and sinks allow, whatever the budget.

        Raises:
            ConfigError: no sink can have the parents it needs.
        """
        graphs = []
        model = min(self.models, key=lambda name: self.cost.node_ticks(name, 0))
        # Roots have some role that needs no parent; build has made sure that there is one.
        role = next(o.name for o in self.role_options if o.allows(0))
        for sink in self.sinks:
            degrees = [d for d in range(self.slots + 1) if self._sink_allows(sink, d)]
            if degrees:
                roots = [Node(role, model)] * degrees[0]
                graphs.append(CollaborationGraph.star(roots, Node(sink.role, sink.model)))
                graphs += self._with_gates(graphs[-1])
        if not graphs:
            raise ConfigError(
                f"no sink can have the parents it needs: {self.slots} slots, "
                f"max_in_degree {self.max_in_degree}, sinks "
                + ", ".join(f"{s.name} (at least {s.min_parents})" for s in self.sinks)
            )
        return min(graphs, key=self.cost.graph_ticks)

    def _with_gates(self, star: CollaborationGraph) -> Iterator[CollaborationGraph]:
        """The same sink over one root and gates that hear it, where that is cheaper."""
        tables, first, count = self.tables, star.nodes[0], len(star) - 1
        if not tables.gates or count < 2:
            return
        g, m = divmod(int(tables.gate_price.argmin()), len(self.models))
        gate = Node(self.roles[tables.gates[g]], self.models[m])
        edges = [*((0, i) for i in range(1, count)), *((i, count) for i in range(count))]
        yield CollaborationGraph(
            (first, *[gate] * (count - 1), star.nodes[count]), tuple(edges), count
        )

    def _sink_allows(self, sink: SinkOption, in_degree: int) -> bool:
        most = self.slots if self.max_in_degree is None else min(self.slots, self.max_in_degree)
        return in_degree <= most and sink.allows(in_degree)

    def _refuse_if_nothing_fits(self) -> None:
        graph = self.cheapest()
        ticks = self.cost.graph_ticks(graph)
        if ticks > self.budget_ticks:
            raise BudgetRefused(
                f"no graph fits a budget of {self.budget} a question: the cheapest, "
                f"{graph.describe()}, is expected to cost {_short(self.cost, ticks)}"
            )

    def why_not(self, graph: CollaborationGraph) -> str | None:
        """None when `graph` is in this space, else one sentence that says why not."""
        try:
            graph.validate()
        except GraphError as error:
            return str(error)
        if len(graph) - 1 > self.slots:
            return (
                f"it has {len(graph) - 1} nodes besides the sink; the space has {self.slots} slots"
            )
        for i, node in enumerate(graph.nodes):
            reason = self._why_not_node(graph, i, node)
            if reason is not None:
                return reason
        return self.too_dear(graph)

    def too_dear(self, graph: CollaborationGraph) -> str | None:
        """None when the budget covers `graph`, else one sentence that says what it costs."""
        ticks = self.cost.graph_ticks(graph)
        if ticks > self.budget_ticks:
            return f"it is expected to cost {_short(self.cost, ticks)}; the budget is {self.budget}"
        return None

    def _why_not_node(self, graph: CollaborationGraph, i: int, node: Node) -> str | None:
        degree = graph.in_degree(i)
        if self.max_in_degree is not None and degree > self.max_in_degree:
            return f"node {i} has {degree} parents; at most {self.max_in_degree} are allowed"
        if i == graph.sink:
            sinks = [s for s in self.sinks if (s.role, s.model) == (node.role, node.model)]
            if not sinks:
                return f"the sink {node} is none of {', '.join(s.name for s in self.sinks)}"
            return (
                None if sinks[0].allows(degree) else f"the sink {node} cannot have {degree} parents"
            )
        if self.edges == "star" and graph.children(i) != (graph.sink,):
            return f"node {i} feeds a node other than the sink"
        if node.model not in self.models:
            return f"node {i}: model {node.model!r} is none of {', '.join(self.models)}"
        roles = [option for option in self.role_options if option.name == node.role]
        if not roles:
            return f"node {i}: role {node.role!r} is none of {', '.join(self.roles)}"
        return (
            None
            if roles[0].allows(degree)
            else f"node {i}: a {node.role} cannot have {degree} parents"
        )

    def graphs(self, limit: int) -> list[CollaborationGraph]:
        """All graphs of the space, one for each isomorphism class, cheapest first.

        Raises:
            BudgetRefused: there are more than `limit`.
        """
        from graphsearch.space._all import all_graphs

        return all_graphs(self, limit)

    def to_json(self) -> dict[str, Any]:
        """JSON for records and prompts."""
        return {
            "slots": self.slots,
            "models": list(self.models),
            "roles": [
                {"name": r.name, "min_parents": r.min_parents, "max_parents": r.max_parents}
                for r in self.role_options
            ],
            "sinks": [
                {"name": s.name, "min_parents": s.min_parents, "max_parents": s.max_parents}
                for s in self.sinks
            ],
            "budget": str(self.budget),
            "fleet": self.cost.fleet.name,
            "profile": [self.cost.profile.question, self.cost.profile.answer],
            **({} if self.cost.lengths is None else {"lengths": self.cost.lengths.to_json()}),
            "max_in_degree": self.max_in_degree,
            "edges": self.edges,
        }


def _short(cost: CostModel, ticks: int) -> str:
    """An amount with as many digits as people read."""
    return f"{cost.from_ticks(ticks):.6g} {cost.currency}"
