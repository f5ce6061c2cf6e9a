"""The agent's part of a round: what it is shown, what it says, and how that is recorded."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from graphsearch.records.calls import Message, Reply
from graphsearch.records.errors import BudgetReached, ConfigError
from graphsearch.records.events import AdviceGiven
from graphsearch.records.trials import ItemResult, TrialRecord
from graphsearch.searchers.base import Advice, Advisable, Agent, Edit

if TYPE_CHECKING:
    from graphsearch.records.tasks import Item
    from graphsearch.study.study import Study

__all__ = ["Advised", "Adviser"]

_SHOWN_FAILURES = 3
_SHOWN_CHARACTERS = 2000


class Advised(NamedTuple):
    """What a round says of the agent.

    Attributes:
        advice: as JSON, None when there is no agent.
        table: probability table after the round, None when the searcher has none.
    """

    advice: dict[str, Any] | None
    table: dict[str, float] | None


class Adviser:
    """Shows the searcher's view to the agent and lets the searcher hear the advice.

    Attributes:
        calls: calls the agent has made; numbers its draws, so a repeated round asks for the same.
    """

    def __init__(self, study: "Study") -> None:
        self._study = study
        self.calls = 0
        make = study.parts.make_agent
        advisable = isinstance(study.parts.searcher, Advisable)
        self._agent: Agent | None = make(self._complete) if make and advisable else None

    async def advise(self, records: Sequence[TrialRecord]) -> Advised:
        """Advice on the round that just ended, and the probability table after it."""
        searcher = self._study.parts.searcher
        if not isinstance(searcher, Advisable):
            table = getattr(searcher, "table", None)
            return Advised(None, dict(table()) if callable(table) else None)
        extra = self._extra(records)
        if self._agent is None:
            return Advised(None, dict(searcher.view(extra).table))
        try:
            advice = await self._agent.advise(searcher.view(extra))
        except BudgetReached:
            advice = None  # the next block will not be covered either, and that ends the search
        searcher.hear(advice)
        self._say(self._agent.name, advice)
        after = searcher.view(extra)
        return Advised(_as_json(advice, after.extra), dict(after.table))

    async def _complete(self, messages: Sequence[Message]) -> Reply:
        parts = self._study.parts
        if parts.agent_model is None:
            raise ConfigError("this search agent needs a model to speak with", where="agent.model")
        self.calls += 1
        return await self._study.executor.ask(
            parts.agent_model,
            messages,
            sampling=parts.agent_sampling,
            stream="agent",
            account="agent",
            sample=self.calls,
        )

    def _extra(self, records: Sequence[TrialRecord]) -> Mapping[str, Any]:
        study = self._study
        limit = study.parts.settings.rounds
        done = len(study.rounds) + 1
        return {
            "round": done - 1,
            "rounds_left": None if limit is None else limit - done,
            "budgets": {
                state.currency: {"allowed": state.allowed, "spent": state.spent, "left": state.left}
                for state in study.voice.budgets()
            },
            "failures": self._failures(records),
        }

    def _failures(self, records: Sequence[TrialRecord]) -> list[dict[str, Any]]:
        """Transcripts of wrong answers of the round's best trials, from its last block."""
        items = {item.id: item for item in self._study.window.peek()}
        runs = self._study.runner.runs
        scored = [(record.mean, record) for record in records if record.mean is not None]
        shown: list[dict[str, Any]] = []
        for _, record in sorted(scored, key=lambda pair: (-pair[0], pair[1].number)):
            for result in record.results:
                run = runs.get((record.proposal.graph.key, result.item))
                if run is not None and result.score == 0:
                    shown.append(_transcript(record, result, items[result.item], run.texts))
                    break
        return shown[:_SHOWN_FAILURES]

    def _say(self, agent: str, advice: Advice | None) -> None:
        self._study.voice.say(
            AdviceGiven,
            round=len(self._study.rounds),
            agent=agent,
            valid=advice is not None,
            summary=advice.summary if advice else "",
            edits=tuple(_edit(edit) for edit in advice.edits) if advice else (),
        )


def _edit(edit: Edit) -> dict[str, Any]:
    return {"target": edit.target, "delta": edit.delta, "reason": edit.reason}


def _as_json(advice: Advice | None, extra: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "valid": advice is not None,
        "summary": advice.summary if advice else "",
        "edits": [_edit(edit) for edit in advice.edits] if advice else [],
        "graphs": [graph.describe() for graph in advice.graphs] if advice else [],
        "raw": advice.raw if advice else None,
        "view": dict(extra),
    }


def _transcript(
    record: TrialRecord, result: ItemResult, item: "Item", texts: Sequence[str]
) -> dict[str, Any]:
    graph = record.proposal.graph.canonical()
    return {
        "trial": record.number,
        "graph": graph.describe(),
        "question": item.question[:_SHOWN_CHARACTERS],
        "gold": item.gold,
        "answer": result.answer,
        "outcome": result.outcome.value,
        "nodes": [
            {"role": node.role, "model": node.model, "text": text[:_SHOWN_CHARACTERS]}
            for node, text in zip(graph.nodes, texts, strict=True)
        ],
    }
