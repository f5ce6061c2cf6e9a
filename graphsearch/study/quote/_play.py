"""The schedule of a study, played without running anything."""

from collections import Counter
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from graphsearch.rolenames import role_name
from graphsearch.study.baselines import Prices, affordable, alternatives
from graphsearch.study.budgets import SELECTION_SHARE
from graphsearch.study.judge_cost import expected_judge_cost, judge_calls
from graphsearch.study.race import blocks_of

if TYPE_CHECKING:
    from graphsearch.graph import CollaborationGraph
    from graphsearch.study.parts import Parts

__all__ = ["Bill", "Play", "cost_of"]

_MOST_ROUNDS = 200
_TRIES = 20

Call = tuple[str, int]
"""Model and in-degree of a call: what its expected cost depends on. Calls of a judge have the
in-degrees -1, -2, ...: -1 less their place among those that judge one answer."""


@dataclass(slots=True)
class Bill:
    """Calls by model and in-degree."""

    asked: int = 0
    made: Counter[Call] = field(default_factory=Counter)

    def add(self, calls: Iterable[tuple[int, Call]], known: set[int]) -> None:
        for identity, call in calls:
            self.asked += 1
            if identity not in known:
                known.add(identity)
                self.made[call] += 1

    def judged(self) -> "Bill":
        """The calls of a judge alone."""
        made = Counter({call: count for call, count in self.made.items() if call[1] < 0})
        return Bill(sum(made.values()), made)


