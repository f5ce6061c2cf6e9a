"""The schedule of a study, played without running anything."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graphsearch.searchers.base import Opening
from graphsearch.study.baselines import (
    FITTED,
    PROBED,
    Baseline,
    Prices,
    affordable,
    baselines,
    is_plain,
)
from graphsearch.study.budgets import SELECTION_SHARE
from graphsearch.study.judge_cost import labelled_answers
from graphsearch.study.lengths import length_graphs, length_items
from graphsearch.study.quote._calls import Calls, Kind, Use
from graphsearch.study.race import blocks_of
from graphsearch.study.select import _PLAIN_FINALISTS

if TYPE_CHECKING:
    from graphsearch.cost import Currency
    from graphsearch.graph import CollaborationGraph
    from graphsearch.study.experiment import Experiment

__all__ = ["Bill", "Course", "Play"]

_MOST_ROUNDS = 200
_TRIES = 20
_SAMPLED = 40
"""Questions of selection and test that are played and multiplied where gates differ by question."""
_SHRINK = 0.9


@dataclass(frozen=True, slots=True)
class Course:
    """What nobody knows before a study has run, taken as it may be.

    Attributes:
        kept: share of the graphs in a race that go on after each block.
        opened: share of the questions that a gate lets through at most on which it really opens.
        overlap: how far gates open on the same questions: 1 wherever they can, 0 by chance alone.
        finalists: which graphs become finalists, by cost: 1 the dearest, 0.5 those in the middle.
    """

    kept: float
    opened: float
    overlap: float
    finalists: float


@dataclass(slots=True)
class Bill:
    """Calls by kind; whole numbers only where no gate opens on some questions."""

    asked: float = 0
    made: dict[Kind, float] = field(default_factory=dict)

    def add(self, uses: Iterable[Use], known: set[int]) -> None:
        """Calls for one question; those known already are asked for and not made."""
        for use in uses:
            self.asked += 1
            if use.name not in known:
                known.add(use.name)
                self.made[use.kind] = self.made.get(use.kind, 0) + 1

    def times(self, factor: float) -> "Bill":
        """So many times as much."""
        made = {kind: count * factor for kind, count in self.made.items()}
        return Bill(self.asked * factor, made)

    def plus(self, other: "Bill") -> "Bill":
        """Both together."""
        kinds = {**self.made, **other.made}
        made = {kind: self.made.get(kind, 0) + other.made.get(kind, 0) for kind in kinds}
        return Bill(self.asked + other.asked, made)

    def judged(self) -> "Bill":
        """The calls of a judge alone."""
        made = {kind: n for kind, n in self.made.items() if kind.judge is not None}
        return Bill(sum(made.values()), made)


class Play:
    """One way the study may go.

    Args:
        parts: of the study; its searcher is only asked what it would begin with.
        calls: names and prices, shared by all plays.
        course: what is taken for granted.
    """

    def __init__(self, parts: "Experiment", calls: Calls, course: Course) -> None:
        import numpy as np

        from graphsearch.space import Distribution

        self._parts = parts
        self._calls = calls
        self._course = course
        self._rng = np.random.default_rng(parts.seed)
        self._distribution = Distribution(parts.space)
        searcher = parts.make_searcher(parts.space)
        self._opening = list(searcher.opening) if isinstance(searcher, Opening) else []
        self._luck = random.Random(parts.seed)
        self._hard = [self._luck.random() for _ in range(len(parts.task.splits["search"]))]
        self._hard += [self._luck.random() for _ in range(_SAMPLED)]
        self._opens: dict[tuple[str, int], list[bool]] = {}
        settings = parts.settings
        count = len(parts.task.splits["search"])
        self._pool = min(settings.search_items, count)
        self._calibration = min(settings.calibration_items, count)
        self._known: list[set[int]] = [set() for _ in range(count)]
        self._ran: list[set[str]] = [set() for _ in range(count)]
        self._fitted: set[str] = set()
        self._met: dict[int, set[int]] = {}
        self.bills = {name: Bill() for name in ("search", "selection", "test")}
        self.seen: dict[str, CollaborationGraph] = {}
        self.costs: list[float] = []
        self.rounds = 0
        self.first_items = 0
        self.stopped_by = "rounds"
        self.test_items = 0
        self.narrow: int | None = None
        """Graphs that the first round has room for at worst, None where it has for all."""

    def run(self) -> None:
        """Search, selection, test."""
        self._search()
        if self.rounds == 0:
            return  # without a trial there is no winner to select or to test
        finalists = self._select()
        self._test(finalists)

    def total(self) -> Bill:
        """All bills together."""
        search, selection, test = (self.bills[name] for name in ("search", "selection", "test"))
        return search.plus(selection).plus(test)

    # -- search --------------------------------------------------------------------------------

    def _search(self) -> None:
        settings = self._parts.settings
        share = 1 - settings.reserve * (SELECTION_SHARE if self._parts.evaluation_budget else 1)
        self._before(share)
        position = 0
        while self.rounds < (settings.rounds or _MOST_ROUNDS):
            places = [(position + i) % self._pool for i in range(min(settings.window, self._pool))]
            graphs = self._lineup(share)
            covered = self._round(graphs, blocks_of(places, settings.blocks), share)
            if self.rounds == 0:
                self.first_items = covered
            self.rounds += covered > 0
            if covered < len(places):
                self.stopped_by = "budget"
                break
            position = (position + settings.window) % max(self._pool, 1)

    def _lineup(self, share: float) -> "list[CollaborationGraph]":
        """The graphs of a round; as in `study.room`, as many as there is room for."""
        asked = self._parts.settings.per_round
        if self.narrow is not None:
            asked = min(asked, max(self.narrow, 1))
        graphs = self._draw(asked) + self._incumbents()
        ready = self._ready(graphs, share)
        if self.rounds == 0 and len(ready) < len(graphs):
            self.narrow = len(ready)
        return ready if self.narrow is not None or len(ready) == len(graphs) else []

    def _before(self, share: float) -> None:
        """What is asked before the first round: a judge's labelled sample, and lengths."""
        sample = labelled_answers(self._parts)
        for place, length in enumerate(self._calls.judged):
            if sample and not length.is_spare:
                judged = Bill(sample, {Kind(length.model, 0, place): sample})
                self.bills["search"] = self.bills["search"].plus(judged)
        count = min(length_items(self._parts), self._pool, self._parts.settings.window)
        if count:
            self._block(length_graphs(self._parts.space), range(count), share)

    def _ready(
        self, graphs: "Sequence[CollaborationGraph]", share: float
    ) -> "list[CollaborationGraph]":
        """Those that a round has room for, their fitted parts worked out and paid for."""
        ready: list[CollaborationGraph] = []
        for graph in graphs:
            if self._fit(graph, share) and self._room(share, [*ready, graph]):
                ready.append(graph)
        return ready

    def _fit(self, graph: "CollaborationGraph", share: float) -> bool:
        below = [use for use in self._calls.of(graph) if use.is_below]
        if not below or graph.key in self._fitted:
            return True
        if not self._room(share, [graph], times=self._calibration):
            return False
        self._fitted.add(graph.key)
        for place in range(self._calibration):
            self.bills["search"].add(below, self._known[place])
        return True

    def _round(
        self,
        graphs: "list[CollaborationGraph]",
        blocks: Iterable[Sequence[int]],
        share: float,
    ) -> int:
        """A race, as far as the budget covers it; how many items that were."""
        done = 0
        for block in blocks:
            covered = self._block(graphs, block, share) if graphs else 0
            done += covered
            if covered < len(block):
                break
            # The incumbents, at the end, are the best of the search: they stay.
            gone = len(graphs) - max(1, round(self._course.kept * len(graphs)))
            graphs = graphs[gone:]
        return done

    def _block(
        self, graphs: "Sequence[CollaborationGraph]", places: Sequence[int], share: float
    ) -> int:
        """A block of items, admitted part by part at its worst case; how many that were."""
        done = 0
        while done < len(places):
            count = self._admitted(graphs, places[done:], share)
            if count == 0:
                break
            for place in places[done : done + count]:
                for graph in graphs:
                    self._ask(graph, place)
            done += count
        return done

    def _admitted(
        self, graphs: "Sequence[CollaborationGraph]", places: Sequence[int], share: float
    ) -> int:
        left = self._left(share)
        for count, place in enumerate(places):
            for graph in graphs:
                if graph.key not in self._ran[place]:
                    for currency, worst in self._calls.worst(graph).items():
                        if currency in left:
                            left[currency] -= worst
            if any(rest < 0 for rest in left.values()):
                return count
        return len(places)

    def _ask(self, graph: "CollaborationGraph", place: int) -> None:
        if graph.key not in self._ran[place]:
            self._ran[place].add(graph.key)
            self.bills["search"].add(self._open(graph, place), self._known[place])

    def _draw(self, count: int) -> "list[CollaborationGraph]":
        """What the searcher begins with, then graphs not drawn before, if easily found."""
        graphs = self._new(self._opening[:count])
        self._opening = self._opening[count:]
        for _ in range(_TRIES):
            if len(graphs) == count:
                break
            traces = self._distribution.sample_many(self._rng, count - len(graphs))
            graphs += self._new([trace.graph for trace in traces])
        return graphs

    def _new(self, graphs: "Sequence[CollaborationGraph]") -> "list[CollaborationGraph]":
        found = []
        for graph in graphs:
            if graph.key not in self.seen:
                self.seen[graph.key] = graph
                self.costs.append(self._parts.space.cost.graph(graph))
                found.append(graph)
        return found

    def _incumbents(self) -> "list[CollaborationGraph]":
        return list(self.seen.values())[: self._parts.settings.incumbents] if self.rounds else []

    # -- selection and test --------------------------------------------------------------------

    def _select(self) -> "list[CollaborationGraph]":
        parts, settings = self._parts, self._parts.settings
        cost = parts.space.cost.graph
        ranked = sorted(self.seen.values(), key=cost)
        end = max(settings.finalists, round(self._course.finalists * len(ranked)))
        finalists = ranked[max(0, end - settings.finalists) : end][::-1]
        plain = [graph for graph in ranked if is_plain(graph) and graph not in finalists]
        meeting = finalists + plain[-_PLAIN_FINALISTS:]
        kept = 0.0 if parts.evaluation_budget else (1 - SELECTION_SHARE) * settings.reserve
        items = min(settings.selection_items, len(parts.task.splits["selection"]))
        while items:
            self.bills["selection"] = self._race(meeting, items)
            if self._room(1 - kept, meeting):
                break
            items = int(items * _SHRINK)
        if not items:
            self.bills["selection"] = Bill()
        return finalists

    def _test(self, finalists: "Sequence[CollaborationGraph]") -> None:
        parts = self._parts
        used = parts.space.cost.graph(finalists[0])
        prices = {model: parts.space.cost.gamma(model) for model in affordable(parts)}
        plan = baselines(parts, Prices(prices, claims=False), used=used)
        staying = [finalists[0], *(a.graph for a in plan if a.kind == "single")]
        # Crowds of the smallest models mostly lose first.
        others = sorted((a.graph for a in plan), key=len)
        graphs = list({graph.key: graph for graph in [*staying, *others]}.values())
        before = self._measuring(plan)
        self.test_items = min(parts.settings.test_items, len(parts.task.splits["test"]))
        while self.test_items:
            race = self._race(graphs, self.test_items, staying=len(staying))
            self.bills["test"] = before.plus(race)
            if self._covers_test(graphs):
                break
            self.test_items = int(self.test_items * _SHRINK)

    def _measuring(self, plan: "Sequence[Baseline]") -> Bill:
        """What single calls and fusers really use, measured on selection questions."""
        from graphsearch.graph import CollaborationGraph

        parts = self._parts
        there = min(parts.settings.selection_items, len(parts.task.splits["selection"]))
        pairs = [CollaborationGraph.combine("vote", [m, m]) for m in affordable(parts)]
        fusers = [a.graph for a in plan if a.kind == "fuser"]
        bill = Bill()
        for graphs, items in ((pairs, min(PROBED, there)), (fusers, min(FITTED, there))):
            one = Bill()
            for place, known in self._met.items():
                for graph in graphs:
                    one.add(self._open(graph, place), known)
            bill = bill.plus(one.times(items / max(len(self._met), 1)))
        return bill if parts.settings.baselines else Bill()

    def _race(
        self, graphs: "Sequence[CollaborationGraph]", items: int, *, staying: int = 1
    ) -> Bill:
        """Blocks of the selection or the test; the first graphs stay, of the rest a share does.

        The same calls for every question, so one is played and multiplied, or a few where gates
        open on some only.
        """
        size = self._parts.settings.test_block
        running, bill = list(graphs), Bill()
        for start in range(0, items, size):
            played, met = self._played(running)
            bill = bill.plus(played.times(min(size, items - start) / len(met)))
            if start == 0:
                self._met = met
            others = round(self._course.kept * (len(running) - staying))
            running = running[: staying + max(others, 0)]
        return bill

    def _played(self, graphs: "Sequence[CollaborationGraph]") -> tuple[Bill, dict[int, set[int]]]:
        """Graphs on a few fresh questions, and the calls made for each of these."""
        gated = any(use.gate is not None for graph in graphs for use in self._calls.of(graph))
        first = len(self._known)
        met: dict[int, set[int]] = {first + i: set() for i in range(_SAMPLED if gated else 1)}
        bill = Bill()
        for place, known in met.items():
            for graph in graphs:
                bill.add(self._open(graph, place), known)
        return bill, met

    # -- what is made, and what that leaves ----------------------------------------------------

    def _open(self, graph: "CollaborationGraph", place: int) -> list[Use]:
        """The calls of a graph on a question: all but those of gates that stay shut on it."""
        uses = self._calls.of(graph)
        if all(use.gate is None for use in uses):
            return uses
        return [
            use
            for index, use in enumerate(uses)
            if use.gate is None or self._opened(graph.key, index, use.gate)[place]
        ]

    def _opened(self, key: str, index: int, share: float) -> list[bool]:
        """On which questions a gate opens: partly the hard ones, on which others open as well."""
        found = self._opens.get((key, index))
        if found is None:
            luck, course = self._luck.random, self._course
            found = [
                (hard if luck() < course.overlap else luck()) < share * course.opened
                for hard in self._hard
            ]
            self._opens[key, index] = found
        return found

    def _left(self, share: float) -> "dict[Currency, float]":
        """What a share of the search budget leaves after all that was played so far."""
        made = self.total().made
        return {
            amount.currency: share * float(amount) - self._calls.cost(made, amount.currency)
            for amount in self._parts.search_budget
        }

    def _room(
        self, share: float, graphs: "Sequence[CollaborationGraph]", *, times: int = 1
    ) -> bool:
        """Whether the worst case of graphs on a question, or on several, is covered."""
        return self._covers(self._left(share), graphs, times)

    def _covers(
        self,
        left: "Mapping[Currency, float]",
        graphs: "Sequence[CollaborationGraph]",
        times: int = 1,
    ) -> bool:
        return all(
            times * sum(self._calls.worst(graph)[currency] for graph in graphs) <= rest
            for currency, rest in left.items()
        )

    def _covers_test(self, graphs: "Sequence[CollaborationGraph]") -> bool:
        apart = self._parts.evaluation_budget
        if not apart:
            return self._room(1.0, graphs)
        made = self.bills["test"].made
        left = {a.currency: float(a) - self._calls.cost(made, a.currency) for a in apart}
        return self._covers(left, graphs)
