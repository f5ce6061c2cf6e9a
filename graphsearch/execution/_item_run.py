"""One graph on one item: nodes run as soon as what they read is there."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from graphsearch.cost import CURRENCIES, Amount
from graphsearch.execution._cap import QuestionCap
from graphsearch.execution._dispatcher import Dispatcher
from graphsearch.execution._grading import Grading, grade_answer
from graphsearch.execution._plan import Plan, Prompts, Step
from graphsearch.execution._single_flight import SingleFlight
from graphsearch.execution.pricing import Pricer
from graphsearch.execution.records import GraphRun, NodeRun, culprit_of
from graphsearch.ledger import NOTHING, Spend
from graphsearch.records.calls import Outcome, Usage
from graphsearch.records.errors import BudgetReached, EngineError, TaskError
from graphsearch.records.roles import NOT_FITTED, ParentMessage
from graphsearch.records.tasks import Grader, Item, Verdict

__all__ = ["ItemRun", "parent_messages", "ungraded"]

_SECONDS = CURRENCIES.index("seconds")


class ItemRun:
    """Runs a plan on an item, once: `run` for all of it, `lower` for its first nodes.

    Every node is a task that waits for its parents. When a node fails for a reason of the
    infrastructure its descendants are skipped and all others go on: what they bring is kept in
    the journal, and which node counts as the first to fail does not depend on timing.

    Args:
        plan: the graph, ready to run.
        item: the question.
        fitted: parameters of fitted nodes.
        flights: answers calls.
        dispatcher: knows what a call can cost at most.
        pricer: prices calls.
        prompts: writes prompts.
        grader: helps combining roles to read answers, and judges the sink's.
        grading: where the grader is called; None for one that is called on the spot.
        account: where calls that must be made are booked.
        cap: most that the item may really use.
    """

    def __init__(
        self,
        plan: Plan,
        item: Item,
        fitted: Mapping[int, Mapping[str, Any]],
        *,
        flights: SingleFlight,
        dispatcher: Dispatcher,
        pricer: Pricer,
        prompts: Prompts,
        grader: Grader,
        grading: Grading | None,
        account: str,
        cap: Amount | None,
    ) -> None:
        self._plan = plan
        self._item = item
        self._fitted = fitted
        self._flights = flights
        self._dispatcher = dispatcher
        self._pricer = pricer
        self._prompts = prompts
        self._grader = grader
        self._grading = grading
        self._account = account
        count = len(plan.steps)
        create_future = asyncio.get_running_loop().create_future
        self._written: list[asyncio.Future[str | None]] = [create_future() for _ in range(count)]
        """By node: what it asks its model, None when it never will."""
        self._cap = QuestionCap(cap, count) if cap is not None else None
        self._tasks: list[asyncio.Task[NodeRun]] = []

    async def run(self, limit_s: float | None = None) -> GraphRun:
        """The run of the whole graph, graded when every node brought a message.

        Args:
            limit_s: seconds after which it is given up, as a timeout; None for no limit. Grading
                is not the graph's time, so it does not count.
        """
        steps = self._plan.steps
        try:
            async with asyncio.timeout(limit_s) as clock:
                # The sink ends last unless something failed, so it needs no task of its own.
                nodes = await self._run_nodes(steps[:-1], steps[-1])
        except TimeoutError:
            if not clock.expired():  # somebody else's
                raise
            nodes = self._timed_out(f"the question took longer than {limit_s:g} s")
        culprit = culprit_of(nodes)
        if culprit is not None:
            return self._ended(nodes, culprit.outcome, None, text="", error=culprit.error)
        sink = nodes[-1]
        grader, item = self._grader, self._item
        try:
            if self._grading is None:
                verdict = grade_answer(grader, item, sink.message, sink.outcome)
            else:
                verdict = await self._grading.verdict(
                    grader, item, sink.message, sink.outcome, account=self._account
                )
        except (EngineError, BudgetReached) as error:
            outcome, why, lasts = ungraded(grader, error)
            return self._ended(nodes, outcome, None, text=sink.message, error=why, lasts=lasts)
        return self._ended(nodes, verdict.outcome, verdict, text=sink.message)

    async def lower(self, count: int) -> tuple[NodeRun, ...]:
        """The runs of the first nodes alone: what is below a node whose parts are to be fitted."""
        return await self._run_nodes(self._plan.steps[:count], None)

    async def _run_nodes(self, steps: Sequence[Step], last: Step | None) -> tuple[NodeRun, ...]:
        """Run steps in tasks, and the last one here; an error of ours ends all of them.

        A task group would do the same for 20 % more CPU a call where five nodes make a graph
        (0.110 ms against 0.091, `benchmarks executor`): it has callbacks for every task.
        """
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._node(step)) for step in steps]
        try:
            ends = () if last is None else (await self._node(last),)
            for task in self._tasks:
                if not task.done():
                    await task
        except BaseException:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            raise
        return (*(task.result() for task in self._tasks), *ends)

    def _timed_out(self, why: str) -> tuple[NodeRun, ...]:
        """The nodes when the time is over: those that are done, and the others as timeouts."""
        nodes: list[NodeRun] = []
        for step in self._plan.steps:
            task = self._tasks[step.index] if step.index < len(self._tasks) else None
            if task is not None and task.done() and not task.cancelled():
                nodes.append(task.result())
            else:
                nodes.append(_without_message(step, Outcome.TIMEOUT, why))
        return tuple(nodes)

    # -- nodes ---------------------------------------------------------------------------------

    async def _node(self, step: Step) -> NodeRun:
        try:
            return await self._work(step)
        except BaseException:
            self._fail(step, Outcome.CANCELLED, None)
            raise

    async def _work(self, step: Step) -> NodeRun:
        """One node, from its parents' messages to its own."""
        parents: list[NodeRun] = []
        for parent in step.parents:
            run = await self._tasks[parent]
            if not run.outcome.is_graded:
                return self._fail(step, Outcome.CANCELLED, None)
            parents.append(run)
        # A combining role and a gate may show a parent's message in place of one of their own.
        if step.speaker is None or step.gate is not None:
            shown = self._shown(step, parents)
            if shown is not None:
                return shown
        assert step.speaker is not None
        texts = [run.message for run in parents] if step.reads else ()
        prompt = self._prompts.write(step, self._item, texts)
        self._written[step.index].set_result(prompt.body)
        # Its draw: as many lower nodes as make the same call (promise 7).
        sample = 0
        for rival in step.rivals:
            other = await self._written[rival]
            if other is None:
                return self._fail(step, Outcome.CANCELLED, None)
            sample += other == prompt.body
        order = step.order(self._item.id, prompt, sample=sample, account=self._account)
        try:
            if self._cap is not None:
                call = order.call
                worst = self._dispatcher.worst_of(
                    call.model, call.messages, call.sampling.max_tokens
                )
                admitted = await self._cap.admit(step.index, worst, step.parents)
                self._cap.decide(step.index, admitted=admitted)
                if not admitted:
                    why = "the question's cap is reached"
                    return self._fail(step, Outcome.BUDGET_STOPPED, why)
            reply, made = await self._flights.fetch(order)
        except EngineError as error:
            return self._fail(step, error.outcome, str(error))
        except BudgetReached as error:
            return self._fail(step, Outcome.BUDGET_STOPPED, str(error))
        spend = self._pricer.spend(step.model, reply.usage)
        self._settle(step, spend)
        score = reply.detail.get("score")
        return NodeRun(
            step.index,
            step.role.name,
            step.model,
            reply.outcome,
            step.speaker.message(reply.text),
            sample,
            reply.usage,
            spend,
            score=float(score) if isinstance(score, int | float) else None,
            made=made,
        )

    def _shown(self, step: Step, parents: list[NodeRun]) -> NodeRun | None:
        """The run of a node that shows a parent's message; None when a gate's model is to speak.

        It has that parent's outcome. So a message that was cut off or refused stays that, however
        many nodes pass it on: graded wrong, and counted apart.
        """
        fitted = self._fitted.get(step.index, NOT_FITTED)
        try:
            told = parent_messages(parents)
            if step.gate is not None:
                chosen = step.gate.passes(self._item, told, self._grader, fitted)
                if chosen is None:
                    return None
            else:
                assert step.combiner is not None
                chosen = step.combiner.choose(self._item, told, self._grader, fitted)
            parent = parents[0 if chosen is None else chosen]
        except Exception as error:
            raise TaskError(
                f"role {step.role.name!r} with grader {self._grader.name!r} on item "
                f"{self._item.id!r} failed: {error!r}"
            ) from error
        # No prompt is written, so it equals nobody's.
        self._written[step.index].set_result("")
        self._settle(step, NOTHING)
        return NodeRun(
            step.index,
            step.role.name,
            step.model or None,
            parent.outcome,
            parent.message,
            spend=NOTHING,
            score=parent.score,
            passed=parent.node,
        )

    def _fail(self, step: Step, outcome: Outcome, error: str | None) -> NodeRun:
        """End a node without a message, so that nobody waits for it."""
        if not self._written[step.index].done():
            self._written[step.index].set_result(None)
        if self._cap is not None:
            self._cap.decide(step.index, admitted=False)
        self._settle(step, NOTHING)
        return _without_message(step, outcome, error)

    def _settle(self, step: Step, spend: Spend) -> None:
        if self._cap is not None:
            self._cap.decide(step.index, admitted=True)
            self._cap.finish(step.index, spend, step.parents)

    # -- the whole -----------------------------------------------------------------------------

    def _ended(
        self,
        nodes: tuple[NodeRun, ...],
        outcome: Outcome,
        verdict: Verdict | None,
        *,
        text: str,
        error: str | None = None,
        lasts: bool = False,
    ) -> GraphRun:
        """The record of the run, with its usage and its full price."""
        usage: dict[str, Usage] = {}
        for node in nodes:
            if node.model is not None and node.usage.calls:
                usage[node.model] = usage.get(node.model, Usage()) + node.usage
        spends = [node.spend for node in nodes if node.spend is not None]
        price = spends[0] if len(spends) == 1 else Spend.total(spends)
        if len(spends) > 1 and price.quanta[_SECONDS] is not None:
            # Nodes work side by side: seconds are those of the longest path.
            ends: list[int] = []
            for step, spend in zip(self._plan.steps, spends, strict=True):
                start = max((ends[parent] for parent in step.parents), default=0)
                ends.append(start + (spend.quanta[_SECONDS] or 0))
            quanta = list(price.quanta)
            quanta[_SECONDS] = ends[-1]
            price = Spend(tuple(quanta))
        return GraphRun(
            self._item.id, outcome, verdict, text, price, usage, nodes, error=error, lasts=lasts
        )


def _without_message(step: Step, outcome: Outcome, error: str | None) -> NodeRun:
    return NodeRun(
        step.index, step.role.name, step.model or None, outcome, spend=NOTHING, error=error
    )


def parent_messages(runs: Sequence[NodeRun]) -> tuple[ParentMessage, ...]:
    """What roles are given of their parents' runs."""
    return tuple([ParentMessage(r.message, r.role, r.model, r.outcome, r.score) for r in runs])


class Ungraded(NamedTuple):
    """Why an answer has no verdict, and whether it would have none again."""

    outcome: Outcome
    why: str
    lasts: bool


def ungraded(grader: Grader, error: EngineError | BudgetReached) -> Ungraded:
    """Why an answer has no verdict: the grader's machinery failed, or nobody pays for its calls."""
    why = f"grader {grader.name!r}: {error}"
    if isinstance(error, EngineError):
        return Ungraded(error.outcome, why, error.lasts)
    return Ungraded(Outcome.BUDGET_STOPPED, why, lasts=False)
