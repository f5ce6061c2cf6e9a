"""Working out the fitted parts of a graph: thresholds of gates, weights of votes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from graphsearch.calls import Outcome
from graphsearch.errors import BudgetReached, EngineError, GraphError
from graphsearch.execution._plan import Plan, Step
from graphsearch.execution._walk import Walk, heard
from graphsearch.fits import Fit
from graphsearch.roles import FittedRole, Lesson
from graphsearch.tasks import Grader, Item, Verdict

__all__ = ["Fits", "Parameters"]

Parameters = Mapping[int, Mapping[str, Any]]
"""By node."""

_NONE: Parameters = {}


class Taught(NamedTuple):
    """What one item taught, None where a parent failed, and the calls it took."""

    lesson: Lesson | None
    calls: int


Each = Callable[[Sequence[Item], Callable[[Item], Awaitable[Taught]]], Awaitable[list[Taught]]]
"""Does work for each item, as many at a time as an executor lets in."""


class Fits:
    """The fits that an executor uses, by graph.

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
                f"(nodes {', '.join(map(str, plan.fitted))}); call fit or set_fit before run"
            )
        return fit.nodes

    async def work_out(
        self,
        plan: Plan,
        items: Sequence[Item],
        *,
        walk: Callable[[Item, Parameters], Walk],
        verdict: Callable[[Item, str, Outcome], Awaitable[Verdict]],
    ) -> Fit | None:
        """See `Executor.fit`.

        Args:
            plan: of the graph.
            items: calibration questions.
            walk: makes a walk with what is fitted so far.
            verdict: judges an answer.
        """
        nodes: dict[int, Mapping[str, Any]] = {}
        least, calls = len(items), 0
        for index in plan.fitted:
            step = plan.steps[index]

            async def learn(item: Item, step: Step = step) -> Taught:
                return await _teach(step, item, walk(item, nodes), verdict)

            taught = await self._each(items, learn)
            lessons = [one.lesson for one in taught if one.lesson is not None]
            if not lessons:
                return None
            assert isinstance(step.role, FittedRole)
            nodes[index] = step.role.fit(lessons, self._grader)
            least = min(least, len(lessons))
            calls += sum(one.calls for one in taught)
        self.known[plan.graph.key] = Fit(least, calls, nodes)
        return self.known[plan.graph.key]


async def _teach(
    step: Step,
    item: Item,
    walk: Walk,
    verdict: Callable[[Item, str, Outcome], Awaitable[Verdict]],
) -> Taught:
    """Run what is below a node on an item. Every parent of a node stands before it in the plan."""
    assert isinstance(step.role, FittedRole)
    lower = await walk.lower(step.index)
    calls = sum(run.usage.calls for run in lower)
    runs = [lower[parent] for parent in step.parents]
    if not all(run.outcome.is_graded for run in runs):
        return Taught(None, calls)
    judged = runs if step.role.fits_worth else []
    try:
        verdicts = [await verdict(item, run.message, run.outcome) for run in judged]
    except (EngineError, BudgetReached):
        return Taught(None, calls)
    return Taught(Lesson(item, heard(runs), [one.score for one in verdicts]), calls)
