"""Rounds of a search whose budget is small beside the longest replies that are allowed.

Calls are reserved at their worst case before they run, and replies are mostly far shorter than
they may be. Where the first round finds no room for all its graphs on a single question, the search
goes on with as many as there is room for, round by round, instead of ending without any.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphsearch.words import counted

if TYPE_CHECKING:
    from graphsearch.graph import CollaborationGraph
    from graphsearch.records.tasks import Item
    from graphsearch.study.study import Study

__all__ = ["ADVICE", "Room"]

ADVICE = "raise the search budget, or lower max_tokens in a prompt set of your own"

_MARK = "room"


class Room:
    """How many graphs of a round a study's budget has room for.

    Args:
        study: whose rounds; what is decided here is kept in its store, and decided once.
    """

    def __init__(self, study: "Study") -> None:
        self._study = study

    @property
    def narrow(self) -> int | None:
        """Graphs that the first round had room for, None where it had room for all of them."""
        kept = self._study.store.get_checkpoint(_MARK)
        return None if kept is None else int(kept["graphs"])

    @property
    def asked(self) -> int:
        """Graphs to ask of the searcher for a round."""
        most = self._study.parts.settings.per_round
        return most if self.narrow is None else min(most, max(self.narrow, 1))

    async def fitting(
        self, graphs: "Sequence[CollaborationGraph]", item: "Item"
    ) -> "list[CollaborationGraph]":
        """Those of a round's graphs, in order, that are covered together on a question.

        All of them where the first round had room for all: then a budget that is used up ends the
        search, as it should.

        Args:
            graphs: of the round.
            item: its first question.
        """
        study, first = self._study, not self._study.rounds
        if not first and self.narrow is None:
            return list(graphs)
        fitting = await study.runner.fitting(
            f"search/{len(study.rounds)}/0",
            graphs,
            item,
            account="search",
            known=study.archive.known,
        )
        if first and len(fitting) < len(graphs):
            study.store.put_checkpoint(_MARK, {"graphs": len(fitting), "of": len(graphs)})
        return fitting

    def note(self) -> str:
        """What a reader must know of it, "" for nothing."""
        if self.narrow is None:
            return ""
        most = self._study.parts.settings.per_round
        return (
            f"The search budget had room for {counted(self.narrow, 'graph')} of the {most} of a "
            "round at a time, since calls are reserved as long as their replies may be. What came "
            f"of it stands on few questions: {ADVICE}."
        )
