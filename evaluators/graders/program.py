r"""Finds the program in a reply.

In this order:

1. Fenced blocks (three backticks or tildes). Of those that define the entry point, the last that is
   valid Python, else the last, whatever the words around it say; and with it, in the reply's order,
   blocks that define what it reads and lacks (a helper, an import): for each name the nearest one
   before it, else the first after it. Where none defines it: all blocks together when that is
   valid Python, else the longest. Sessions of the interpreter and fences on one line count only
   where no other block defines the entry point.
2. A reply without a fence that defines the entry point: from its first line of code on, as many
   lines as are valid Python together.
3. A reply that continues the prompt (HumanEval's way): the prompt and the reply up to the first
   usual stop string. A fenced block that does not stand alone is read this way too.

Markers of few-shot prompts (`[BEGIN]`, `[DONE]`) and white space around are dropped before.
"""

import re
import textwrap
from collections.abc import Sequence
from typing import Final

from graphsearch.evaluators.graders._fences import fenced_blocks
from graphsearch.evaluators.graders._syntax import defines, is_python, names_of

__all__ = ["STOPS", "program_of"]

STOPS: Final = ("\nclass ", "\ndef ", "\n#", "\nif ", "\nprint(", "\n```", "\n@")
"""Where a reply that continues the prompt ends."""

_LONGEST: Final = 100_000
_MOST_READ: Final = 300_000
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
    fenced = fenced_blocks(text)
    blocks = [block.text for block in fenced if not block.aside]
    if entry_point is not None:
        for among in (blocks, [block.text for block in fenced if block.aside]):
            chosen = [i for i, block in enumerate(among) if defines(block, entry_point)]
            if chosen:
                valid = [i for i in chosen if is_python(among[i])]
                return with_prompt(prompt, _with_helpers(among, (valid or chosen)[-1], prompt))
    if blocks:
        longest = max(blocks, key=len)
        if entry_point is not None and prompt is not None:
            last = prompt.rstrip().rsplit("\n", 1)[-1]
            indent = last[: len(last) - len(last.lstrip())] or "    "
            continued = prompt.rstrip() + "\n" + textwrap.indent(longest, indent)
            if is_python(continued):
                return continued
        together = "\n".join(blocks)
        return together if is_python(together) else longest
    if not text.strip():
        return None
    if prompt is None or (entry_point is not None and defines(text, entry_point)):
        found = _of_prose(text, entry_point)
        if found is not None or prompt is None:
            return found
    ends = [place for stop in STOPS if (place := text.find(stop)) >= 0]
    return prompt + text[: min(ends, default=len(text))]


def _with_helpers(blocks: Sequence[str], chosen: int, prompt: str | None) -> str:
    """The chosen block, with those that define names which it reads and nobody else gives it."""
    if len(blocks) == 1:
        return blocks[chosen]
    names = [names_of(block) for block in blocks]
    had = set(names_of(prompt).defined if prompt is not None else ())
    order = [*range(chosen - 1, -1, -1), *range(chosen + 1, len(blocks))]
    taken, left = [chosen], [chosen]
    while left:
        one = left.pop()
        had |= names[one].defined
        for name in sorted(names[one].wanted - had):
            giver = next((i for i in order if name in names[i].defined), None)
            if giver is not None and giver not in taken:
                taken.append(giver)
                left.append(giver)
    return "\n".join(blocks[i] for i in sorted(taken))


def _of_prose(text: str, entry_point: str | None) -> str | None:
    """The longest run of lines that is Python, from the first line that looks like code."""
    lines = text.split("\n")
    begins = [i for i, line in enumerate(lines) if _CODE_LINE.match(line)]
    read = 0
    for begin in begins:
        # The end, then before each line that is neither blank nor indented, from the last one up.
        outer = (i for i, line in enumerate(lines) if i > begin and line.strip())
        ends = [i for i in outer if lines[i][0] not in " \t"]
        for end in (len(lines), *reversed(ends)):
            found = "\n".join(lines[begin:end])
            read += len(found)
            if read > _MOST_READ:  # a hostile text costs no more than a fraction of a second
                return "\n".join(lines[begins[0] :])
            if is_python(found) and (entry_point is None or defines(found, entry_point)):
                return found
    return "\n".join(lines[begins[0] :]) if begins else None


def with_prompt(prompt: str | None, program: str) -> str:
    """The program after the prompt's imports and helpers, where the prompt is Python by itself."""
    if prompt is None or not is_python(prompt):
        return program
    return f"{prompt.rstrip()}\n\n\n{program}"
