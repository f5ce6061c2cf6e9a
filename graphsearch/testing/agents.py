"""What every search agent must do, as tests that outside agents can import.

class TestMine(AgentConformance):
def make(self, complete):
return MyAgent(complete)
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from graphsearch.cost import PROFILES, CostModel
from graphsearch.records.calls import Message, Outcome, Reply, Usage
from graphsearch.records.errors import RateLimited, Unavailable
from graphsearch.records.models import Fleet
from graphsearch.searchers import make_searcher
from graphsearch.searchers.base import Advice, Advisable, Agent, AgentView
from graphsearch.space import Space
from graphsearch.testing.landscape import LANDSCAPES
from graphsearch.testing.roles import stand_in_roles

__all__ = ["AgentConformance"]

REPLIES = (
    "",
    "no JSON at all",
    "{",
    "[]",
    '{"edits": 7}',
    '{"edits": [{"target": "no such name", "delta": 1.0}]}',
    '{"edits": [{"target": "1->sink", "delta": 1e999}]}',
    '{"graphs": [{"nodes": [], "edges": [], "sink": 0}]}',
    '{"summary": "\\ud800"}',
    "{" * 5_000,
)
"""What a model may say in place of what it was asked for."""


class AgentConformance:
    """Tests of the `Agent` protocol; subclasses say how to make one."""

    def make(self, complete: Callable[[Sequence[Message]], Awaitable[Reply]]) -> Agent:
        """A new agent.

        Args:
            complete: sends messages to a model; an agent without one leaves it.
        """
        raise NotImplementedError

    def views(self) -> list[AgentView]:
        """What it is shown before a search has learned anything, and after a few rounds."""
        cost = CostModel(Fleet.load("llama"), PROFILES["math"], "units", roles=stand_in_roles())
        space = Space.build(cost, "18 units", slots=3, models=("llama-1b", "llama-3b"))
        searcher = make_searcher("agent-reinforce", space, seed=0)
        assert isinstance(searcher, Advisable)
        shown = [searcher.view({})]
        for round_ in range(3):
            asked = searcher.ask(6)
            searcher.tell(
                [
                    LANDSCAPES["mixing"].trial(p, i, round_, range(16), cost.graph(p.graph))
                    for i, p in enumerate(asked)
                ]
            )
            shown.append(searcher.view({"budgets": {"units": {"left": 5.0}}}))
        return shown

    def test_it_advises_on_every_view(self) -> None:
        """Advice, or None; the same for the same view and the same replies."""
        for view in self.views():
            first = asyncio.run(self.make(_saying("{}")).advise(view))
            again = asyncio.run(self.make(_saying("{}")).advise(view))
            assert first is None or isinstance(first, Advice)
            assert first == again

    @pytest.mark.parametrize("text", REPLIES)
    def test_a_bad_reply_costs_its_advice_and_never_the_search(self, text: str) -> None:
        """Design 6.3: what cannot be used is left out."""
        view = self.views()[-1]
        advice = asyncio.run(self.make(_saying(text)).advise(view))
        for edit in () if advice is None else advice.edits:
            assert edit.target in view.table
            assert abs(edit.delta) <= 10

    def test_a_model_that_cannot_be_reached_costs_its_advice_alone(self) -> None:
        """An infrastructure failure ends no search."""

        async def down(messages: Sequence[Message]) -> Reply:
            raise Unavailable("down")

        async def limited(messages: Sequence[Message]) -> Reply:
            raise RateLimited("later")

        for complete in (down, limited):
            asyncio.run(self.make(complete).advise(self.views()[-1]))


def _saying(text: str) -> Callable[[Sequence[Message]], Awaitable[Reply]]:
    async def complete(messages: Sequence[Message]) -> Reply:
        assert messages
        assert all(message.content for message in messages)
        return Reply(text, Usage(10, 10, 1), Outcome.ANSWERED)

    return complete
