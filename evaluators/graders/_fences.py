"""Fenced blocks of a reply that hold Python."""

import re
import textwrap
from typing import Final, NamedTuple

from graphsearch.evaluators.graders._syntax import is_python, is_within_string

__all__ = ["Block", "fenced_blocks"]

_MOST_TRIED: Final = 300_000
"""Characters that are parsed, in all of a reply, to find out where its blocks end."""

_OPENED: Final = re.compile(
    r"^[ \t]*(?P<mark>`{3,}|~{3,})[ \t]*"
    r"(?:(?P<kind>[^\n`]*)\n|(?P<line>[^\n`]+)(?P=mark)[ \t]*(?:\n|\Z))",
    re.MULTILINE,
)
_CLOSED: Final = {mark: re.compile(rf"^[ \t]*{mark}+", re.MULTILINE) for mark in "`~"}
_PYTHON: Final = re.compile(
    r"(?:\{\s*\.?)?(?:(?P<session>pycon|python-repl|doctest)|(?:ipython|python|py|code)(?:\d[\d.]*)?)"
    r"(?![\w.-]).*|",
    re.IGNORECASE,
)
_MARKED: Final = re.compile(
    r"^[ \t]*(?:\[(?:END|DONE|/?PYTHON|/?CODE|/?ANS(?:WER)?)\]"
    r"|</(?:answer|code|python|program|solution|response|reply|output)>)",
    re.MULTILINE | re.IGNORECASE,
)
"""What stands after a program where nobody has closed its fence."""
_WORD: Final = re.compile(r"\s*(?:python|py)\d?\s+", re.IGNORECASE)
_PROMPT: Final = re.compile(r"[ \t]*(?:>>>|\.\.\.)(?: |$)")


class Block(NamedTuple):
    """A block of code in a reply.

    Attributes:
        text: without the fence and the indentation of all of it.
        aside: whether it is a session of the interpreter (without its prompts and what it printed)
            or a fence on one line: a program only where no other block is one.
    """

    text: str
    aside: bool


def fenced_blocks(text: str) -> list[Block]:
    """The blocks of Python in a reply, in order.

    A block ends at the first line that closes it, but a fence within a string of the program (an
    example in a docstring) does not close it; one that is never closed goes to the end.
    """
    found: list[Block] = []
    place, left = 0, _MOST_TRIED
    while (opened := _OPENED.search(text, place)) is not None:
        place = opened.end()
        if opened["line"] is not None:
            found.append(Block(_WORD.sub("", opened["line"], count=1).strip(), aside=True))
            continue
        kind = _PYTHON.fullmatch(opened["kind"].strip())
        end, place, spent = _end(text, opened, left if kind else 0)
        if kind is None:
            continue
        left -= spent
        program = textwrap.dedent(text[opened.end() : end])
        lines = program.split("\n")
        first = next((line for line in lines if line.strip()), "")
        if not kind["session"]:
            found.append(Block(program, aside=False))
        if kind["session"] or first.lstrip().startswith(">>>"):
            typed = [_PROMPT.sub("", line, count=1) for line in lines if _PROMPT.match(line)]
            found.append(Block("\n".join(typed) + "\n", aside=True))
    return found


def _end(text: str, opened: re.Match[str], most: int) -> tuple[int, int, int]:
    """Where a block ends, where its fence does, and how many characters were parsed for it."""
    begin, mark, spent = opened.end(), opened["mark"], 0
    first: tuple[int, int] | None = None
    for closed in _CLOSED[mark[0]].finditer(text, begin):
        if len(closed[0].lstrip()) < len(mark):
            continue
        first = first or closed.span()
        spent += closed.start() - begin
        if spent > most:
            break
        program = textwrap.dedent(text[begin : closed.start()])
        if is_python(program):
            return *closed.span(), spent
        if not is_within_string(program):
            break
    if first is None:  # never closed: to a mark of the end, or to the end itself
        marked = _MARKED.search(text, begin)
        first = (len(text), len(text)) if marked is None else marked.span()
    return *first, spent
