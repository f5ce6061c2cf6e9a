"""Baselines: what a user could do without a search, at the winner's used cost."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from graphsearch.graph import CollaborationGraph
from graphsearch.records.calls import Outcome
from graphsearch.records.errors import BudgetReached, EngineError
from graphsearch.records.tasks import AskingGrader
from graphsearch.records.trials import ItemResult
from graphsearch.spec.models import BaselineKind
from graphsearch.study.asjson import AsJson

if TYPE_CHECKING:
    from graphsearch.execution import Executor, GraphRun
    from graphsearch.records.tasks import Item
    from graphsearch.study.experiment import Experiment
    from graphsearch.study.run import Run

__all__ = [
    "FITTED",
    "PROBED",
    "Baseline",
    "Prices",
    "affordable",
    "baselines",
    "derive",
    "is_plain",
    "plan_baselines",
]

PROBED = 50
"""Selection items on which the price of a single call is measured."""

FITTED = 20
"""Selection items on which a fuser's cost is measured."""

_ROUNDING = 1 + 1e-9
_TOLERANCE = 1.02
"""Measured means of few items wobble; 2 % more than the winner is still equal cost."""


@dataclass(frozen=True, slots=True)
class Baseline(AsJson):
    """One baseline, ready to run.

    Attributes:
        name: for tables.
        kind: as in `Row`.
        model: that answers (or fuses).
        copies: answers drawn.
        graph: that is run; rows of kind `sampled` and `best_of_n` read the draws of a vote.
        oracle: True when the grader chooses the answer.
    """

    name: str
    kind: BaselineKind
    model: str
    copies: int
    graph: CollaborationGraph
    oracle: bool = False

    @property
    def family(self) -> str:
        """Rows of one family read the same draws, so all of them cost what one costs."""
        if self.kind in {"single", "fuser"}:
            return self.name
        return f"{self.copies_drawn}x {self.model}"

    @property
    def copies_drawn(self) -> int:
        """Answers drawn by its graph: one parent each."""
        return self.graph.in_degree(self.graph.sink)

    @property
    def is_derived(self) -> bool:
        """True when the row is read from the draws of its graph instead of its answer."""
        return self.kind in {"sampled", "best_of_n"}

    @property
    def planned_graph(self) -> "CollaborationGraph":
        """The graph whose expected cost the row has: one call for `sampled`."""
        return CollaborationGraph.single(self.model) if self.kind == "sampled" else self.graph

    def with_fewer(self) -> "Baseline | None":
        """A fuser that reads one answer less; None where fewer than two would be left."""
        copies = self.copies - 1
        source = self.graph.nodes[self.graph.parents(self.graph.sink)[0]].model
        return None if copies < 2 or source is None else _fuser(source, copies, self.model)


@dataclass(frozen=True, slots=True)
class Prices:
    """Used cost of one call by model, measured on selection items.

    Attributes:
        sampled: mean used cost of one sampled call, in the graph budget's currency.
        claims: True when sampled replies say by themselves whether they succeeded.
    """

    sampled: Mapping[str, float]
    claims: bool


async def plan_baselines(
    run: "Run",
    experiment: "Experiment",
    items: "Sequence[Item]",
    *,
    results: Sequence[ItemResult],
    planned: float,
) -> list[Baseline]:
    """The baselines, sized by what the winner and single calls use on selection items.

    The winner's used cost is taken on the very items that a baseline's is measured on, because a
    question's length moves the cost of both alike.

    Args:
        run: measures on a few items.
        experiment: names models, roles and the kinds wanted.
        items: selection items.
        results: the winner on them, as far as the budget covered it.
        planned: the winner's expected cost, which stands in for its used cost where it has none.
    """
    if not experiment.settings.baselines:
        return []

    def used(most: int) -> float:
        found = experiment.evidence(results[:most], planned=planned).used
        return planned if found is None else found

    # Where the budget had the winner meet few items, measuring the others takes few as well.
    few = items[: len(results) or FITTED]
    prices = await _measure_prices(run, experiment, few)
    fitted = []
    for baseline in baselines(experiment, prices, used=used(PROBED)):
        found: Baseline | None = baseline
        while found is not None and found.kind == "fuser":
            # How long a fuser writes is not known before it has read: it loses an answer until
            # what it really uses fits, and is left out where two answers are too many.
            block = await run.block(
                f"fit/{found.name}",
                [found.graph],
                few[:FITTED],
                stream="selection",
                account="baseline",
            )
            cost = experiment.evidence(block.results[0], planned=0.0).used
            if cost is None or cost <= used(FITTED) * _TOLERANCE:
                break
            found = found.with_fewer()
        if found is not None:
            fitted.append(found)
    return fitted


async def _measure_prices(run: "Run", experiment: "Experiment", items: "Sequence[Item]") -> Prices:
    """What one sampled call of each model really uses; costs two calls a model and item."""
    models = affordable(experiment)
    graphs = [CollaborationGraph.combine("vote", [model, model]) for model in models]
    found = await run.block(
        "prices", graphs, items[:PROBED], stream="selection", account="baseline"
    )
    by_id = {item.id: item for item in items}
    claims = any(
        experiment.task.grader.claims(by_id[item], text) is not None
        for (_, item), one in found.transcripts.items()
        for text in one.texts[:-1]
    )
    costs = [experiment.evidence(results, planned=0.0).used for results in found.results]
    pairs = zip(models, costs, strict=True)
    return Prices({model: cost / 2 for model, cost in pairs if cost is not None}, claims)


