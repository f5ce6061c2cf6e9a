"""The judge's side: runs the tests, with stand-ins for what they ask of the program.

One process serves many programs, a fork for each. The tests run here and the program does not: it
has its own sandbox and reaches this process by the frames of `wire` alone.
"""

import ast
import builtins
import collections
import contextlib
import copy
import functools
import heapq
import itertools
import json
import linecache
import marshal
import math
import os
import random
import re
import resource
import select
import socket
import string
import sys
import typing
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, NoReturn

from graphsearch.evaluators.sandbox.inside.wire import Broken, Closed, Codec, Pipe

__all__ = ["main"]

# Imported for the tests' sake: once here, not once a program.
_WARM = (collections, contextlib, copy, functools, heapq, itertools, math, re, string, typing)
_LONGEST_REASON = 300
_LONGEST_LINE = 160
_DESCRIPTORS = 2


def main(arguments: dict[str, Any]) -> NoReturn:
    """Serve jobs until the other end of the control socket is closed.

    A job is a marshalled dict with its length (8 bytes) before it, and the descriptors of the
    program's pipes. The answers are lines: `started`, then the verdict as JSON.

    Args:
        arguments: `control` (descriptor of a socket).
    """
    control = socket.socket(fileno=arguments["control"])
    control.sendall(b"ready\n")
    while True:
        head, descriptors = _head(control)
        if len(head) < 8:
            os._exit(0)
        job = marshal.loads(_exactly(control, int.from_bytes(head, "big")))
        _run(control, job, descriptors)


def _head(control: socket.socket) -> tuple[bytes, list[int]]:
    head, descriptors, _, _ = socket.recv_fds(control, 8, _DESCRIPTORS)
    return head, list(descriptors)


def _exactly(control: socket.socket, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        part = control.recv(min(length - len(parts), 1 << 20))
        if not part:
            os._exit(0)
        parts += part
    return bytes(parts)


def _run(control: socket.socket, job: dict[str, Any], descriptors: list[int]) -> None:
    """Fork for one job and pass on what the child says."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reads)
        control.close()
        _child(job, descriptors, writes)
    os.close(writes)
    for descriptor in descriptors:
        os.close(descriptor)
    said = _pass_on(control, reads)
    os.close(reads)
    _, status, usage = os.wait4(child, 0)
    if not said.endswith(b"}\n"):
        cpu = usage.ru_utime + usage.ru_stime
        ended = {"state": "judge-ended", "reason": f"wait status {status}", "cpu": cpu}
        control.sendall(json.dumps(ended).encode() + b"\n")


def _pass_on(control: socket.socket, reads: int) -> bytes:
    said = b""
    while True:
        ready, _, _ = select.select([control.fileno(), reads], [], [])
        if control.fileno() in ready:  # nothing is sent while a job runs: it was closed
            os._exit(0)
        part = os.read(reads, 65536)
        if not part:
            return said
        said = (said + part)[-2:]
        control.sendall(part)


def _child(job: dict[str, Any], descriptors: list[int], writes: int) -> NoReturn:
    verdict = {"state": "judge-ended", "reason": "no verdict"}
    try:
        most = int(job["cpu"])
        resource.setrlimit(resource.RLIMIT_CPU, (most, most))
        verdict = _verdict(job, Pipe(*descriptors), writes)
    except BaseException as error:
        verdict = {"state": "failed", "reason": _said(error)}
    finally:
        os.write(writes, json.dumps(verdict).encode() + b"\n")
        os._exit(0)


def _verdict(job: dict[str, Any], pipe: Pipe, writes: int) -> dict[str, str]:
    program = _Program(pipe, objects=False)
    try:
        pipe.receive()
    except Closed:
        return {"state": "not-started", "reason": ""}
    os.write(writes, b"started\n")
    try:
        program.answered()
    except _Gone:
        return {"state": "gone", "reason": "the program ended while it was loaded"}
    except BaseException as error:
        return {"state": "load", "reason": _said(error)}
    return _tested(job, program)


def _tested(job: dict[str, Any], program: "_Program") -> dict[str, str]:
    random.seed(0)
    names = _Names(program, job["asked"])
    sources = [("prelude", text) for text in job["prelude"]] + [("tests", t) for t in job["tests"]]
    program.objects = _speaks_of_classes(job, names)
    try:
        for i, (what, text) in enumerate(sources):
            where = f"{what} {i}"
            linecache.cache[where] = (len(text), None, text.splitlines(keepends=True), where)
            exec(compile(text, where, "exec"), names)
            if what == "prelude":  # a prompt defines the function too, without its body
                names.pop(job["entry_point"], None)
        if job["call"]:
            names[job["call"]](program.name(job["entry_point"]))
    except _Gone:
        return {"state": "gone", "reason": _where("the program ended", None)}
    except _Unfit as error:
        return {"state": "unfit", "reason": str(error)}
    except BaseException as error:
        return {"state": "failed", "reason": _where(_said(error), error)}
    if program.gone:  # a bare `except:` of the tests may have hidden it
        return {"state": "gone", "reason": "the program ended"}
    return {"state": "passed", "reason": ""}


def _speaks_of_classes(job: dict[str, Any], names: "_Names") -> bool:
    """Whether the tests themselves use a class of the program: a name with a capital."""
    bound: set[str] = set()
    used: set[str] = set()
    for text in (*job["prelude"], *job["tests"]):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Name):
                (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
            elif isinstance(node, ast.ClassDef | ast.FunctionDef):
                bound.add(node.name)
            elif isinstance(node, ast.alias):
                bound.add((node.asname or node.name).split(".")[0])
    free = used - bound - set(dir(builtins))
    if job["call"]:
        free.add(job["entry_point"])
    return any(name[:1].isupper() for name in free)


def _said(error: BaseException) -> str:
    if isinstance(error, _OfTheProgram):
        return str(error)[:_LONGEST_REASON]
    said = str(error)[:_LONGEST_REASON]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _where(said: str, error: BaseException | None) -> str:
    """What happened, with the line of the tests where it did."""
    step = error.__traceback__ if error is not None else sys.exc_info()[2]
    line = ""
    while step is not None:
        place = step.tb_frame.f_code.co_filename
        if place.startswith(("tests ", "prelude ")):
            line = linecache.getline(place, step.tb_lineno).strip()[:_LONGEST_LINE]
        step = step.tb_next
    return f"{said} in: {line}" if line else said


class _Gone(BaseException):
    """The program's process is no longer there. No `except Exception` of a test hides it."""


class _Unfit(BaseException):
    """The tests do what cannot be done between two processes."""


class _OfTheProgram(Exception):
    """An error of the program that cannot be made again here."""


class _Names(dict[str, Any]):
    """Globals of the tests: what they lack is asked of the program."""

    def __init__(self, program: "_Program", asked: tuple[str, ...]) -> None:
        super().__init__(__name__="tests", __builtins__=builtins)
        self._program = program
        self._asked = asked

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name) and name not in self._asked:
            raise KeyError(name)
        if name in sys.stdlib_module_names and name not in self._asked:
            return __import__(name)
        return self._program.name(name)


