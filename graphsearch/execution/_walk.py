"""One graph on one item: nodes run as soon as what they read is there."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from graphsearch.cost import CURRENCIES, Amount
from graphsearch.execution._cap import QuestionCap
from graphsearch.execution._desk import Desk, Fetched
from graphsearch.execution._grading import Grading
from graphsearch.execution._judge import judge
from graphsearch.execution._plan import Plan, Step
from graphsearch.execution._sender import Order, Sender
from graphsearch.execution.pricing import Pricer
from graphsearch.execution.records import GraphRun, NodeRun, culprit_of
from graphsearch.ledger import NOTHING, Spend
from graphsearch.records.calls import Message, Outcome, Usage
from graphsearch.records.errors import BudgetReached, EngineError, TaskError
from graphsearch.records.roles import NOT_FITTED, ParentMessage
from graphsearch.records.tasks import Grader, Item, Verdict

__all__ = ["Walk", "heard", "ungraded"]

_SECONDS = CURRENCIES.index("seconds")

Speak = Callable[[Step, Item, Sequence[str]], tuple[tuple[Message, ...], str]]
"""Writes a step's prompt: the messages, and the one text of them."""


class Walk:
    """Runs a plan on an item, once.

    Every node is a task that waits for its parents. When a node fails for a reason of the
    infrastructure its descendants are skipped and all others go on: what they bring is kept in
    the journal, and which node counts as the first to fail does not depend on timing.

    With `grading` the answer is judged there, else by the grader on the spot.
    """

    def __init__(
        self,
        plan: Plan,
        item: Item,
        *,
        desk: Desk,
        sender: Sender,
        pricer: Pricer,
        grader: Grader,
        grading: Grading | None,
        account: str,
        speak: Speak,
        cap: Amount | None,
        fitted: Mapping[int, Mapping[str, Any]],
    ) -> None:
        self._plan = plan
        self._fitted = fitted
        self._item = item
        self._desk = desk
        self._sender = sender
        self._pricer = pricer
        self._grader = grader
        self._grading = grading
        self._account = account
        self._speak = speak
        count = len(plan.steps)
        loop = asyncio.get_running_loop()
        self._prompts: list[asyncio.Future[str | None]] = [
            loop.create_future() for _ in range(count)
        ]
        self._cap = QuestionCap(cap, count) if cap is not None else None
        self._tasks: list[asyncio.Task[NodeRun]] = []

    async def run(self, limit_s: float | None = None) -> GraphRun:
        """The run of the whole graph, graded when every node brought a message.

        Args:
            limit_s: seconds after which it is given up, as a timeout; None for no limit. Grading
                is not the graph's time, so it does not count.
        """
        if limit_s is None:
            nodes = await self._all()
        else:
            try:
                async with asyncio.timeout(limit_s) as time:
                    nodes = await self._all()
            except TimeoutError:
                if not time.expired():  # somebody else's
                    raise
                nodes = self._so_far(f"the question took longer than {limit_s:g} s")
        return self._finish(nodes) if self._grading is None else await self._finish_later(nodes)

    async def _all(self) -> tuple[NodeRun, ...]:
        loop = asyncio.get_running_loop()
        *lower, last = self._plan.steps
        self._tasks = [loop.create_task(self._node(step)) for step in lower]
        try:
            # The sink ends last unless something failed, so mostly nobody is waited for after it.
            end = await self._node(last)
            for task in self._tasks:
                if not task.done():
                    await task
        except BaseException:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            raise
        return (*(task.result() for task in self._tasks), end)

    async def lower(self, count: int) -> tuple[NodeRun, ...]:
        """The runs of the first nodes alone: what is below a node whose parts are to be fitted."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._node(step)) for step in self._plan.steps[:count]]
        try:
            return tuple(await asyncio.gather(*self._tasks))
        except BaseException:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            raise

    def _so_far(self, why: str) -> tuple[NodeRun, ...]:
        """The nodes when the time is over: those that are done, and the others as timeouts."""
        late = [
            NodeRun(
                step.index,
                step.role.name,
                step.model or None,
                Outcome.TIMEOUT,
                spend=NOTHING,
                error=why,
            )
            for step in self._plan.steps
        ]
        return tuple(
            task.result() if task.done() and not task.cancelled() else node
            for task, node in zip([*self._tasks], late, strict=False)
        ) + tuple(late[len(self._tasks) :])

    # -- nodes ---------------------------------------------------------------------------------

    async def _node(self, step: Step) -> NodeRun:
        try:
            return await self._work(step)
        except BaseException:
            self._leave(step, Outcome.CANCELLED, None)
            raise

    async def _work(self, step: Step) -> NodeRun:
        runs: list[NodeRun] = []
        for parent in step.parents:
            run = await self._tasks[parent]
            if not run.outcome.is_graded:
                return self._leave(step, Outcome.CANCELLED, None)
            runs.append(run)
        if step.speaker is None:
            return self._combine(step, runs)
        if step.gate is not None:
            passed = self._passed(step, runs)
            if passed is not None:
                return passed
        texts = [run.message for run in runs] if step.reads else ()
        messages, body = self._speak(step, self._item, texts)
        self._prompts[step.index].set_result(body)
        sample = await self._sample(step, body)
        if sample is None:
            return self._leave(step, Outcome.CANCELLED, None)
        order = step.order(self._item.id, messages, body, sample=sample, account=self._account)
        try:
            if not await self._admitted(step, order):
                return self._leave(step, Outcome.BUDGET_STOPPED, "the question's cap is reached")
            fetched = await self._desk.fetch(order)
        except EngineError as error:
            return self._leave(step, error.outcome, str(error))
        except BudgetReached as error:
            return self._leave(step, Outcome.BUDGET_STOPPED, str(error))
        return self._heard(step, sample, fetched)

    async def _sample(self, step: Step, body: str) -> int | None:
        """Which draw of its call a node uses: as many as lower nodes make the same one.

        It waits for the prompts of those that could. None when one of them never gets a prompt.
        """
        sample = 0
        for rival in step.rivals:
            other = await self._prompts[rival]
            if other is None:
                return None
            sample += other == body
        return sample

    async def _admitted(self, step: Step, order: Order) -> bool:
        if self._cap is None:
            return True
        call = order.call
        worst = self._sender.worst_of(call.model, call.messages, call.sampling.max_tokens)
        admitted = await self._cap.admit(step.index, worst, step.parents)
        self._cap.decide(step.index, admitted=admitted)
        return admitted

    def _combine(self, step: Step, runs: list[NodeRun]) -> NodeRun:
        assert step.combiner is not None
        fitted = self._fitted.get(step.index, NOT_FITTED)
        try:
            chosen = step.combiner.choose(self._item, heard(runs), self._grader, fitted)
            parent = runs[0 if chosen is None else chosen]
        except Exception as error:
            raise self._broken(step, error) from error
        return self._shown(step, parent)

    def _passed(self, step: Step, runs: list[NodeRun]) -> NodeRun | None:
        """The run of a gate that passes a parent's message on; None when its model is to speak."""
        assert step.gate is not None
        fitted = self._fitted.get(step.index, NOT_FITTED)
        try:
            chosen = step.gate.passes(self._item, heard(runs), self._grader, fitted)
            parent = None if chosen is None else runs[chosen]
        except Exception as error:
            raise self._broken(step, error) from error
        if parent is None:
            return None
        # No prompt is written, so it equals nobody's.
        self._prompts[step.index].set_result("")
        return self._shown(step, parent)

    def _shown(self, step: Step, parent: NodeRun) -> NodeRun:
        """The run of a node that shows a parent's message, as what that ended as.

        So a message that was cut off or refused stays that, however many nodes pass it on: graded
        wrong, and counted apart.
        """
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

    def _broken(self, step: Step, error: Exception) -> TaskError:
        return TaskError(
            f"role {step.role.name!r} with grader {self._grader.name!r} on item "
            f"{self._item.id!r} failed: {error!r}"
        )

    def _heard(self, step: Step, sample: int, fetched: Fetched) -> NodeRun:
        assert step.speaker is not None
        reply = fetched.reply
        spend = self._pricer.spend(step.model, reply.usage)
        self._settle(step, spend)
        return NodeRun(
            step.index,
            step.role.name,
            step.model,
            reply.outcome,
            step.speaker.message(reply.text),
            sample,
            reply.usage,
            spend,
            score=_score(reply.detail.get("score")),
            made=fetched.made,
        )

    def _leave(self, step: Step, outcome: Outcome, error: str | None) -> NodeRun:
        """End a node without a message, so that nobody waits for it."""
        if not self._prompts[step.index].done():
            self._prompts[step.index].set_result(None)
        if self._cap is not None:
            self._cap.decide(step.index, admitted=False)
        self._settle(step, NOTHING)
        return NodeRun(
            step.index, step.role.name, step.model or None, outcome, spend=NOTHING, error=error
        )

    def _settle(self, step: Step, spend: Spend) -> None:
        if self._cap is not None:
            self._cap.decide(step.index, admitted=True)
            self._cap.finish(step.index, spend, step.parents)

    # -- the whole -----------------------------------------------------------------------------

    def _finish(self, nodes: tuple[NodeRun, ...]) -> GraphRun:
        """The end of a run whose grader is called on the spot."""
        culprit = culprit_of(nodes)
        if culprit is not None:
            return self._failed(nodes, culprit)
        sink = nodes[-1]
        try:
            verdict = judge(self._grader, self._item, sink.message, sink.outcome)
        except EngineError as error:
            return self._unjudged(nodes, error)
        return self._made(nodes, verdict.outcome, verdict)

    async def _finish_later(self, nodes: tuple[NodeRun, ...]) -> GraphRun:
        """The end of a run whose grader takes its time."""
        assert self._grading is not None
        culprit = culprit_of(nodes)
        if culprit is not None:
            return self._failed(nodes, culprit)
        sink = nodes[-1]
        try:
            verdict = await self._grading.verdict(
                self._grader, self._item, sink.message, sink.outcome, account=self._account
            )
        except (EngineError, BudgetReached) as error:
            return self._unjudged(nodes, error)
        return self._made(nodes, verdict.outcome, verdict)

    def _failed(self, nodes: tuple[NodeRun, ...], culprit: NodeRun) -> GraphRun:
        return self._made(nodes, culprit.outcome, None, text="", error=culprit.error)

    def _unjudged(self, nodes: tuple[NodeRun, ...], error: EngineError | BudgetReached) -> GraphRun:
        outcome, why, lasts = ungraded(self._grader, error)
        return self._made(nodes, outcome, None, error=why, lasts=lasts)

    def _made(
        self,
        nodes: tuple[NodeRun, ...],
        outcome: Outcome,
        verdict: Verdict | None,
        *,
        text: str | None = None,
        error: str | None = None,
        lasts: bool = False,
    ) -> GraphRun:
        usage: dict[str, Usage] = {}
        for node in nodes:
            if node.model is not None and node.usage.calls:
                usage[node.model] = usage.get(node.model, Usage()) + node.usage
        text = nodes[-1].message if text is None else text
        price = self._price(nodes)
        return GraphRun(
            self._item.id, outcome, verdict, text, price, usage, nodes, error=error, lasts=lasts
        )

    def _price(self, nodes: tuple[NodeRun, ...]) -> Spend:
        spends = [node.spend for node in nodes if node.spend is not None]
        if len(spends) == 1:
            return spends[0]
        quanta = list(Spend.total(spends).quanta)
        if quanta[_SECONDS] is not None:
            ends: list[int] = []
            for step, spend in zip(self._plan.steps, spends, strict=True):
                start = max((ends[parent] for parent in step.parents), default=0)
                ends.append(start + (spend.quanta[_SECONDS] or 0))
            quanta[_SECONDS] = ends[-1]
        return Spend(tuple(quanta))


def heard(runs: Sequence[NodeRun]) -> tuple[ParentMessage, ...]:
    """What roles are told of nodes' runs."""
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


def _score(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
