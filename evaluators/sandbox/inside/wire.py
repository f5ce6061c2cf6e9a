"""Calls between two processes that do not trust each other: plain data, nothing that runs.

The tests hold `Remote` stand-ins for what lives in the program's process. What is plain data is
copied, type by type; everything else stays where it is and is spoken of by number. From the tests
to the program a frame is marshalled, from the program to the tests it is JSON, read by code that
cannot be made to run anything. A frame is its length (4 bytes, big-endian) and its content.

A value on the wire is None, a bool, an int below 2**63, a float or a str as itself, and everything
else as `[tag, content]`.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as in typing, whose import costs more than Python's start
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["FRAME", "Broken", "Closed", "Codec", "Pipe", "TooMuch"]

FRAME = 8 * 2**20
"""Bytes of the longest frame."""

_DEEPEST = 100
_SMALL = 2**63


class Closed(Exception):
    """The other side is gone."""


class Broken(Exception):
    """The other side sent what is no frame or no value."""


class TooMuch(Exception):
    """A value too long or too deeply nested to be sent."""


class Pipe:
    """Frames over two file descriptors.

    Args:
        reads: descriptor to read from.
        writes: descriptor to write to.
    """

    def __init__(self, reads: int, writes: int) -> None:
        self._reads = reads
        self._writes = writes
        # Kept here: a program may replace what a module's name leads to.
        from os import read, write

        self._read = read
        self._write = write

    def send(self, content: bytes) -> None:
        """Write one frame."""
        if len(content) > FRAME:
            raise TooMuch(f"more than {FRAME:,} bytes")
        left = memoryview(len(content).to_bytes(4, "big") + content)
        try:
            while left:
                left = left[self._write(self._writes, left) :]
        except OSError:
            raise Closed from None

    def receive(self) -> bytes:
        """Read one frame."""
        length = int.from_bytes(self._exactly(4), "big")
        if length > FRAME:
            raise Broken(f"a frame of {length:,} bytes")
        return self._exactly(length)

    def _exactly(self, length: int) -> bytes:
        parts = []
        while length:
            try:
                part = self._read(self._reads, min(length, 1 << 16))
            except OSError:
                raise Closed from None
            if not part:
                raise Closed
            parts.append(part)
            length -= len(part)
        return b"".join(parts)


class Codec:
    """Turns values into what goes over the wire, and back.

    Args:
        other: turns a value that is no plain data into `[tag, content]`.
        own: makes the value of a tag that is not known here.
    """

    def __init__(
        self,
        other: Callable[[Any], list[Any]],
        own: Callable[[str, Any], Any],
    ) -> None:
        self._other = other
        self._own = own

    def pack(self, value: Any, depth: int = 0) -> Any:
        """The value as it goes over the wire.

        Raises:
            TooMuch: it is nested too deeply.
        """
        kind = type(value)
        if value is None or kind is bool or kind is str or kind is float:
            return value
        if isinstance(value, int):  # subclasses too: what counts is the number
            number = int.__index__(value)
            return number if -_SMALL < number < _SMALL else ["int", hex(number)]
        if depth > _DEEPEST:
            raise TooMuch(f"nested deeper than {_DEEPEST}")
        maker = _PACK.get(kind) or _PACK_LATE.get((kind.__module__, kind.__qualname__))
        if maker is not None:
            return maker(self, value, depth + 1)
        if isinstance(value, tuple) and type(fields := getattr(kind, "_fields", None)) is tuple:
            return ["named", [self._items(fields, depth + 1), self._items(value, depth + 1)]]
        # What a subclass holds, as its base has it: whatever it overrides does not count.
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, float):
            return float.__float__(value)
        if isinstance(value, complex):
            return _PACK[complex](self, complex.__pos__(value), depth + 1)
        if isinstance(value, dict):
            return ["dict", self._pairs(dict.items(value), depth + 1)]
        base: Any
        for base in (tuple, list, set, frozenset, bytes, bytearray):
            if isinstance(value, base):
                return _PACK[base](self, base(base.__iter__(value)), depth + 1)
        return self._other(value)

    def _items(self, values: Any, depth: int) -> list[Any]:
        return [self.pack(value, depth) for value in values]

    def _pairs(self, values: Any, depth: int) -> list[Any]:
        return [[self.pack(key, depth), self.pack(value, depth)] for key, value in values]

    def unpack(self, tree: Any, depth: int = 0) -> Any:
        """The value that went over the wire.

        Raises:
            Broken: it is none.
        """
        if not isinstance(tree, list):
            if tree is None or isinstance(tree, bool | int | float | str):
                return tree
            raise Broken("a value of no known kind")
        if depth > _DEEPEST + 2:
            raise Broken("nested too deeply")
        if len(tree) != 2 or type(tree[0]) is not str:
            raise Broken("a value without a tag")
        tag, content = tree
        maker = _UNPACK.get(tag)
        if maker is None:
            return self._own(tag, content)
        try:
            return maker(self, content, depth + 1)
        except (TypeError, ValueError, ArithmeticError, LookupError) as error:
            raise Broken(f"no {tag}: {type(error).__name__}") from None

    def each(self, trees: Any, depth: int) -> list[Any]:
        """The values of a list on the wire."""
        if type(trees) is not list:
            raise Broken("no list")
        return [self.unpack(tree, depth) for tree in trees]

    def dictionary(self, trees: Any, depth: int) -> dict[Any, Any]:
        """The pairs of a dict on the wire."""
        if type(trees) is not list:
            raise Broken("no list of pairs")
        found = {}
        for pair in trees:
            key, value = pair
            found[self.unpack(key, depth)] = self.unpack(value, depth)
        return found


def _sequence(tag: str) -> Callable[[Codec, Any, int], Any]:
    return lambda codec, value, depth: [tag, codec._items(value, depth)]


_PACK: dict[type, Callable[[Codec, Any, int], Any]] = {
    list: _sequence("list"),
    tuple: _sequence("tuple"),
    set: _sequence("set"),
    frozenset: _sequence("frozenset"),
    dict: lambda codec, value, depth: ["dict", codec._pairs(value.items(), depth)],
    bytes: lambda codec, value, depth: ["bytes", value.hex()],
    bytearray: lambda codec, value, depth: ["bytearray", value.hex()],
    complex: lambda codec, value, depth: ["complex", [value.real, value.imag]],
    range: lambda codec, value, depth: [
        "range",
        [codec.pack(n, depth) for n in (value.start, value.stop, value.step)],
    ],
    type({}.keys()): lambda codec, value, depth: ["keys", codec._items(value, depth)],
    type({}.values()): lambda codec, value, depth: ["values", codec._items(value, depth)],
    type({}.items()): lambda codec, value, depth: ["items", codec._pairs(value, depth)],
    type(Ellipsis): lambda codec, value, depth: ["ellipsis", None],
}

# What a program may not have loaded: by module and name.
_PACK_LATE: dict[tuple[str, str], Callable[[Codec, Any, int], Any]] = {
    ("fractions", "Fraction"): lambda codec, value, depth: [
        "Fraction",
        [hex(value.numerator), hex(value.denominator)],
    ],
    ("decimal", "Decimal"): lambda codec, value, depth: ["Decimal", str(value)],
    ("datetime", "date"): lambda codec, value, depth: ["date", value.isoformat()],
    ("datetime", "datetime"): lambda codec, value, depth: ["datetime", value.isoformat()],
    ("datetime", "time"): lambda codec, value, depth: ["time", value.isoformat()],
    ("datetime", "timedelta"): lambda codec, value, depth: [
        "timedelta",
        [value.days, value.seconds, value.microseconds],
    ],
    ("collections", "OrderedDict"): lambda codec, value, depth: [
        "OrderedDict",
        codec._pairs(dict.items(value), depth),
    ],
    ("collections", "Counter"): lambda codec, value, depth: [
        "Counter",
        codec._pairs(dict.items(value), depth),
    ],
    ("collections", "deque"): lambda codec, value, depth: [
        "deque",
        [codec._items(value, depth), value.maxlen],
    ],
    ("array", "array"): lambda codec, value, depth: [
        "array",
        [value.typecode, codec._items(value, depth)],
    ],
}


class Named(tuple):  # type: ignore[type-arg]
    """A named tuple of the program: a tuple whose fields can be read by name."""

    _fields: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[self._fields.index(name)]
        except ValueError:
            raise AttributeError(name) from None


def _named(codec: Codec, content: Any, depth: int) -> Named:
    fields, values = content
    names = codec.each(fields, depth)
    if not all(type(name) is str and name.isidentifier() for name in names):
        raise Broken("no names of fields")
    found = Named(codec.each(values, depth))
    found._fields = tuple(names)
    return found


def _module(name: str, attribute: str) -> Any:
    __import__(name)
    return getattr(sys.modules[name], attribute)


def _timed(name: str) -> Callable[[Codec, Any, int], Any]:
    return lambda codec, content, depth: _module("datetime", name).fromisoformat(content)


_UNPACK: dict[str, Callable[[Codec, Any, int], Any]] = {
    "int": lambda codec, content, depth: int(content, 16),
    "list": lambda codec, content, depth: codec.each(content, depth),
    "tuple": lambda codec, content, depth: tuple(codec.each(content, depth)),
    "set": lambda codec, content, depth: set(codec.each(content, depth)),
    "frozenset": lambda codec, content, depth: frozenset(codec.each(content, depth)),
    "dict": lambda codec, content, depth: codec.dictionary(content, depth),
    "keys": lambda codec, content, depth: dict.fromkeys(codec.each(content, depth)).keys(),
    "values": lambda codec, content, depth: dict(enumerate(codec.each(content, depth))).values(),
    "items": lambda codec, content, depth: codec.dictionary(content, depth).items(),
    "bytes": lambda codec, content, depth: bytes.fromhex(content),
    "bytearray": lambda codec, content, depth: bytearray.fromhex(content),
    "complex": lambda codec, content, depth: complex(*content),
    "range": lambda codec, content, depth: range(*codec.each(content, depth)),
    "ellipsis": lambda codec, content, depth: ...,
    "named": _named,
    "Fraction": lambda codec, content, depth: _module("fractions", "Fraction")(
        *(int(part, 16) for part in content)
    ),
    "Decimal": lambda codec, content, depth: _module("decimal", "Decimal")(content),
    "date": _timed("date"),
    "datetime": _timed("datetime"),
    "time": _timed("time"),
    "timedelta": lambda codec, content, depth: _module("datetime", "timedelta")(*content),
    "deque": lambda codec, content, depth: _module("collections", "deque")(
        codec.each(content[0], depth), content[1]
    ),
    "array": lambda codec, content, depth: _module("array", "array")(
        content[0], codec.each(content[1], depth)
    ),
    "OrderedDict": lambda codec, content, depth: _module("collections", "OrderedDict")(
        codec.dictionary(content, depth)
    ),
    "Counter": lambda codec, content, depth: _module("collections", "Counter")(
        codec.dictionary(content, depth)
    ),
}
