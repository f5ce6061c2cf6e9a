"""What can be told of a text as Python without running any of it."""

import ast
import builtins
import re
import symtable
import warnings
from typing import Final, NamedTuple

__all__ = ["Names", "defines", "is_python", "is_within_string", "names_of"]

_GIVEN: Final = frozenset({*dir(builtins), "__file__", "__annotations__"})
_WRONG: Final = (SyntaxError, ValueError, RecursionError, MemoryError)


class Names(NamedTuple):
    """Names at the outermost level of a program.

    Attributes:
        defined: what it defines, by `def`, `class`, `import` or `=`.
        wanted: what it reads, anywhere, and neither defines nor has from Python.
    """

    defined: frozenset[str] = frozenset()
    wanted: frozenset[str] = frozenset()


def is_python(text: str) -> bool:
    """Whether a text is valid Python; nothing of it runs."""
    try:
        _parse(text)
    except _WRONG:
        return False
    return True


def is_within_string(text: str) -> bool:
    """Whether a text is no valid Python because it ends within a string of several lines."""
    try:
        _parse(text)
    except SyntaxError as error:
        return str(error.msg).startswith("unterminated triple-quoted")
    except _WRONG:
        return False
    return False


def _parse(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ast.parse(text)


def names_of(text: str) -> Names:
    """What a program defines and wants; nothing where it is no valid Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            top = symtable.symtable(text, "<reply>", "exec")
    except _WRONG:
        return Names()
    defined, read, left = set(), set(), [top]
    while left:
        scope = left.pop()
        left += scope.get_children()
        for symbol in scope.get_symbols():
            if scope is not top and not symbol.is_global():
                continue
            if symbol.is_assigned() or symbol.is_imported():
                defined.add(symbol.get_name())
            if symbol.is_referenced():
                read.add(symbol.get_name())
    return Names(frozenset(defined), frozenset(read - defined - _GIVEN))


def defines(text: str, name: str) -> bool:
    """Whether a text has a definition of the name at its outermost level."""
    pattern = rf"^(?:async\s+def|def|class)\s+{re.escape(name)}\b|^{re.escape(name)}\s*[=:]"
    return re.search(pattern, text, re.MULTILINE) is not None
