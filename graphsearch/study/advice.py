"""The agent's part of a round: what it is shown, what it says, and how that is recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from graphsearch.graph import CollaborationGraph
from graphsearch.records.calls import Message, Reply
from graphsearch.records.errors import BudgetReached, ConfigError
from graphsearch.records.trials import TrialRecord
from graphsearch.searchers.base import Advice, Advisable, Agent, Edit, Searcher

if TYPE_CHECKING:
    from graphsearch.execution import Executor, GraphRun
    from graphsearch.records.tasks import Item
    from graphsearch.study.experiment import Experiment

__all__ = [
    "Advised",
    "Adviser",
    "advice_to_json",
    "transcripts_of",
]

_SHOWN_FAILURES = 3
_SHOWN_CHARACTERS = 2000


class Advised(NamedTuple):
    """What the agent said after a round.

    Attributes:
        agent: its name, None when no agent was asked.
        advice: what it said, None where that was not valid, or nobody was asked.
        table: the searcher's probability table afterwards, None when it has none.
        shown: what the searcher says of the advice, for the record.
    """

    agent: str | None
    advice: Advice | None
    table: dict[str, float] | None
    shown: Mapping[str, Any]

    def to_json(self) -> dict[str, Any] | None:
        """What the log of a round says of the agent; None where none was asked."""
        if self.agent is None:
            return None
        advice = self.advice
        return {
            "valid": advice is not None,
            "summary": advice.summary if advice else "",
            "edits": list(map(asdict, advice.edits)) if advice else [],
            "graphs": [graph.describe() for graph in advice.graphs] if advice else [],
            "raw": advice.raw if advice else None,
            "view": dict(self.shown),
        }


class Adviser:
    """Shows the searcher's view to the agent and gives the advice to the searcher.

    Args:
        experiment: makes the agent, and names the model it speaks with.
        searcher: is advised, if it can be.
        executor: makes the calls of the agent's model.

    Attributes:
        calls: calls the agent has made; numbers its draws, so a repeated round asks for the same.
    """

    def __init__(
        self,
        experiment: "Experiment",
        searcher: Searcher,
        executor: "Executor",
    ) -> None:
        self._searcher = searcher
        self._executor = executor
        self._model, self._sampling = experiment.agent_model, experiment.agent_sampling
        self.calls = 0
        make, advisable = experiment.make_agent, isinstance(searcher, Advisable)
        self._agent: Agent | None = make(self._complete) if make and advisable else None

    async def advise(self, extra: Mapping[str, Any]) -> Advised:
        """Advice on the round that just ended; `extra` is what only the study knows."""
        searcher = self._searcher
        if not isinstance(searcher, Advisable):
            table = getattr(searcher, "table", None)
            return Advised(None, None, dict(table()) if callable(table) else None, {})
        if self._agent is None:
            return Advised(None, None, dict(searcher.view(extra).table), {})
        try:
            advice = await self._agent.advise(searcher.view(extra))
        except BudgetReached:
            advice = None  # the next block will not be covered either, and that ends the search
        searcher.take_advice(advice)
        after = searcher.view(extra)
        return Advised(self._agent.name, advice, dict(after.table), dict(after.extra))

    def repeat(self, record: Mapping[str, Any]) -> None:
        """Give the searcher the advice of a round that was kept."""
        if record["agent"] and isinstance(self._searcher, Advisable):
            told = record["advice"]
            advice = (
                None
                if told is None
                else Advice(
                    tuple(Edit(**edit) for edit in told["edits"]),
                    tuple(CollaborationGraph.from_json(graph) for graph in told["graphs"]),
                    told["summary"],
                    told["raw"],
                )
            )
            self._searcher.take_advice(advice)

    async def _complete(self, messages: Sequence[Message]) -> Reply:
        """One call of the agent's model; its number is its draw."""
        self.calls += 1
        if self._model is None:
            raise ConfigError("this search agent needs a model to speak with", where="agent.model")
        return await self._executor.ask(
            self._model,
            messages,
            sampling=self._sampling,
            stream="agent",
            account="agent",
            sample=self.calls,
        )


def advice_to_json(advice: Advice | None) -> dict[str, Any] | None:
    """All of it, as a resumed search needs it."""
    if advice is None:
        return None
    return {
        "edits": list(map(asdict, advice.edits)),
        "graphs": [graph.to_json() for graph in advice.graphs],
        "summary": advice.summary,
        "raw": advice.raw,
    }


def transcripts_of(
    records: Sequence[TrialRecord],
    items: "Mapping[str, Item]",
    runs: "Mapping[tuple[str, str], GraphRun]",
) -> list[dict[str, Any]]:
    """Transcripts of wrong answers of the best trials, as far as they ran in a block.

    Args:
        records: trials of the round.
        items: its items by id.
        runs: transcripts of its last block.
    """
    scored = [(record.mean, record) for record in records if record.mean is not None]
    shown: list[dict[str, Any]] = []
    for _, record in sorted(scored, key=lambda pair: (-pair[0], pair[1].number)):
        graph = record.proposal.graph
        wrong = (r for r in record.results if r.score == 0 and (graph.key, r.item) in runs)
        result = next(wrong, None)
        if result is None:
            continue
        item, texts = items[result.item], runs[graph.key, result.item].texts
        whole = graph.canonical()
        shown.append(
            {
                "trial": record.number,
                "graph": whole.describe(),
                "question": item.question[:_SHOWN_CHARACTERS],
                "gold": item.gold,
                "answer": result.answer,
                "outcome": result.outcome.value,
                "nodes": [
                    {"role": node.role, "model": node.model, "text": text[:_SHOWN_CHARACTERS]}
                    for node, text in zip(whole.nodes, texts, strict=True)
                ],
            }
        )
    return shown[:_SHOWN_FAILURES]