class _Program:
    """The program, as far as the judge can speak with it."""

    def __init__(self, pipe: Pipe, *, objects: bool) -> None:
        self._pipe = pipe
        self._codec = Codec(self._export, self._import)
        self._functions: list[Any] = []
        self.objects = objects
        self.gone = False

    def name(self, name: str) -> Any:
        """What a global name of the program stands for."""
        return self.ask("name", name)

    def call(self, number: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a function of the program returns."""
        packed = [self._codec.pack(value) for value in args]
        named = [[key, self._codec.pack(value)] for key, value in kwargs.items()]
        return self.ask("call", number, packed, named, changes=args)

    def ask(self, *question: Any, changes: tuple[Any, ...] = ()) -> Any:
        """Send a question; what is no scalar in it is packed already."""
        self._send(["ask", *question])
        return self.answered(changes)

    def operator(self, name: str, *values: Any) -> Any:
        """What an operator of the program's own objects gives."""
        return self.ask("operator", name, [self._codec.pack(value) for value in values])

    def set_attribute(self, number: int, name: str, value: Any) -> None:
        """Set an attribute of one of the program's objects."""
        self.ask("set_attribute", number, name, self._codec.pack(value))

    def answered(self, changes: tuple[Any, ...] = ()) -> Any:
        """The answer, after serving what the program asks meanwhile."""
        while True:
            kind, *content = self._frame()
            if kind == "ok" and content:
                if len(content) > 1:
                    for old, new in zip(changes, self._codec.each(content[1], 0), strict=False):
                        _update(old, new)
                return self._codec.unpack(content[0])
            if kind == "error" and len(content) == 3:
                raise _error(*map(str, content))
            if kind != "call" or len(content) != 3:
                raise Broken("an answer of no known kind")
            self._serve(*content)

    def _frame(self) -> list[Any]:
        try:
            frame = json.loads(self._pipe.receive())
        except Closed:
            self.gone = True
            raise _Gone from None
        if not isinstance(frame, list) or not frame:
            raise Broken("an answer that is no list")
        return frame

    def _send(self, frame: list[Any]) -> None:
        try:
            self._pipe.send(marshal.dumps(frame))
        except Closed:
            self.gone = True
            raise _Gone from None

    def _serve(self, number: Any, args: Any, kwargs: Any) -> None:
        """Call a function that the tests handed over, as often as the program likes."""
        try:
            function = self._functions[number]
            named = {str(key): self._codec.unpack(value) for key, value in kwargs}
            found = self._codec.pack(function(*self._codec.each(args, 0), **named))
        except (_Gone, Broken):
            raise
        except Exception as error:
            near = next(k for k in type(error).__mro__ if k.__module__ == "builtins")
            self._send(["answer", "error", near.__name__, str(error)[:_LONGEST_REASON]])
            return
        self._send(["answer", "ok", found])

    def _export(self, value: Any) -> list[Any]:
        if isinstance(value, Remote):
            return ["yours", value._remote_number]
        home, name = getattr(value, "__module__", None), getattr(value, "__qualname__", ".")
        if home in sys.stdlib_module_names and isinstance(name, str) and name.isidentifier():
            return ["global", [home, name]]
        if isinstance(value, FunctionType | BuiltinFunctionType | MethodType | functools.partial):
            self._functions.append(value)
            return ["function", len(self._functions) - 1]
        raise _Unfit(f"the tests hand a {type(value).__name__} to the program, not plain data")

    def _import(self, tag: str, content: Any) -> Any:
        if tag == "back" and isinstance(content, int) and 0 <= content < len(self._functions):
            return self._functions[content]
        if tag != "mine" or not isinstance(content, list) or len(content) != 3:
            raise Broken("a value of no known kind")
        number, kind, name = content
        if not isinstance(number, int):
            raise Broken("an object without a number")
        return Remote(self, number, "object" if self.objects else str(kind), str(name)[:80])


def _error(near: str, kind: str, said: str) -> BaseException:
    """An error of the program, as the nearest built-in kind."""
    made = getattr(builtins, near, None)
    if isinstance(made, type) and issubclass(made, BaseException):
        with contextlib.suppress(TypeError):  # a kind that takes more than a message
            error = made(said)
            if kind and kind != near:
                error.add_note(f"the program's own {kind}")
            return error
    return _OfTheProgram(f"{kind or near}: {said}")


def _update(old: Any, new: Any) -> None:
    """Give a mutable argument the content that the program left in it."""
    if type(old) is not type(new):
        return
    if isinstance(old, list):
        if len(old) == len(new):
            for i, value in enumerate(new):
                if type(value) in (list, dict) and type(old[i]) is type(value):
                    _update(old[i], value)
                else:
                    old[i] = value
        else:
            old[:] = new
    elif isinstance(old, dict | set):
        old.clear()
        old.update(new)
    elif isinstance(old, bytearray | collections.deque):
        old.clear()
        old.extend(new)


class Remote:
    """Something of the program that is no plain data.

    It is never asked whether it equals plain data, nor to compute with it: it would know what the
    tests expect. A function can be called and an iterator read. Attributes, items and operators
    between two of them are for tests that speak of the program's classes by name.
    """

    __slots__ = ("_remote_kind", "_remote_name", "_remote_number", "_remote_program")

    _remote_kind: str
    _remote_name: str
    _remote_number: int
    _remote_program: "_Program"

    def __init__(self, program: _Program, number: int, kind: str, name: str) -> None:
        for key, value in (
            ("_remote_program", program),
            ("_remote_number", number),
            ("_remote_kind", kind),
            ("_remote_name", name),
        ):
            object.__setattr__(self, key, value)

    def _may(self, *kinds: str) -> _Program:
        if self._remote_program.objects or self._remote_kind in kinds:
            return self._remote_program
        raise TypeError(f"the program returned a {self._remote_name}, which is no plain data")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._may("function").call(self._remote_number, args, kwargs)

    def __iter__(self) -> Any:
        program = self._may("iterator")
        if self._remote_kind == "iterator":
            return self
        return program.operator("iter", self)

    def __next__(self) -> Any:
        found = self._may("iterator").ask("next", self._remote_number)
        if type(found) is not tuple or len(found) > 1:
            raise Broken("an item of no known kind")
        if not found:
            raise StopIteration
        return found[0]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._may().ask("attribute", self._remote_number, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._may().set_attribute(self._remote_number, name, value)

    def __getitem__(self, key: Any) -> Any:
        return self._may().operator("getitem", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._may().operator("setitem", self, key, value)

    def __delitem__(self, key: Any) -> None:
        self._may().operator("delitem", self, key)

    def __len__(self) -> int:
        return int(self._may().operator("len", self))

    def __bool__(self) -> bool:
        program = self._may("function", "iterator")
        return self._remote_kind != "object" or bool(program.operator("bool", self))

    def __str__(self) -> str:
        return str(self._may().operator("str", self))

    def __repr__(self) -> str:
        return str(self._may().operator("repr", self))

    def __hash__(self) -> int:
        return hash(self._remote_number)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Remote):
            return False
        if other._remote_number == self._remote_number:
            return True
        program = self._remote_program
        return program.objects and bool(program.operator("eq", self, other))


def _between(name: str) -> Any:
    def operate(self: Remote, other: Any) -> Any:
        if not isinstance(other, Remote):
            return NotImplemented
        return self._may().operator(name, self, other)

    return operate


for _name in ("add", "sub", "mul", "truediv", "matmul", "and", "or", "xor", "lt", "le", "gt", "ge"):
    setattr(Remote, f"__{_name}__", _between(f"__{_name}__"))
