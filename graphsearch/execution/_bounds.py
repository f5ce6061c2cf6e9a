"""The most that things can cost, for those who admit them before they run."""

from collections.abc import Sequence
from typing import Final

from cachetools import LRUCache

from graphsearch.execution._dispatcher import Dispatcher
from graphsearch.execution._plan import Plan, Step
from graphsearch.execution.pricing import token_stretch
from graphsearch.ledger import NOTHING, Spend
from graphsearch.records.tasks import AskingGrader, Grader, Item

__all__ = ["WorstCases"]

_KEPT_BOUNDS: Final = 65_536


class WorstCases:
    """Worst cases of plans on items, retries not counted; see `Executor.worst_case`.

    Args:
        dispatcher: knows what calls can cost at most.
        grader: of the executor; a judge's calls count.
    """

    def __init__(self, dispatcher: Dispatcher, grader: Grader) -> None:
        self._dispatcher = dispatcher
        self._judge = grader if isinstance(grader, AskingGrader) else None
        self._calls: LRUCache[tuple[str, str, bool, int, int, str], Spend] = LRUCache(_KEPT_BOUNDS)
        self._verdicts: LRUCache[tuple[str, frozenset[tuple[str, int]]], Spend] = LRUCache(
            _KEPT_BOUNDS
        )

    def of_graph(self, plan: Plan, item: Item) -> Spend:
        """All calls of a graph for an item, and their judge's."""
        return Spend.total([*self._of_calls(plan, plan.steps, item), self.of_verdict(plan, item)])

    def of_fit(self, plan: Plan, item: Item) -> Spend:
        """What lies below a graph's fitted parts, and the verdicts that these ask for."""
        below = plan.steps[: max(plan.fitted, default=0)]
        judged = sum(
            len(plan.steps[index].parents)
            for index in plan.fitted
            if getattr(plan.steps[index].role, "fits_worth", False)
        )
        verdicts = [self.of_verdict(plan, item)] * judged
        return Spend.total([*self._of_calls(plan, below, item), *verdicts])

    def of_verdict(self, plan: Plan, item: Item) -> Spend:
        """One verdict on a message of a graph: a judge's calls."""
        if self._judge is None:
            return NOTHING
        # Whatever node's message ends up at the sink, it is no longer than the longest reply.
        longest = frozenset(
            (step.model, step.sampling.max_tokens or 0) for step in plan.steps if step.speaker
        )
        worst = self._verdicts.get((item.id, longest))
        if worst is None:
            calls: list[Spend] = []
            for call in self._judge.calls(item):
                said = [most * self._stretch(model, call.model) for model, most in longest]
                more = call.answers * call.stretch * max(said, default=0) + call.more_prompt
                calls.append(
                    self._dispatcher.worst_of(
                        call.model, call.messages, call.max_tokens, more_prompt=more
                    )
                )
            worst = self._verdicts[item.id, longest] = Spend.total(calls)
        return worst

    def _of_calls(self, plan: Plan, steps: Sequence[Step], item: Item) -> list[Spend]:
        """The calls of some steps of a plan."""
        found: list[Spend] = []
        for step in steps:
            if step.speaker is None:
                continue
            read = 0
            for parent in step.reads:
                other = plan.steps[parent]
                read += (other.sampling.max_tokens or 0) * self._stretch(other.model, step.model)
            context = step.context
            key = (step.role.name, step.model, context.is_sink, context.in_degree, read, item.id)
            worst = self._calls.get(key)
            if worst is None:
                messages = step.speaker.prompt(item, ["x"] * context.in_degree, context)
                most = step.sampling.max_tokens
                worst = self._dispatcher.worst_of(step.model, messages, most, more_prompt=read)
                self._calls[key] = worst
            found.append(worst)
        return found

    def _stretch(self, writer: str, reader: str) -> int:
        """How many of the reader's tokens one of the writer's may be."""
        engine = self._dispatcher.engine
        return token_stretch(engine(writer), writer, engine(reader), reader)
