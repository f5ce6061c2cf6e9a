"""The tests' side: runs them, with stand-ins for what they ask of the program.

One process serves many programs, a fork for each. The tests run here and the program does not: it
has its own sandbox and reaches this process by the frames of `wire` alone. Every rule on what a
program may answer is kept here; what `candidate` does about it only saves time.
"""

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
import signal
import socket
import string
import sys
import typing
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, NoReturn

from graphsearch.evaluators.sandbox.inside.remote import KINDS, Remote, RemoteObject
from graphsearch.evaluators.sandbox.inside.wire import Broken, Closed, Codec, Pipe

__all__ = ["main"]

# Imported for the tests' sake: once here, not once a program.
_WARM = (collections, contextlib, copy, functools, heapq, itertools, math, re, string, typing)
_LONGEST_REASON = 300
_LONGEST_LINE = 160
_DESCRIPTORS = 2
_KEPT_MEMORY = 64 * 2**20
"""Bytes that tests do not get, so that a verdict can be told when they have used up the rest."""

_ENDINGS = (StopIteration, StopAsyncIteration, GeneratorExit)
"""What `map`, `zip`, `all` and generators take for an end and not for an error: a program's
function that raises one of these would end the tests' own loops early."""


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
        head, descriptors, _, _ = socket.recv_fds(control, 8, _DESCRIPTORS)
        length = int.from_bytes(head, "big")
        content = bytearray()
        while head and len(content) < length:
            part = control.recv(min(length - len(content), 1 << 20))
            if not part:
                break
            content += part
        if len(head) < 8 or len(content) < length:
            os._exit(0)
        _run(control, marshal.loads(content), list(descriptors))


def _run(control: socket.socket, job: dict[str, Any], descriptors: list[int]) -> None:
    """Fork for one job and pass on what the child says."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reads)
        control.close()
        _child(job, descriptors, writes)
    for descriptor in (writes, *descriptors):
        os.close(descriptor)
    said = b""
    while True:
        ready, _, _ = select.select([control.fileno(), reads], [], [])
        if control.fileno() in ready:  # nothing is sent while a job runs: the grader is gone
            os.kill(child, signal.SIGTERM)
            os._exit(0)
        part = os.read(reads, 65536)
        if not part:
            break
        said = (said + part)[-2:]
        control.sendall(part)
    os.close(reads)
    _, status, usage = os.wait4(child, 0)
    if not said.endswith(b"}\n"):
        cpu = usage.ru_utime + usage.ru_stime
        ended = {"state": "ended", "reason": f"wait status {status}", "cpu": cpu}
        control.sendall(json.dumps(ended).encode() + b"\n")


def _child(job: dict[str, Any], descriptors: list[int], writes: int) -> NoReturn:
    """Run the tests of one job, tell the verdict, and end."""
    memory = resource.getrlimit(resource.RLIMIT_AS)[1]
    verdict = {"state": "failed", "reason": "MemoryError"}
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (job["cpu"], job["cpu"]))
        if memory > _KEPT_MEMORY:
            resource.setrlimit(resource.RLIMIT_AS, (memory - _KEPT_MEMORY, memory))
        pipe = Pipe(*descriptors)
        try:
            pipe.receive()
        except Closed:
            verdict = {"state": "not-started", "reason": ""}
        else:
            os.write(writes, b"started\n")
            verdict = _verdict(job, _Program(pipe, objects=job["objects"]))
    except BaseException as error:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        verdict = {"state": "failed", "reason": _said(error)}
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        os.write(writes, json.dumps(verdict).encode() + b"\n")
        os._exit(0)


def _verdict(job: dict[str, Any], program: "_Program") -> dict[str, str]:
    """Wait until the program is loaded, and run the tests."""
    try:
        program.answered()
    except _Gone:
        return {"state": "gone", "reason": "the program ended while it was loaded"}
    except BaseException as error:
        return {"state": "load", "reason": _said(error)}
    random.seed(0)
    program.used = False
    names = _Names(program, job["asked"])
    sources = [("prelude", text) for text in job["prelude"]] + [("tests", t) for t in job["tests"]]
    try:
        for i, (what, text) in enumerate(sources):
            where = f"{what} {i}"
            linecache.cache[where] = (len(text), None, text.splitlines(keepends=True), where)
            exec(compile(text, where, "exec"), names)
            if what == "prelude":  # a prompt defines the function too, without its body
                names.pop(job["entry_point"], None)
        if job["call"]:
            used, candidate = program.used, program.ask("name", job["entry_point"])
            program.used = used
            names[job["call"]](candidate)
    except _Gone as error:
        return {"state": "gone", "reason": _where("the program ended", error)}
    except _Unfit as error:
        return {"state": "unfit", "reason": str(error)}
    except BaseException as error:
        return {"state": "failed", "reason": _where(_said(error), error)}
    if program.gone:  # a bare `except:` of the tests may have hidden it
        return {"state": "gone", "reason": "the program ended"}
    if program.failure is not None:
        return {"state": "failed", "reason": program.failure}
    if not program.used:
        # What was handed to `check` may have kept it from asking; else no program had a part in it.
        state = "failed" if job["call"] else "unfit"
        return {"state": state, "reason": "the tests never called the program"}
    return {"state": "passed", "reason": ""}


def _said(error: BaseException) -> str:
    if isinstance(error, _OfTheProgram):
        return str(error)[:_LONGEST_REASON]
    said = str(error)[:_LONGEST_REASON]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _where(said: str, error: BaseException) -> str:
    """What happened, with the line of the tests where it did."""
    step, line = error.__traceback__, ""
    while step is not None:
        line = _line_of_tests(step.tb_frame.f_code.co_filename, step.tb_lineno) or line
        step = step.tb_next
    return f"{said} in: {line[:_LONGEST_LINE]}" if line else said


def _line_of_tests(file: str, number: int) -> str:
    """A line of the tests; "" for lines of anything else."""
    return (
        linecache.getline(file, number).strip() if file.startswith(("tests ", "prelude ")) else ""
    )


class _Gone(BaseException):
    """The program's process is no longer there. No `except Exception` of a test hides it."""


