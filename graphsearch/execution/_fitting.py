"""Working out the fitted parts of a graph: thresholds of gates, weights of votes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from graphsearch.execution._item_run import ItemRun, parent_messages, ungraded
from graphsearch.execution._plan import Plan, Step
from graphsearch.execution.records import FitRun, NodeRun, culprit_of
from graphsearch.records.errors import BudgetReached, EngineError, TaskError
from graphsearch.records.fits import Fit
from graphsearch.records.roles import CalibrationExample, FittedRole
from graphsearch.records.tasks import Grader, Item, Verdict
from graphsearch.records.trials import Failure, ItemResult

__all__ = ["Parameters", "fit_plan"]

Parameters = Mapping[int, Mapping[str, Any]]
"""By node."""

Learnt = tuple[CalibrationExample | ItemResult, int]
"""What one question taught, or why it taught nothing, and the calls it took."""


async def fit_plan(
    plan: Plan,
    items: Sequence[Item],
    *,
    grader: Grader,
    each: Callable[[Sequence[Item], Callable[[Item], Awaitable[Learnt]]], Awaitable[list[Learnt]]],
    item_run: Callable[[Item, Parameters], ItemRun],
    verdict: Callable[[Item, NodeRun], Awaitable[Verdict]],
) -> FitRun:
    """Fit the parts of a graph one after the other, each with those below it already fitted.

    Args:
        plan: of the graph.
        items: calibration questions.
        grader: reads answers.
        each: does work for each item, as many at a time as the executor lets in.
        item_run: makes a run on an item, with what is fitted so far.
        verdict: the verdict on a node's message.

    Raises:
        TaskError: a role's `fit` failed.
    """
    nodes: dict[int, Mapping[str, Any]] = {}
    failed: dict[str, ItemResult] = {}
    least, calls = len(items), 0
    for index in plan.fitted:
        step = plan.steps[index]
        role = step.role
        assert isinstance(role, FittedRole)

        async def learn(item: Item, step: Step = step) -> Learnt:
            return await _learn(step, item, item_run(item, nodes), grader, verdict)

        examples: list[CalibrationExample] = []
        for item, (lesson, used) in zip(items, await each(items, learn), strict=True):
            calls += used
            if isinstance(lesson, ItemResult):
                failed.setdefault(item.id, lesson)
            else:
                examples.append(lesson)
        if not examples:
            return FitRun(None, tuple(failed.values()))
        try:
            nodes[index] = role.fit(examples, grader)
        except Exception as error:
            raise TaskError(
                f"role {role.name!r} with grader {grader.name!r} could not be fitted on "
                f"{len(examples)} questions: {error!r}"
            ) from error
        least = min(least, len(examples))
    return FitRun(Fit(least, calls, nodes), tuple(failed.values()))


async def _learn(
    step: Step,
    item: Item,
    run: ItemRun,
    grader: Grader,
    verdict: Callable[[Item, NodeRun], Awaitable[Verdict]],
) -> Learnt:
    """Run what is below a node on an item; each parent of a node stands before it in a plan."""
    assert isinstance(step.role, FittedRole)
    lower = await run.lower(step.index)
    calls = sum(node.usage.calls for node in lower)
    parents = [lower[parent] for parent in step.parents]
    if not all(node.outcome.is_graded for node in parents):
        culprit = culprit_of(lower)
        assert culprit is not None
        outcome = culprit.outcome
        failure = None if culprit.error is None else Failure(culprit.model, culprit.error)
        return ItemResult(item.id, None, outcome, group=item.group, failure=failure), calls
    judged = parents if step.role.fits_worth else []
    try:
        verdicts = [await verdict(item, node) for node in judged]
    except (EngineError, BudgetReached) as error:
        found = ungraded(grader, error)
        failure = Failure(None, found.why, found.lasts)
        return ItemResult(item.id, None, found.outcome, group=item.group, failure=failure), calls
    worth = [one.score for one in verdicts]
    return CalibrationExample(item, parent_messages(parents), worth), calls
