"""Counts that a study keeps besides the journal."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphsearch.records.trials import ItemResult
from graphsearch.study.losses import Loss, Losses

__all__ = ["Tally"]


@dataclass(slots=True)
class Tally:
    """What was asked for and how it ended; the journal holds a shared call only once.

    Attributes:
        asked: account -> calls, a shared call counted for every graph that used it.
        outcomes: account -> outcome -> answers of graphs.
        losses: the questions that were not evaluated.
    """

    asked: Counter[str] = field(default_factory=Counter)
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    losses: Losses = field(default_factory=Losses)

    def count(self, account: str, results: Iterable[ItemResult]) -> None:
        """Take in results that were run (not those known before)."""
        ended = self.outcomes.setdefault(account, Counter())
        for result in results:
            self.asked[account] += sum(usage.calls for usage in result.usage.values())
            ended[result.outcome.value] += 1
            self.losses.take(result)

    def to_json(self) -> dict[str, Any]:
        """All counts, names sorted; losses only where there were any."""
        outcomes = {name: dict(sorted(c.items())) for name, c in sorted(self.outcomes.items())}
        counts = {"asked": dict(sorted(self.asked.items())), "outcomes": outcomes}
        lost = self.losses.to_json()
        return counts | {"losses": lost} if lost else counts

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Tally":
        """The counts that `to_json` wrote."""
        outcomes = {name: Counter(counts) for name, counts in values["outcomes"].items()}
        losses = Losses(map(Loss.from_json, values.get("losses", ())))
        return cls(Counter(values["asked"]), outcomes, losses)