class _Unfit(BaseException):
    """The tests do what cannot be done between two processes."""


class _OfTheProgram(Exception):
    """An error of the program that is not made again here as what it was there."""


class _Names(dict[str, Any]):
    """Globals of the tests: what they lack is asked of the program."""

    def __init__(self, program: "_Program", asked: tuple[str, ...]) -> None:
        super().__init__(__name__="__main__", __builtins__=builtins)
        self._program = program
        self._asked = asked

    def __missing__(self, name: str) -> Any:
        if name not in self._asked:
            if hasattr(builtins, name):
                raise KeyError(name)
            if name in sys.stdlib_module_names:
                return __import__(name)
        try:
            return self._program.ask("name", name)
        except KeyError as error:  # would be taken for "not here", and the built-in name be used
            raise NameError(f"the program fails to give {name!r}") from error


class _Program:
    """The program, as far as its tests can speak with it.

    Args:
        pipe: the way to it.
        objects: whether the tests speak of its classes by name, so that its objects can be used.

    Attributes:
        used: whether it was asked for anything.
        gone: whether its process has ended.
        failure: what an assert said in a function that the tests handed over: the program has it
            called, so it may not decide whether it counts.
    """

    def __init__(self, pipe: Pipe, *, objects: bool) -> None:
        self._pipe = pipe
        self._codec = Codec(self._export, self._import)
        self._functions: list[Any] = []
        self._objects = objects
        self.used = False
        self.gone = False
        self.failure: str | None = None

    def call(self, number: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a function of the program returns."""
        packed = [self._codec.pack(value) for value in args]
        named = [[key, self._codec.pack(value)] for key, value in kwargs.items()]
        return self.ask("call", number, packed, named, changes=args)

    def operator(self, name: str, *values: Any) -> Any:
        """What an operator of the program's own objects gives."""
        return self.ask("operator", name, [self._codec.pack(value) for value in values])

    def set_attribute(self, number: int, name: str, value: Any) -> None:
        """Set an attribute of one of the program's objects."""
        self.ask("set_attribute", number, name, self._codec.pack(value))

    def ask(self, *question: Any, changes: tuple[Any, ...] = ()) -> Any:
        """The answer to a question; what is no scalar in it is packed already.

        Args:
            *question: what is asked.
            changes: arguments of a call, which get the content that the program left in them.
        """
        self.used = True
        self._send(["ask", *question])
        return self.answered(changes)

    def answered(self, changes: tuple[Any, ...] = ()) -> Any:
        """The answer, after serving what the program asks meanwhile."""
        while True:
            kind, *content = self._frame()
            if kind == "ok" and 1 <= len(content) <= 2:
                found = self._codec.unpack(content[0])
                if len(content) == 2:
                    # Else `f(items) == sorted(items)` holds for a program that empties the list.
                    if found is not None:
                        raise Broken("an argument is changed by a function that returns a value")
                    for old, new in zip(changes, self._codec.each(content[1], 0), strict=False):
                        _update(old, new)
                return found
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
            function, values = self._functions[number], self._codec.each(args, 0)
            named = {str(key): self._codec.unpack(value) for key, value in kwargs}
            found = self._codec.pack(function(*values, **named))
        except (_Gone, Broken):
            raise
        except _Unfit:
            if not any(isinstance(value, Remote) for value in (*values, *named.values())):
                raise
            # It made something of what the program gave it, which is no doing of the tests.
            self._send(["answer", "error", "TypeError", "no plain data"])
            return
        except Exception as error:
            said = _where(_said(error), error)
            if isinstance(error, AssertionError) and " in: assert" in said:
                self.failure = self.failure or said
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
        made = KINDS.get(str(kind), Remote)
        return (RemoteObject if self._objects else made)(self, number, str(name)[:80])


def _error(near: str, kind: str, said: str) -> BaseException:
    """An error of the program, as the nearest built-in kind that the tests do not misread."""
    made = getattr(builtins, near, None)
    if not (isinstance(made, type) and issubclass(made, BaseException)):
        return _OfTheProgram(f"{kind or near}: {said}")
    if issubclass(made, _ENDINGS):
        return RuntimeError(f"the program raised {near}")
    frame = sys._getframe(1)
    while frame.f_back and not _line_of_tests(frame.f_code.co_filename, frame.f_lineno):
        frame = frame.f_back
    line = _line_of_tests(frame.f_code.co_filename, frame.f_lineno)
    if issubclass(made, AssertionError) and line.startswith("assert"):
        # The assert speaks of a value, and the program has none: it does not fail by that.
        return _OfTheProgram(f"{kind or near}: {said}")
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
