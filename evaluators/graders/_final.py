"""Finds the final answer in a reply that reasons first."""

import re
from typing import Final

__all__ = ["final_answer"]

_LINE: Final = re.compile(
    r"(?:^|\n)[ \t>*_#]*(?:the\s+)?(?:final\s+)?answer(?:\s+is)?"
    r"[*_ \t]*[:=][*_ \t]*(?P<found>[^\n]+)",
    re.IGNORECASE,
)
_SENTENCE: Final = re.compile(r"\banswer\s+is\s*:?\s*(?P<found>[^\n]+)", re.IGNORECASE)
_HASHES: Final = re.compile(r"####\s*(?P<found>[^\n]+)")


def final_answer(text: str) -> str | None:
    r"""What the reply says is its answer, or None when it says so in no known way.

    Known are a line `Answer: ...`, LaTeX's `\boxed{...}`, a line after `####`, and `the answer
    is ...`; the last one written of the first kind found counts.
    """
    for find in (_LINE, _HASHES):
        found = [match["found"] for match in find.finditer(text)]
        if found:
            return _unboxed(found[-1])
    boxed = _boxed(text)
    if boxed is not None:
        return boxed
    found = [match["found"] for match in _SENTENCE.finditer(text)]
    return _trim(found[-1]) if found else None


def _unboxed(text: str) -> str:
    return _boxed(text) or _trim(text)


def _trim(text: str) -> str:
    return text.strip().strip("*_` ").removesuffix(".").strip("$ ").strip()


def _boxed(text: str) -> str | None:
    r"""Content of the last `\boxed{...}`, braces inside it matched."""
    start = text.rfind("\\boxed{")
    if start < 0:
        return None
    begin = start + len("\\boxed{")
    depth = 1
    for place in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return _trim(text[begin:place])
    return None
