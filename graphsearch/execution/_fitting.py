"""Working out the fitted parts of a graph: thresholds of gates, weights of votes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from graphsearch.execution._plan import Plan, Step
from graphsearch.execution._walk import Walk, heard, ungraded
from graphsearch.execution.records import FitRun, NodeRun, culprit_of
from graphsearch.records.calls import Outcome
from graphsearch.records.errors import BudgetReached, EngineError, GraphError, TaskError
from graphsearch.records.fits import Fit
from graphsearch.records.roles import CalibrationExample, FittedRole
from graphsearch.records.tasks import Grader, Item, Verdict
from graphsearch.records.trials import Failure, ItemResult

__all__ = ["Fitter", "Parameters"]

Parameters = Mapping[int, Mapping[str, Any]]
"""By node."""

_NONE: Parameters = {}


class Taught(NamedTuple):
    """What one item taught, or why it taught nothing, and the calls it took."""

    lesson: CalibrationExample | ItemResult
    calls: int


Each = Callable[[Sequence[Item], Callable[[Item], Awaitable[Taught]]], Awaitable[list[Taught]]]
"""Does work for each item, as many at a time as an executor lets in."""


Judge = Callable[[Item, NodeRun], Awaitable[Verdict]]
"""Judges a node's message."""


class Fitter:
    """Works out the fitted parts of graphs, and knows those that an executor uses, by graph.

    Args:
        grader: reads answers.
        each: does work for each item.
    """

    def __init__(self, grader: Grader, each: Each) -> None:
        self._grader = grader
        self._each = each
        self.known: dict[str, Fit] = {}

    def of(self, plan: Plan) -> Parameters:
        """The parameters of a plan's fitted nodes.

        Raises:
            GraphError: it has some that were not fitted.
        """
        if not plan.fitted:
            return _NONE
        fit = self.known.get(plan.graph.key)
        if fit is None or set(fit.nodes) != set(plan.fitted):
            raise GraphError(
                f"{plan.graph.describe()} has parts that are fitted on calibration questions "
                f"(nodes {', '.join(map(str, plan.fitted))}); call fit and set_fit before run"
            )
        return fit.nodes

    async def work_out(
        self,
        plan: Plan,
        items: Sequence[Item],
        *,
        walk: Callable[[Item, Parameters], Walk],
        verdict: Judge,
    ) -> FitRun:
        """See `Executor.fit`.

        Args:
            plan: of the graph.
            items: calibration questions.
            walk: makes a walk with what is fitted so far.
            verdict: judges an answer.
        """
        nodes: dict[int, Mapping[str, Any]] = {}
        failed: dict[str, ItemResult] = {}
        least, calls = len(items), 0
        for index in plan.fitted:
            step = plan.steps[index]
            assert isinstance(step.role, FittedRole)

            async def learn(item: Item, step: Step = step) -> Taught:
                return await self._teach(step, item, walk(item, nodes), verdict)

            taught = await self._each(items, learn)
            lessons = [one.lesson for one in taught if isinstance(one.lesson, CalibrationExample)]
            for item, one in zip(items, taught, strict=True):
                if isinstance(one.lesson, ItemResult):
                    failed.setdefault(item.id, one.lesson)
            if not lessons:
                return FitRun(None, tuple(failed.values()))
            nodes[index] = self._parameters(step.role, lessons)
            least = min(least, len(lessons))
            calls += sum(one.calls for one in taught)
        return FitRun(Fit(least, calls, nodes), tuple(failed.values()))

    def _parameters(
        self, role: FittedRole, lessons: Sequence[CalibrationExample]
    ) -> Mapping[str, Any]:
        try:
            return role.fit(lessons, self._grader)
        except Exception as error:
            raise TaskError(
                f"role {role.name!r} with grader {self._grader.name!r} could not be fitted on "
                f"{len(lessons)} questions: {error!r}"
            ) from error

    async def _teach(self, step: Step, item: Item, walk: Walk, verdict: Judge) -> Taught:
        """Run what is below a node on an item; each parent of a node stands before it in a plan."""
        assert isinstance(step.role, FittedRole)
        lower = await walk.lower(step.index)
        calls = sum(run.usage.calls for run in lower)
        runs = [lower[parent] for parent in step.parents]
        if not all(run.outcome.is_graded for run in runs):
            culprit = culprit_of(lower)
            assert culprit is not None
            why = None if culprit.error is None else Failure(culprit.model, culprit.error)
            return Taught(_lost(item, culprit.outcome, why), calls)
        judged = runs if step.role.fits_worth else []
        try:
            verdicts = [await verdict(item, run) for run in judged]
        except (EngineError, BudgetReached) as error:
            found = ungraded(self._grader, error)
            failure = Failure(None, found.why, found.lasts)
            return Taught(_lost(item, found.outcome, failure), calls)
        return Taught(CalibrationExample(item, heard(runs), [one.score for one in verdicts]), calls)


def _lost(item: Item, outcome: Outcome, failure: Failure | None) -> ItemResult:
    return ItemResult(item.id, None, outcome, group=item.group, failure=failure)
