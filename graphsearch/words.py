"""Words around numbers, for sentences that people read."""

from collections.abc import Sequence

__all__ = ["counted", "decimals", "listing"]

_NOTHING = 1e-9
"""Sums of floats that should be 0 miss it by less."""
_MOST_PLACES = 10


def counted(count: int, noun: str) -> str:
    """A number with its noun: `1 call`, `1,200 calls`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listing(names: Sequence[str]) -> str:
    """Names in a sentence: `a`, `a and b`, `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def decimals(value: float, places: int = 1, *, ends: Sequence[float] = (0.0,)) -> str:
    """A number with so many decimals, or more where it would read as an end that it is not.

    An interval from 0.04 does not begin at 0.0, and 99.97 % are not all: 0.0412 -> `0.04`.

    Args:
        value: the number.
        places: decimals that are enough mostly.
        ends: numbers that may only be written when they are meant.
    """
    for more in range(places, _MOST_PLACES):
        text = f"{value:.{more}f}"
        if not any(float(text) == end and abs(value - end) > _NOTHING for end in ends):
            break
    return text.removeprefix("-") if not float(text) else text