def baselines(experiment: "Experiment", prices: Prices, *, used: float) -> list[Baseline]:
    """All baselines at a used cost.

    Args:
        experiment: names the models, the kinds wanted and the roles there are.
        prices: used cost of one call by model.
        used: the winner's used cost of one question, on the items the prices were measured on.
    """
    wanted = set(experiment.settings.baselines)
    rows = [
        Baseline(f"1x {model} (greedy)", "single", model, 1, CollaborationGraph.single(model))
        for model in affordable(experiment)
    ]
    for model, price in prices.sampled.items():
        copies = min(experiment.settings.most_copies, int(used * _TOLERANCE / price))
        if copies < 2:
            continue
        vote = CollaborationGraph.combine("vote", [model] * copies)
        rows += [
            Baseline(f"1x {model} (sampled)", "sampled", model, 1, vote),
            Baseline(f"{copies}x {model} -> vote", "self_consistency", model, copies, vote),
            Baseline(f"best of {copies}x {model}", "best_of_n", model, copies, vote, oracle=True),
        ]
        if prices.claims and "select" in experiment.roles:
            select = CollaborationGraph.combine("select", [model] * copies)
            rows.append(Baseline(f"{copies}x {model} -> select", "select", model, copies, select))
    rows += _fusers(experiment, prices, used)
    if isinstance(experiment.task.grader, AskingGrader):
        # An oracle knows; a model that judges only thinks, and would be asked about every draw.
        wanted.discard("best_of_n")
    return [row for row in rows if row.kind in wanted]


def is_plain(graph: "CollaborationGraph") -> bool:
    """True for a graph such as baselines have: one call, or copies of one combined or fused."""
    sink = graph.nodes[graph.sink]
    others = [i for i in range(len(graph)) if i != graph.sink]
    if not others:
        return True
    copies = len(others) > 1 and len({graph.nodes[i] for i in others}) == 1
    flat = not any(graph.in_degree(i) for i in others)
    return copies and flat and (sink.model is None or sink.role == "fuser")


async def derive(
    executor: "Executor",
    baseline: Baseline,
    items: "Sequence[Item]",
    results: Sequence[ItemResult],
    runs: "Sequence[GraphRun | None]",
) -> list[ItemResult]:
    """Results of a row that is read from the draws of a vote.

    `sampled` is the first draw, `best_of_n` the one that the grader likes best. Items that were not
    evaluated stay so, and those of which a draw cannot be judged become so.
    """
    is_one = baseline.kind == "sampled"

    async def read(item: "Item", result: ItemResult, run: "GraphRun | None") -> ItemResult:
        if result.score is None or run is None:
            return result
        draws = []
        for node in run.nodes[:1] if is_one else run.nodes[:-1]:
            try:
                draws.append(
                    await executor.verdict(item, node.message, node.outcome, account="baseline")
                )
            except (EngineError, BudgetReached) as error:
                ended = error.outcome if isinstance(error, EngineError) else Outcome.BUDGET_STOPPED
                return replace(result, score=None, outcome=ended, answer=None)
        best = max(draws, key=lambda v: (v.score, v.outcome is Outcome.ANSWERED))
        judged = replace(result, score=best.score, outcome=best.outcome, answer=best.parsed)
        if not is_one:
            return judged
        first = run.nodes[0]
        cost = {} if first.spend is None else first.spend.floats()
        return replace(judged, usage={first.model or "": first.usage}, cost=cost)

    return await asyncio.gather(*(read(*one) for one in zip(items, results, runs, strict=True)))


def affordable(experiment: "Experiment") -> list[str]:
    """Models whose single call fits the graph budget, cheapest first."""
    space = experiment.space
    allowed = float(space.budget) * _ROUNDING
    models = [model for model in space.models if space.cost.gamma(model) <= allowed]
    return sorted(models, key=lambda model: (space.cost.gamma(model), model))


def _fusers(experiment: "Experiment", prices: Prices, used: float) -> list[Baseline]:
    """Every fuser with the most answers it can read within `used`: its own, or the cheapest.

    The fuser's own call is priced by the cost model, scaled by how much of its expected cost a
    single call of that model really uses.
    """
    if "fuser" not in experiment.roles or not prices.sampled:
        return []
    cost = experiment.space.cost
    limit = experiment.roles["fuser"].max_parents
    most = min(experiment.settings.most_copies, limit if limit is not None else math.inf)
    cheapest = next(iter(prices.sampled))
    rows = []
    for fuser, price in prices.sampled.items():
        scale = price / cost.gamma(fuser)
        for source in dict.fromkeys((fuser, cheapest)):
            copies = 0
            while copies < most:
                more = copies + 1
                own = scale * cost.node(fuser, more)
                if more * prices.sampled[source] + own > used * _TOLERANCE:
                    break
                copies = more
            if copies >= 2:
                rows.append(_fuser(source, copies, fuser))
    return rows


def _fuser(source: str, copies: int, model: str) -> Baseline:
    graph = CollaborationGraph.fan_in([source] * copies, "fuser", model)
    return Baseline(f"{copies}x {source} -> fuser {model}", "fuser", model, copies, graph)
