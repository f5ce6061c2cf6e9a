"""Limits on mathematics before it is parsed."""

import re
from itertools import accumulate
from typing import Final

__all__ = ["LONGEST", "over_limit"]

LONGEST: Final = 1_000
"""Characters of a final answer that are read."""

_DEEPEST: Final = 30
_DEEPEST_POWER: Final = 3
_LONGEST_DIGITS: Final = 400
_LARGEST_POWER: Final = 100_000
_LARGEST_FACTORIAL: Final = 3_000
_EXPONENT: Final = re.compile(r"\^\s*\{?\s*[-+]?\s*(\d+)")
_FACTORIAL: Final = re.compile(r"(\d+)\s*!")
_BRACKET: Final = re.compile(r"[{}()\[\]]")


def over_limit(text: str) -> str | None:
    """Why an answer is not given to the parser, None where it may be.

    These are what no honest answer needs and what makes a computer algebra system think for ever.
    The worker's own limits catch what gets past them.
    """
    if len(text) > LONGEST:
        return f"longer than {LONGEST} characters"
    opened = accumulate(1 if bracket in "{([" else -1 for bracket in _BRACKET.findall(text))
    if max(opened, default=0) > _DEEPEST:
        return f"nested deeper than {_DEEPEST}"
    if any(len(run) > _LONGEST_DIGITS for run in re.findall(r"\d+", text)):
        return f"a number of more than {_LONGEST_DIGITS} digits"
    if any(int(power) > _LARGEST_POWER for power in _EXPONENT.findall(text)):
        return f"an exponent over {_LARGEST_POWER}"
    if len(re.findall(r"\^(?:\s*\{*\s*\w+\s*)(?=\^)", text)) >= _DEEPEST_POWER - 1:
        return f"a tower of {_DEEPEST_POWER} powers or more"
    factorials = _FACTORIAL.findall(text)
    if any(int(n) > _LARGEST_FACTORIAL for n in factorials) or re.search(r"!\s*[!)}]*\s*!", text):
        return f"a factorial of a number over {_LARGEST_FACTORIAL}, or of a factorial"
    return None
