"""What is known of one graph on a set of items: accuracy, interval, outcomes and cost."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphsearch import stats
from graphsearch.records.calls import Usage
from graphsearch.records.trials import ItemResult
from graphsearch.study.asjson import AsJson

__all__ = ["Difference", "Evidence", "compare", "gather", "rounded"]

_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Evidence(AsJson):
    """One graph on a set of items. Costs are means per question.

    Attributes:
        n: items with a score; `not_evaluated` more failed for reasons of the infrastructure.
        groups: groups among them, as intervals see them.
        accuracy: mean score, None when `n` is 0.
        interval: low and high end at `level`, made by `method`.
        outcomes: how many items ended how.
        allowed: the graph budget.
        planned: expected cost of one question.
        used: mean real cost of one question, None when `n` is 0 or it cannot be priced.
        currency: of these three.
        used_by: mean real cost in every currency that could be priced.
        calls, prompt_tokens, completion_tokens: real means, shared calls counted in full.
    """

    n: int
    not_evaluated: int
    groups: int
    accuracy: float | None
    interval: tuple[float, float]
    level: float
    method: str
    outcomes: Mapping[str, int]
    allowed: float
    planned: float
    used: float | None
    currency: str
    used_by: Mapping[str, float] = field(default_factory=dict)
    calls: float | None = None
    prompt_tokens: float | None = None
    completion_tokens: float | None = None


@dataclass(frozen=True, slots=True)
class Difference(AsJson):
    """Winner minus another row on the same items.

    Attributes:
        mean: mean difference of the scores, None when they share no item.
        interval: low and high end at `level`, made by `method`.
        n: items both were graded on; `groups` among them.
    """

    mean: float | None
    interval: tuple[float, float]
    level: float
    n: int
    groups: int
    method: str

    @property
    def is_gain(self) -> bool:
        """True when the whole interval lies above 0."""
        return self.mean is not None and self.interval[0] > 0


def gather(
    results: Sequence[ItemResult],
    *,
    allowed: float,
    planned: float,
    currency: str,
    level: float,
) -> Evidence:
    """Evidence from results, at most one an item.

    Args:
        results: results of one graph; those without a score count as not evaluated.
        allowed: the graph budget, in `currency`.
        planned: expected cost of one question, in `currency`.
        currency: name of the currency of `used`.
        level: level of the interval.
    """
    graded = [r for r in results if r.score is not None]
    scores = [r.score for r in graded if r.score is not None]
    estimate = stats.mean_estimate(scores, [r.group for r in graded], level=level)
    priced = set.intersection(*(set(r.cost) for r in graded)) if graded else set()
    used_by = {c: math.fsum(r.cost[c] for r in graded) / len(graded) for c in sorted(priced)}
    usage = [sum(r.usage.values(), Usage()) for r in graded]
    return Evidence(
        n=estimate.n,
        not_evaluated=len(results) - len(graded),
        groups=estimate.groups,
        accuracy=estimate.mean,
        interval=estimate.interval,
        level=level,
        method=estimate.method,
        outcomes=count_outcomes(results),
        allowed=allowed,
        planned=planned,
        used=used_by.get(currency),
        currency=currency,
        used_by=used_by,
        calls=_mean([u.calls for u in usage]),
        prompt_tokens=_mean([u.prompt_tokens for u in usage]),
        completion_tokens=_mean([u.completion_tokens for u in usage]),
    )


def compare(
    first: Sequence[ItemResult], second: Sequence[ItemResult], *, level: float
) -> Difference:
    """Difference `first - second` on the items both were graded on."""
    others = {r.item: r.score for r in second if r.score is not None}
    shared = [r for r in first if r.score is not None and r.item in others]
    estimate = stats.paired_difference(
        [r.score for r in shared if r.score is not None],
        [others[r.item] for r in shared],
        [r.group for r in shared],
        level=level,
    )
    return Difference(
        estimate.mean, estimate.interval, level, estimate.n, estimate.groups, estimate.method
    )


def count_outcomes(results: Iterable[ItemResult]) -> dict[str, int]:
    """How many results ended how, names in alphabetical order."""
    return dict(sorted(Counter(r.outcome.value for r in results).items()))


def rounded(value: Any) -> Any:
    """JSON with every float rounded to 12 significant digits and names sorted.

    Sums of the same costs in another order differ in their last bits, and what comes from the store
    has its names sorted; equal seeds must give equal bytes.
    """
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, Mapping):
        return {str(name): rounded(value[name]) for name in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [rounded(part) for part in value]
    return value


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean; None of nothing, and where one of them is unknown."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(values) else None
