"""How much an agent's word is worth, learned from what was measured after it."""

import math

__all__ = ["Trust"]

PRIOR_RIGHT = 3.0
PRIOR_WRONG = 1.0
MEMORY = 0.97
HISTORY = 64


class Trust:
    """Trust in [0, 1], from a Beta posterior over "what the agent asks for turns out right".

    Each time advice can be checked, the check brings `z`: how many standard errors the measured
    effect of following the advice is above zero. The probability that it helped is then
    `a = Phi(z)` (flat prior, normal error), and the posterior gains `w * a` successes and
    `w * (1 - a)` failures with weight `w = |2a - 1|`: a check that shows nothing counts nothing.
    Trust is `max(0, 2 * mean - 1)`: an agent that is right as often as a coin has no trust, and
    one that is mostly wrong cannot harm. It starts at 0.5. Older checks fade by 3 % each, so an
    agent may win back trust or lose it; checks go on when trust is 0.
    """

    def __init__(self) -> None:
        self.right = PRIOR_RIGHT
        self.wrong = PRIOR_WRONG
        self.history: list[float] = []

    @property
    def value(self) -> float:
        """Trust in [0, 1]."""
        return max(0.0, 2.0 * self.right / (self.right + self.wrong) - 1.0)

    def check(self, z: float) -> float:
        """Learn from one check; returns the probability that the advice helped."""
        helped = 0.5 * math.erfc(-z / math.sqrt(2.0))
        weight = abs(2.0 * helped - 1.0)
        keep = 1.0 - (1.0 - MEMORY) * weight
        self.right = keep * self.right + weight * helped
        self.wrong = keep * self.wrong + weight * (1.0 - helped)
        self.history = [*self.history, round(self.value, 4)][-HISTORY:]
        return helped
