r"""What stands in LaTeX's boxes: the answer of a reply, or of a worked solution."""

import re
from typing import Final, NamedTuple

__all__ = ["last_box", "last_boxed"]

_BOX: Final = re.compile(
    r"\\f?boxe?d?(?:\s*(?P<opened>\{)"
    r"|(?![A-Za-z])\s*(?P<bare>[-+]?(?:\d|\\[A-Za-z])(?:(?!\\[\])])[^\s$])*))"
)
"""A box with braces, or without them before a number or a command, as in `\boxed 5`."""

_BRACE: Final = re.compile(r"\\.|[{}]", re.DOTALL)
"""Braces; what is escaped is passed over, so that `\\}` is the end of a line and a brace."""

_SPACE: Final = r"(?:[\s$,;.~]|\\[,;:! ()\[\]]|\\q?quad(?![A-Za-z]))*"
_BETWEEN: Final = re.compile(
    r"[\s$,;.]*(?:(?:and|or)[\s$]*)?"
    rf"|{_SPACE}(?:and|or|\\(?:text|textrm|mathrm|mbox)\s*\{{[\s,]*(?:and|or)\s*\}}){_SPACE}"
)
_MOST: Final = 20


class _Box(NamedTuple):
    begin: int
    end: int
    content: str


def last_boxed(text: str) -> str | None:
    r"""Content of the last `\boxed{...}` or `\fbox{...}`; see `last_box`."""
    found = last_box(text)
    return None if found is None else found[1]


def last_box(text: str) -> tuple[int, str] | None:
    r"""Place and content of the last `\boxed{...}` or `\fbox{...}`, braces matched.

    Boxes right before it, with no more than `,`, `and` or `or` between, are listed before it. A box
    that is never closed is none; of boxes in each other the inner one counts.
    """
    found: list[_Box] = []
    for match in reversed(list(_BOX.finditer(text))[-_MOST:]):
        if match["opened"] is None:
            box = _Box(match.start(), match.end(), match["bare"].rstrip(".,;:"))
        else:
            depth = 1
            for brace in _BRACE.finditer(text, match.end()):
                depth += {"{": 1, "}": -1}.get(brace[0], 0)
                if depth == 0:
                    break
            else:
                continue
            inside = text[match.end() : brace.start()].strip()
            box = _Box(match.start(), brace.end(), inside)
        if found and found[0].begin < box.end:
            continue  # it holds the one that was found
        if found and not _BETWEEN.fullmatch(text[box.end : found[0].begin]):
            break
        found.insert(0, box)
    if not found:
        return None
    return found[-1].begin, ", ".join(dict.fromkeys(box.content for box in found))
