"""Intervals and tests for scores in [0, 1] on items that may come in groups.

Everything here is deterministic: no bootstrap, no random numbers. Sources are named at each
function; the table in `design/study.md` says where each is used.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

__all__ = [
    "Estimate",
    "evidence_above_zero",
    "log_evidence_above_zero",
    "mean_estimate",
    "paired_difference",
    "pass_at_k",
    "t_quantile",
    "wilson",
]

Group = Hashable | None
"""Name of the group an item belongs to; None: the item is a group of its own."""

BETS = (0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.75, 0.9)
"""Fractions of the largest safe bet. Small ones find small differences late, large ones find large
differences early; their mixture loses at most a factor 8 against the best of them."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its interval.

    Attributes:
        mean: the plain mean, None when `n` is 0.
        low, high: ends of the interval; the whole range when nothing is known.
        level: probability of the interval to cover.
        n: number of items.
        groups: number of groups; equal to `n` when all items are independent.
        method: how the interval was made, for tables.
    """

    mean: float | None
    low: float
    high: float
    level: float
    n: int
    groups: int
    method: str

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends."""
        return self.low, self.high


def wilson(successes: float, n: float, *, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927; Brown, Cai, DasGupta 2001).

    Args:
        successes: sum of the scores, between 0 and `n`; scores between 0 and 1 make it too wide,
            never too narrow.
        n: number of independent items, or the effective number; 0 gives (0, 1).
        level: probability to cover.

    Returns:
        Low and high end, within [0, 1].
    """
    return _wilson(successes, n, NormalDist().inv_cdf((1 + level) / 2))


def mean_estimate(
    scores: Sequence[float], groups: Sequence[Group] | None = None, *, level: float = 0.95
) -> Estimate:
    """Mean score with an interval that knows of groups.

    Independent items get Wilson's interval. Items in groups get the same interval with the
    effective sample size p (1 - p) / v, where v is the cluster-robust variance of the mean
    (Liang, Zeger 1986), and the t quantile of the number of groups (Dean, Pagano 2015; Korn,
    Graubard 1998). The effective size never exceeds `n`; where all scores are equal and v says
    nothing it is the number of groups.

    Args:
        scores: one score in [0, 1] per item.
        groups: group of each item, in the same order; None: all are independent.
        level: probability to cover.
    """
    n = len(scores)
    if n == 0:
        return Estimate(None, 0.0, 1.0, level, 0, 0, "none")
    mean = math.fsum(scores) / n
    sums = _group_sums([score - mean for score in scores], groups)
    if len(sums) == n:
        low, high = wilson(mean * n, n, level=level)
        return Estimate(mean, low, high, level, n, n, "wilson")
    effective = _effective_size(mean, n, sums)
    quantile = t_quantile((1 + level) / 2, max(len(sums) - 1, 1))
    low, high = _wilson(mean * effective, effective, quantile)
    return Estimate(mean, low, high, level, n, len(sums), "wilson, clustered")


def paired_difference(
    first: Sequence[float],
    second: Sequence[float],
    groups: Sequence[Group] | None = None,
    *,
    level: float = 0.95,
) -> Estimate:
    """Mean of `first - second` on the same items, with a cluster-robust interval.

    One pseudo pair in each direction is added before the variance is taken (Agresti, Min 2005,
    for binary pairs), so that few or equal pairs never give an interval of width 0; the centre
    moves towards 0 by n / (n + 2). The variance is the sandwich over groups with the G / (G - 1)
    correction (Liang, Zeger 1986), the quantile that of t with G - 1 degrees of freedom.

    Args:
        first: scores in [0, 1], one an item.
        second: scores of the same items in the same order.
        groups: group of each item; None: all are independent.
        level: probability to cover.

    Raises:
        ValueError: the two do not have the same number of items.
    """
    differences = [a - b for a, b in zip(first, second, strict=True)]
    n = len(differences)
    if n == 0:
        return Estimate(None, -1.0, 1.0, level, 0, 0, "none")
    centre = math.fsum(differences) / (n + 2)
    sums = _group_sums([d - centre for d in differences], groups)
    count = len(sums) + 2
    pseudo = (1 - centre) ** 2 + (-1 - centre) ** 2
    squares = math.fsum(s * s for s in sums) + pseudo
    half = math.sqrt(squares * count / (count - 1)) / (n + 2)
    half *= t_quantile((1 + level) / 2, count - 1)
    method = "paired" if len(sums) == n else "paired, clustered"
    low, high = max(-1.0, centre - half), min(1.0, centre + half)
    return Estimate(math.fsum(differences) / n, low, high, level, n, len(sums), method)


def log_evidence_above_zero(
    differences: Sequence[float], groups: Sequence[Group] | None = None
) -> float:
    """Logarithm of the evidence that the mean of differences in [-1, 1] is above 0.

    A player who starts with 1 and bets a fixed fraction on every difference has the capital
    prod(1 + bet * d). If the mean is 0 or below, no strategy is expected to gain, so the capital
    averaged over several bets passes 1 / alpha *at any time* with probability at most alpha
    (Ville 1939; Waudby-Smith, Ramdas 2024, section 4). One may therefore look after every block
    and stop. Fixed bets make it independent of the order of the items.

    Items of one group enter as one bet on their mean.

    Args:
        differences: one value in [-1, 1] an item.
        groups: group of each item; None: all are independent.
    """
    values = [math.fsum(members) / len(members) for members in _by_group(differences, groups)]
    logs = [math.fsum(math.log1p(bet * d) for d in values) for bet in BETS]
    top = max(logs)
    return top + math.log(math.fsum(math.exp(x - top) for x in logs) / len(logs))


def evidence_above_zero(
    differences: Sequence[float],
    groups: Sequence[Group] | None = None,
    *,
    alpha: float = 0.05,
) -> bool:
    """True when the mean is above 0 by an anytime-valid test with error at most `alpha`."""
    return log_evidence_above_zero(differences, groups) >= -math.log(alpha)


def pass_at_k(n: int, right: int, k: int) -> float:
    """Chance that of k draws without replacement from n, of which some are right, one is right.

    The unbiased estimate of pass@k from n samples of a question (arXiv 2107.03374, equation 1):
    1 - C(n - right, k) / C(n, k).

    Raises:
        ValueError: not 0 <= right <= n, or not 1 <= k <= n.
    """
    if not 0 <= right <= n or not 1 <= k <= n:
        raise ValueError(f"pass@{k} of {n} draws with {right} right makes no sense")
    return 1.0 - math.comb(n - right, k) / math.comb(n, k)


def t_quantile(probability: float, freedom: int) -> float:
    """Quantile of Student's t.

    Closed forms for 1 and 2 degrees of freedom, else the expansion around the normal quantile
    (Abramowitz, Stegun 26.7.5), which is right to 0.004 at 3 degrees of freedom and 0.0001 from 8
    on (two-sided 95 %).
    """
    if freedom == 1:
        return math.tan(math.pi * (probability - 0.5))
    if freedom == 2:
        return (2 * probability - 1) * math.sqrt(2 / (4 * probability * (1 - probability)))
    z = NormalDist().inv_cdf(probability)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return math.fsum(term / freedom**power for power, term in enumerate(terms))


def _wilson(successes: float, n: float, quantile: float) -> tuple[float, float]:
    if n <= 0:
        return 0.0, 1.0
    p, square = successes / n, quantile * quantile
    centre = (p + square / (2 * n)) / (1 + square / n)
    inside = max(p * (1 - p) / n + square / (4 * n * n), 0.0)
    half = quantile / (1 + square / n) * math.sqrt(inside)
    # the formula gives exactly p at p = 0 and p = 1, but for rounding
    return max(0.0, min(centre - half, p)), min(1.0, max(centre + half, p))


def _group_sums(values: Sequence[float], groups: Sequence[Group] | None) -> list[float]:
    return [math.fsum(members) for members in _by_group(values, groups)]


def _by_group(values: Sequence[float], groups: Sequence[Group] | None) -> list[list[float]]:
    if groups is None:
        return [[value] for value in values]
    members: dict[Hashable, list[float]] = {}
    for place, (value, group) in enumerate(zip(values, groups, strict=True)):
        key = ("alone", place) if group is None else ("group", group)
        members.setdefault(key, []).append(value)
    return list(members.values())


def _effective_size(mean: float, n: int, sums: Sequence[float]) -> float:
    count = len(sums)
    if count < 2:
        return 1.0
    variance = math.fsum(s * s for s in sums) * count / (count - 1) / n**2
    spread = mean * (1 - mean)
    if variance <= 0 or spread <= 0:
        return float(count)
    return min(float(n), spread / variance)
