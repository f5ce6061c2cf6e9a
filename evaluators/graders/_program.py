r"""Finds the program in a reply.

In this order:

1. Fenced blocks (three backticks or tildes; one that is never closed goes to the end). Of those
   that define the entry point, the last that is valid Python, else the last. Where none defines it:
   all blocks together when that is valid Python, else the longest.
2. A reply without a fence that defines the entry point: from its first line of code on, as many
   lines as are valid Python together.
3. A reply that continues the prompt (HumanEval's way): the prompt and the reply up to the first
   usual stop string. A fenced block that does not stand alone is read this way too.

Markers of few-shot prompts (`[BEGIN]`, `[DONE]`) and white space around are dropped before.
"""

import ast
import re
import textwrap
import warnings
from collections.abc import Iterable, Sequence
from typing import Final

__all__ = ["STOPS", "defines", "is_python", "program_of"]

STOPS: Final = ("\nclass ", "\ndef ", "\n#", "\nif ", "\nprint(", "\n```", "\n@")
"""Where a reply that continues the prompt ends."""

_LONGEST: Final = 100_000
_MOST_READ: Final = 300_000
_FENCE: Final = re.compile(
    r"^[ \t]*(?P<mark>`{3,}|~{3,})[ \t]*(?P<kind>[^\n`]*)\n(?P<text>.*?)(?:^[ \t]*(?P=mark)|\Z)",
    re.MULTILINE | re.DOTALL,
)
_KINDS: Final = {"", "python", "python3", "py", "py3", "python2", "ipython", "code"}
_CODE_LINE: Final = re.compile(r"^(?:import |from \w|def |class |async def |@\w|[A-Za-z_]\w* *=)")


def program_of(reply: str, *, entry_point: str | None, prompt: str | None) -> str | None:
    """The program that a reply holds, or None.

    Args:
        reply: the model's text.
        entry_point: the function wanted, None where any will do.
        prompt: the code that the reply may continue, None for none.
    """
    text = reply.replace("\r\n", "\n")[:_LONGEST]
    text = text.split("[DONE]")[0].replace("[BEGIN]", "").replace("[PYTHON]", "")
    blocks = [
        match["text"]
        for match in _FENCE.finditer(text)
        if match["kind"].strip().lower().split(" ")[0] in _KINDS
    ]
    if blocks:
        return _of_blocks(blocks, entry_point, prompt)
    if not text.strip():
        return None
    if prompt is None or (entry_point is not None and defines(text, entry_point)):
        found = _of_prose(text, entry_point)
        if found is not None or prompt is None:
            return found
    return prompt + _cut(text)


def _of_blocks(blocks: Sequence[str], entry_point: str | None, prompt: str | None) -> str | None:
    blocks = [textwrap.dedent(block) for block in blocks]
    if entry_point is None:
        together = "\n".join(blocks)
        return together if is_python(together) else max(blocks, key=len)
    chosen = [block for block in blocks if defines(block, entry_point)]
    if chosen:
        valid = [block for block in chosen if is_python(block)]
        return with_prompt(prompt, (valid or chosen)[-1])
    longest = max(blocks, key=len)
    if prompt is not None:
        continued = prompt.rstrip() + "\n" + textwrap.indent(longest, _indent(prompt))
        if is_python(continued):
            return continued
    together = "\n".join(blocks)
    return together if is_python(together) else longest


def _of_prose(text: str, entry_point: str | None) -> str | None:
    """The longest run of lines that is Python, from the first line that looks like code."""
    lines = text.split("\n")
    begins = [i for i, line in enumerate(lines) if _CODE_LINE.match(line)]
    read = 0
    for begin in begins:
        for end in _ends(lines, begin):
            found = "\n".join(lines[begin:end])
            read += len(found)
            if read > _MOST_READ:  # a hostile text costs no more than a fraction of a second
                return "\n".join(lines[begins[0] :])
            if is_python(found) and (entry_point is None or defines(found, entry_point)):
                return found
    return "\n".join(lines[begins[0] :]) if begins else None


def _ends(lines: Sequence[str], begin: int) -> Iterable[int]:
    """The end, then before each line that is neither blank nor indented, from the last one up."""
    yield len(lines)
    for i in range(len(lines) - 1, begin, -1):
        if lines[i].strip() and lines[i][0] not in " \t":
            yield i


def with_prompt(prompt: str | None, program: str) -> str:
    """The program after the prompt's imports and helpers, where the prompt is Python by itself."""
    if prompt is None or not is_python(prompt):
        return program
    return f"{prompt.rstrip()}\n\n\n{program}"


def _cut(text: str) -> str:
    ends = [place for stop in STOPS if (place := text.find(stop)) >= 0]
    return text[: min(ends)] if ends else text


def _indent(prompt: str) -> str:
    last = prompt.rstrip().rsplit("\n", 1)[-1]
    return last[: len(last) - len(last.lstrip())] or "    "


def defines(text: str, name: str) -> bool:
    """Whether a text has a definition of the name at its outermost level."""
    pattern = rf"^(?:async\s+def|def|class)\s+{re.escape(name)}\b|^{re.escape(name)}\s*[=:]"
    return re.search(pattern, text, re.MULTILINE) is not None


def is_python(text: str) -> bool:
    """Whether a text is valid Python; nothing of it runs."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
