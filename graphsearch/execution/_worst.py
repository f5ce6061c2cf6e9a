"""The most that things can cost, for those who admit them before they run."""

from collections.abc import Iterable
from typing import Final

from graphsearch.execution._memory import Memory
from graphsearch.execution._plan import Plan, Step
from graphsearch.execution._sender import Sender
from graphsearch.execution.pricing import token_stretch
from graphsearch.ledger import NOTHING, Spend
from graphsearch.records.tasks import AskingGrader, Grader, Item, JudgeCall

__all__ = ["WorstCases"]

_KEPT_BOUNDS: Final = 65_536


class WorstCases:
    """Worst cases of plans on items, retries not counted; see `Executor.worst_case`.

    Args:
        sender: knows what calls can cost at most.
        grader: of the executor; a judge's calls count.
    """

    def __init__(self, sender: Sender, grader: Grader) -> None:
        self._sender = sender
        self._judge = grader if isinstance(grader, AskingGrader) else None
        self._bounds: Memory[tuple[str, str, bool, int, int, str], Spend] = Memory(_KEPT_BOUNDS)
        self._judged: Memory[tuple[str, frozenset[tuple[str, int]]], Spend] = Memory(_KEPT_BOUNDS)

    def of_graph(self, plan: Plan, item: Item) -> Spend:
        """All calls of a graph for an item, and their judge's."""
        calls = [self._call(plan, step, item) for step in plan.steps if step.speaker is not None]
        return Spend.total([*calls, self.of_verdict(plan, item)])

    def of_fit(self, plan: Plan, item: Item) -> Spend:
        """What lies below a graph's fitted parts, and the verdicts that these ask for."""
        below = plan.steps[: max(plan.fitted, default=0)]
        calls = [self._call(plan, step, item) for step in below if step.speaker is not None]
        judged = sum(
            len(plan.steps[index].parents)
            for index in plan.fitted
            if getattr(plan.steps[index].role, "fits_worth", False)
        )
        return Spend.total([*calls, *[self.of_verdict(plan, item)] * judged])

    def of_verdict(self, plan: Plan, item: Item) -> Spend:
        """One verdict on a message of a graph: a judge's calls."""
        judge = self._judge
        if judge is None:
            return NOTHING
        # Whatever node's message ends up at the sink, it is no longer than the longest reply.
        longest = frozenset(
            (step.model, step.sampling.max_tokens or 0) for step in plan.steps if step.speaker
        )

        def work_out() -> Spend:
            return Spend.total(self._judge_call(call, longest) for call in judge.calls(item))

        return self._judged.get((item.id, longest), work_out)

    def _judge_call(self, call: JudgeCall, said: Iterable[tuple[str, int]]) -> Spend:
        heard = max((most * self._stretch(model, call.model) for model, most in said), default=0)
        more = call.answers * call.stretch * heard + call.more_prompt
        return self._sender.worst_of(call.model, call.messages, call.max_tokens, more_prompt=more)

    def _call(self, plan: Plan, step: Step, item: Item) -> Spend:
        read = 0
        for parent in step.reads:
            other = plan.steps[parent]
            read += (other.sampling.max_tokens or 0) * self._stretch(other.model, step.model)
        context = step.context
        key = (step.role.name, step.model, context.is_sink, context.in_degree, read, item.id)

        def work_out() -> Spend:
            assert step.speaker is not None
            messages = step.speaker.prompt(item, ["x"] * context.in_degree, context)
            most = step.sampling.max_tokens
            return self._sender.worst_of(step.model, messages, most, more_prompt=read)

        return self._bounds.get(key, work_out)

    def _stretch(self, writer: str, reader: str) -> int:
        """How many of the reader's tokens one of the writer's may be."""
        sender = self._sender
        return token_stretch(sender.engine(writer), writer, sender.engine(reader), reader)
