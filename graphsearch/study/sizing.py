"""Rounds of a search whose budget is small beside the longest replies that are allowed.

Calls are reserved at their worst case before they run, and replies are mostly far shorter than
they may be. Where the budget does not cover all graphs of the first round on a single question,
the search goes on with as many as it covers, round by round, instead of ending without any.
"""

from dataclasses import dataclass

from graphsearch.words import counted

__all__ = ["ADVICE", "RoundSizing"]

ADVICE = "raise the search budget, or lower max_tokens in a prompt set of your own"


@dataclass(frozen=True, slots=True)
class RoundSizing:
    """How many graphs of a round a study's budget has room for.

    Attributes:
        per_round: graphs that a round is to have.
        narrow: graphs that the first round had room for, None where it had room for all.
    """

    per_round: int
    narrow: int | None = None

    @property
    def asked(self) -> int:
        """Graphs to ask of the searcher for a round."""
        return self.per_round if self.narrow is None else min(self.per_round, max(self.narrow, 1))

    def note(self) -> str:
        """What a reader must know of it, "" for nothing."""
        if self.narrow is None:
            return ""
        return (
            f"The search budget had room for {counted(self.narrow, 'graph')} of the "
            f"{self.per_round} of a round at a time, since calls are reserved as long as their "
            f"replies may be. What came of it stands on few questions: {ADVICE}."
        )
