"""A program with its tests, and what these ask of it, found in their text before anything runs."""

import ast
import builtins
import symtable
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from graphsearch.records.errors import TaskError

__all__ = ["Asked", "Submission", "asked_of_program"]

_BUILTINS = frozenset(dir(builtins)) | {"__file__", "__annotations__", "__name__"}
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Submission:
    """A program and the tests that it must pass.

    Attributes:
        program: its text.
        tests: texts that run one after the other, in one namespace that the program cannot reach;
            what they do not define is asked of the program.
        prelude: texts that run before them, there too.
        entry_point: the program's function, where the tests name one.
        call: function of the tests that is called with the entry point, None for none.
        asked: names that mean the program's even where Python has a function of that name. All
            other built-in names are Python's own, whatever the program defines.
    """

    program: str
    tests: tuple[str, ...]
    prelude: tuple[str, ...] = ()
    entry_point: str | None = None
    call: str | None = None
    asked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What tests ask of a program.

    Attributes:
        names: names of the program that are read when the tests run. Where there are none, the
            tests say the same of every program.
        modules: names that the tests call and that are modules of Python's library here, so that no
            program can answer.
    """

    names: frozenset[str]
    modules: frozenset[str]


def asked_of_program(submission: Submission) -> Asked:
    """Read the tests.

    Functions and classes that they define and never use do not count: nothing in them runs.

    Raises:
        TaskError: a text is no Python, or nested too deeply.
    """
    try:
        return _asked(
            submission.tests,
            submission.prelude,
            submission.entry_point,
            submission.call,
            submission.asked,
        )
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise TaskError(f"the tests cannot be read as Python: {error}") from None


@lru_cache(maxsize=2048)
def _asked(
    tests: tuple[str, ...],
    prelude: tuple[str, ...],
    entry_point: str | None,
    call: str | None,
    asked: tuple[str, ...],
) -> Asked:
    given = [node for text in prelude for node in _parsed(text)]
    body = [n for n in given if not (isinstance(n, _Definition) and n.name == entry_point)]
    body += [node for text in tests for node in _parsed(text)]
    running = [n for n in body if not isinstance(n, _Definition) or n.decorator_list]
    waiting = [n for n in body if n not in running]
    while used := [n for n in waiting if n.name == call or n.name in _read(running)]:  # type: ignore[attr-defined]
        running += used
        waiting = [n for n in waiting if n not in used]
    text = ast.unparse(ast.Module(body=running, type_ignores=[]))
    defined, read = _globals(symtable.symtable(text, "<tests>", "exec"))
    wanted = {name for name in read - defined if name not in _BUILTINS or name in asked}
    if call is not None and entry_point is not None:
        # Where the function that is called reads its first argument, or may do so by `*args`.
        made = (n for n in running if isinstance(n, ast.FunctionDef) and n.name == call)
        caller = next(made, None)
        first = [*caller.args.posonlyargs, *caller.args.args][:1] if caller else []
        if caller is None or not first or first[0].arg in _read(caller.body):
            wanted.add(entry_point)
    modules = wanted.intersection(sys.stdlib_module_names).difference(asked)
    called = {
        node.func.id
        for one in running
        for node in ast.walk(one)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    return Asked(frozenset(wanted - modules), frozenset(modules & called))


def _parsed(text: str) -> list[ast.stmt]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text).body


def _read(nodes: list[ast.stmt]) -> set[str]:
    every = (node for one in nodes for node in ast.walk(one))
    return {n.id for n in every if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _globals(top: symtable.SymbolTable) -> tuple[set[str], set[str]]:
    """Global names that a text defines, and those that it reads."""

    def scopes(one: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
        yield one
        for child in one.get_children():
            yield from scopes(child)

    defined, read = set(), set()
    for scope in scopes(top):
        for symbol in scope.get_symbols():
            if scope is top or symbol.is_global():
                if symbol.is_assigned() or symbol.is_imported():
                    defined.add(symbol.get_name())
                if symbol.is_referenced():
                    read.add(symbol.get_name())
    return defined, read
