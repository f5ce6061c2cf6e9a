"""The program's side: runs the program, then answers calls with data until the tests are done.

All that is here can be taken over by the program, and it gains nothing: what leaves this process
is data only, and what the data is worth is found out elsewhere.
"""

from __future__ import annotations

import marshal
import os
import sys

from graphsearch.evaluators.sandbox.inside.wire import Broken, Closed, Codec, Pipe, TooMuch

TYPE_CHECKING = False  # as in typing, whose import costs more than Python's start
if TYPE_CHECKING:
    from typing import Any

__all__ = ["main"]

_EMPTY: tuple[Any, ...] = ([], (), {}, set(), "", range(0))
_ITERATORS: tuple[type, ...] = (
    type(_ for _ in ()),
    *(map, filter, zip, enumerate, reversed),
    *(type(iter(value)) for value in _EMPTY),
)
_MUTABLE = {"list", "dict", "set", "bytearray", "deque", "array", "OrderedDict", "Counter"}
_LONGEST_MESSAGE = 300


def main(arguments: dict[str, Any]) -> None:
    """Run a program and answer for it.

    Args:
        arguments: `reads` and `writes` (descriptors), `program` (text).
    """
    pipe = Pipe(arguments["reads"], arguments["writes"])
    pipe.send(b'["hello"]')
    nothing = os.open(os.devnull, os.O_RDWR)
    for used in (0, 1, 2):
        os.dup2(nothing, used)
    try:
        _Answering(pipe).serve(arguments["program"])
    finally:
        os._exit(0)


class _Answering:
    """Objects that the tests know by number, and their questions."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._codec = Codec(self._export, self._import)
        self._kept: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._module = type(sys)("program")
        self._changed: list[Any] = []

    def serve(self, program: str) -> None:
        sys.modules["program"] = self._module
        self._answer(self._load, [program])
        while True:
            self._handle(self._read())

    def _load(self, program: str) -> None:
        exec(compile(program, "program.py", "exec"), self._module.__dict__)
        found = sys.modules.get("random")
        if found is not None:  # equal programs give equal answers
            found.seed(0)

    def _read(self) -> list[Any]:
        frame: list[Any] = marshal.loads(self._pipe.receive())
        return frame

    def _handle(self, frame: list[Any]) -> None:
        _, name, *given = frame
        self._answer(getattr(self, f"_on_{name}"), given)

    def _answer(self, does: Any, given: list[Any]) -> None:
        """Do what is asked and send what came of it."""
        try:
            try:
                found = self._codec.pack(does(*given))
                sent = to_json(["ok", found, *self._changed])
            except TooMuch as error:
                sent = to_json(["error", "ValueError", "", f"the result is {error}"])
            finally:
                self._changed = []
            self._pipe.send(sent)
        except (Closed, Broken):
            raise
        except BaseException as error:
            self._pipe.send(to_json(["error", *_told(error)]))

    # -- what can be asked

    def _on_name(self, name: str) -> Any:
        found = self._module.__dict__
        if name not in found:
            raise NameError(f"the program defines no {name!r}")
        return found[name]

    def _on_call(self, number: int, args: Any, kwargs: Any) -> Any:
        values = self._codec.each(args, 0)
        named = {key: self._codec.unpack(value) for key, value in kwargs}
        found = self._kept[number](*values, **named)
        if found is None and any(type(a) is list and a[0] in _MUTABLE for a in args):
            after = [self._codec.pack(value) for value in values]
            self._changed = [after] if after != args else []
        return found

    def _on_next(self, number: int) -> Any:
        try:
            return (next(self._kept[number]),)
        except StopIteration:
            return ()

    def _on_attribute(self, number: int, name: str) -> Any:
        return getattr(self._kept[number], name)

    def _on_set_attribute(self, number: int, name: str, value: Any) -> None:
        setattr(self._kept[number], name, self._codec.unpack(value))

    def _on_operator(self, name: str, args: Any) -> Any:
        import operator

        given = self._codec.each(args, 0)
        own: dict[str, Any] = {"str": str, "repr": repr, "bool": bool, "len": len, "iter": iter}
        return (own.get(name) or getattr(operator, name))(*given)

    # -- what is no plain data

    def _export(self, value: Any) -> list[Any]:
        if type(value) is _Stub:
            return ["back", value.number]
        number = self._numbers.get(id(value))
        if number is None:
            number = len(self._kept)
            self._kept.append(value)  # kept for good, so that its id stays its own
            self._numbers[id(value)] = number
        kind = "function" if callable(value) else "object"
        if isinstance(value, _ITERATORS):
            kind = "iterator"
        return ["mine", [number, kind, type(value).__name__]]

    def _import(self, tag: str, content: Any) -> Any:
        if tag == "yours":
            return self._kept[content]
        if tag == "global":
            home, name = content
            __import__(home)
            return getattr(sys.modules[home], name)
        if tag == "function":
            return _Stub(self, content)
        raise Broken(f"an unknown {tag}")

    def call_back(self, number: int, args: Any, kwargs: Any) -> Any:
        """Ask for what a function of the tests returns."""
        packed = [self._codec.pack(value) for value in args]
        named = [[key, self._codec.pack(value)] for key, value in kwargs.items()]
        self._pipe.send(to_json(["call", number, packed, named]))
        while True:
            frame = self._read()
            if frame[0] == "answer":
                break
            self._handle(frame)
        if frame[1] == "ok":
            return self._codec.unpack(frame[2])
        raise getattr(sys.modules["builtins"], frame[2])(frame[3])


class _Stub:
    """A function of the tests, as the program sees it."""

    def __init__(self, answering: _Answering, number: int) -> None:
        self.number = number
        self._answering = answering

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._answering.call_back(self.number, args, kwargs)


def _told(error: BaseException) -> list[str]:
    """Nearest built-in kind of an error, its own kind, and what it says."""
    kind = type(error)
    near = next(k.__name__ for k in kind.__mro__ if k.__module__ == "builtins")
    try:
        said = str(error)[:_LONGEST_MESSAGE]
    except BaseException:
        said = ""
    if isinstance(error, SyntaxError):
        said = f"{error.msg} (line {error.lineno})"
    return [near, str(kind.__name__), said]


# -- JSON, without the package: it would cost every program 10 ms


def to_json(tree: Any) -> bytes:
    """A tree of lists and scalars as JSON."""
    parts: list[str] = []
    _write(tree, parts.append)
    return "".join(parts).encode("ascii")


def _write(tree: Any, add: Any) -> None:
    if isinstance(tree, list):
        add("[")
        for i, item in enumerate(tree):
            if i:
                add(",")
            _write(item, add)
        add("]")
    elif isinstance(tree, str):
        add(_quoted(tree))
    elif tree is None or tree is True or tree is False:
        add({None: "null", True: "true", False: "false"}[tree])
    elif isinstance(tree, float):
        add(_NUMBERS.get(repr(tree)) or repr(tree))
    else:
        add(int.__repr__(tree))


_NUMBERS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}

try:
    from _json import encode_basestring_ascii as _quoted
except ImportError:  # an interpreter without it
    from json.encoder import py_encode_basestring_ascii as _quoted