class Play:
    """One way the study may go: which share of a race goes on after each block is given."""

    def __init__(self, parts: "Parts", kept: float) -> None:
        import numpy as np

        from graphsearch.space import Distribution

        self._parts = parts
        self._kept = kept
        self._rng = np.random.default_rng(parts.seed)
        self._distribution = Distribution(parts.space)
        self._names: dict[Any, int] = {}
        self._calls: dict[str, list[tuple[int, Call]]] = {}
        self.bills = {name: Bill() for name in ("search", "selection", "test")}
        self.seen: dict[str, CollaborationGraph] = {}
        self.costs: list[float] = []
        self.rounds = 0
        self.first_items = 0
        self.stopped_by = "rounds"
        self.test_items = 0

    def run(self) -> None:
        """Search, selection, test."""
        self._search()
        if self.rounds == 0:
            return  # without a trial there is no winner to select or to test
        self._select()
        self._test()

    def total(self) -> Bill:
        """All bills together."""
        whole = Bill()
        for bill in self.bills.values():
            whole.asked += bill.asked
            whole.made += bill.made
        return whole

    def _search(self) -> None:
        settings = self._parts.settings
        pool = min(settings.search_items, len(self._parts.task.splits["search"]))
        known: list[set[int]] = [set() for _ in range(pool)]
        kept = settings.reserve * (SELECTION_SHARE if self._parts.evaluation_budget else 1)
        position = 0
        while self.rounds < (settings.rounds or _MOST_ROUNDS):
            graphs = self._incumbents() + self._draw(settings.per_round)
            places = [(position + i) % pool for i in range(min(settings.window, pool))]
            covered = self._round(graphs, blocks_of(places, settings.blocks), known, 1 - kept)
            self.rounds += covered > 0
            if self.rounds == 1:
                self.first_items = covered
            if covered < len(places):
                self.stopped_by = "budget"
                break
            position = (position + settings.window) % max(pool, 1)

    def _round(
        self,
        graphs: "list[CollaborationGraph]",
        blocks: Iterable[Sequence[int]],
        known: list[set[int]],
        share: float,
    ) -> int:
        """A race, as far as the budget covers it; how many items that were."""
        done = 0
        for block in blocks:
            covered = self._block(graphs, block, known, share)
            done += covered
            if covered < len(block):
                break
            graphs = graphs[: max(1, round(self._kept * len(graphs)))]
        return done

    def _block(
        self,
        graphs: "Sequence[CollaborationGraph]",
        places: Sequence[int],
        known: list[set[int]],
        share: float,
    ) -> int:
        """A block of items, or as many from its front as the budget covers; how many that were."""
        before = deepcopy(self.bills["search"]), {place: set(known[place]) for place in places}
        for graph in graphs:
            for place in places:
                self.bills["search"].add(self._calls_of(graph), known[place])
        if not self._over(self.bills["search"].made, share):
            return len(places)
        self.bills["search"] = before[0]
        for place, calls in before[1].items():
            known[place] = calls
        if len(places) == 1:
            return 0
        singles = (self._block(graphs, [place], known, share) for place in places)
        return sum(takewhile(bool, singles))

    def _select(self) -> None:
        settings = self._parts.settings
        finalists = list(self.seen.values())[: settings.finalists]
        items = min(settings.selection_items, len(self._parts.task.splits["selection"]))
        kept = 0.0 if self._parts.evaluation_budget else (1 - SELECTION_SHARE) * settings.reserve
        while items:
            self.bills["selection"] = Bill()
            self._race("selection", finalists, items)
            if not self._over(self.total().made, 1 - kept):
                break
            items = int(items * 0.9)

    def _test(self) -> None:
        parts = self._parts
        if not self.costs:
            return
        used = sum(self.costs) / len(self.costs)
        prices = {model: parts.space.cost.gamma(model) for model in affordable(parts)}
        plan = alternatives(parts, Prices(prices, claims=False), used=used)
        winner = min(
            self.seen.values(), key=lambda graph: abs(parts.space.cost.graph(graph) - used)
        )
        staying = [winner, *(a.graph for a in plan if a.kind == "single")]
        # Crowds of the smallest models mostly lose first.
        others = sorted((a.graph for a in plan), key=len)
        graphs = {graph.key: graph for graph in [*staying, *others]}
        wanted = min(parts.settings.test_items, len(parts.task.splits["test"]))
        self.test_items = wanted
        while self.test_items:
            self.bills["test"] = Bill()
            self._race("test", list(graphs.values()), self.test_items, staying=len(staying))
            if not self._over_evaluation():
                break
            self.test_items = int(self.test_items * 0.9)

    def _race(
        self,
        phase: str,
        graphs: "Sequence[CollaborationGraph]",
        items: int,
        *,
        staying: int = 1,
    ) -> None:
        """Blocks of the selection or the test; the first graphs stay, of the rest a share does."""
        size = self._parts.settings.test_block
        running = list(graphs)
        for start in range(0, items, size):
            self._measure(phase, running, min(size, items - start))
            others = round(self._kept * (len(running) - staying))
            running = running[: staying + max(others, 0)]

    def _measure(self, phase: str, graphs: "Sequence[CollaborationGraph]", items: int) -> None:
        """The same calls for every item, so one item is played and multiplied."""
        one = Bill()
        known: set[int] = set()
        for graph in graphs:
            one.add(self._calls_of(graph), known)
        self.bills[phase].asked += one.asked * items
        self.bills[phase].made += Counter({c: count * items for c, count in one.made.items()})

    def _over(self, made: Counter[Call], share: float) -> bool:
        return any(
            cost_of(self._parts, made, amount.currency) > share * float(amount)
            for amount in self._parts.search_budget
        )

    def _over_evaluation(self) -> bool:
        parts = self._parts
        if parts.evaluation_budget:
            made = self.bills["test"].made
            return any(
                cost_of(parts, made, amount.currency) > float(amount)
                for amount in parts.evaluation_budget
            )
        return self._over(self.total().made, 1.0)

    def _draw(self, count: int) -> "list[CollaborationGraph]":
        """Graphs not drawn before, as long as they are easily found: searchers avoid repeats."""
        graphs: list[CollaborationGraph] = []
        for _ in range(_TRIES):
            for trace in self._distribution.sample_many(self._rng, count - len(graphs)):
                if trace.graph.key not in self.seen:
                    self.seen[trace.graph.key] = trace.graph
                    self.costs.append(self._parts.space.cost.graph(trace.graph))
                    graphs.append(trace.graph)
            if len(graphs) == count:
                break
        return graphs

    def _incumbents(self) -> "list[CollaborationGraph]":
        return list(self.seen.values())[: self._parts.settings.incumbents] if self.rounds else []

    def _calls_of(self, graph: "CollaborationGraph") -> list[tuple[int, Call]]:
        """Every call of a graph, named so that calls two graphs share have the same name."""
        if graph.key in self._calls:
            return self._calls[graph.key]
        whole = graph.canonical()
        names: dict[int, int] = {}
        copies: Counter[Any] = Counter()
        calls = []
        for i in whole.topological():
            node, parents = whole.nodes[i], whole.parents(i)
            same = (node.role, node.model, i == whole.sink, tuple(names[p] for p in parents))
            key = (*same, copies[same])
            copies[same] += 1
            names[i] = self._names.setdefault(key, len(self._names))
            if node.model is not None:
                # A gate asks the plain question; how often it will, nobody knows beforehand.
                read = 0 if role_name(node.role).gate is not None else len(parents)
                calls.append((names[i], (node.model, read)))
        for place, call in enumerate(judge_calls(self._parts)):
            # Equal answers are judged once, but how many are equal nobody knows beforehand.
            name = self._names.setdefault(("judge", place, graph.key), len(self._names))
            calls.append((name, (call.model, -1 - place)))
        self._calls[graph.key] = calls
        return calls


def cost_of(parts: "Parts", made: Counter[Call], currency: Any) -> float:
    cost, judged = parts.space.cost.in_currency(currency), judge_calls(parts)
    each = {
        (model, degree): cost.node(model, degree)
        if degree >= 0
        else expected_judge_cost(parts, judged[-1 - degree], currency)
        for model, degree in made
    }
    return sum(count * each[call] for call, count in made.items())
