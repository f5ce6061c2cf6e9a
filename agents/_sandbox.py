"""Templates that end: Jinja's immutable sandbox, with bounds on time and on memory.

The sandbox keeps a template from running code, not from running for ever: `9**9**9`, `'%999999999d'
% 1`, a loop in a loop in a loop. Here what may grow without a bound is not in the language (macros,
powers, texts times numbers), and the rest is paid for: each step of a loop by the size of its body,
each filter and method by the size of what it reads, from one allowance for each rendering.

The same template is refused on every machine, however slow. A process that is killed after a while
would need none of this, but costs more: a prompt of four answers takes 14 us in the plain sandbox,
24 us here, and 47 us through a pipe to a worker, in which the event loop stands still
(design/dependencies.md).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from types import BuiltinMethodType
from typing import Any, Final

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

__all__ = ["BoundedEnvironment", "bounded", "joined"]

_TOO_WIDE: Final = re.compile(r"\*|\d{4}")
"""A width that is an argument of its own, or one of 1,000 and more."""

_LEAST: Final = 1_000_000
_PER_LETTER: Final = 100
_LARGEST: Final = 10**15
"""Numbers beyond are of no use in a prompt, and grow by squaring."""

_WIDEST: Final = 1_000
"""Of what is filled up with blanks, zeros or copies."""

_NODES: Final = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Tuple),
    *(nodes.List, nodes.Dict, nodes.Pair, nodes.Extends, nodes.For, nodes.If, nodes.Block),
    *(nodes.Include, nodes.Assign, nodes.With, nodes.Scope, nodes.Filter, nodes.Test),
    *(nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Call, nodes.Keyword, nodes.CondExpr),
    *(nodes.Compare, nodes.Operand, nodes.Not, nodes.And, nodes.Or, nodes.Neg, nodes.Pos),
    *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Concat),
)
_SHRINKING: Final = (
    *("abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float"),
    *("int", "items", "last", "length", "list", "lower", "map", "max", "min", "reject"),
    *("rejectattr", "reverse", "select", "selectattr", "sort", "string", "striptags", "title"),
    *("trim", "truncate", "unique", "upper", "wordcount"),
)
_GROWING: Final = ("indent", "join", "replace", "round", "tojson")
_OF_TEXTS: Final = (
    *("capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha"),
    *("isdecimal", "isdigit", "islower", "isnumeric", "isspace", "istitle", "isupper", "join"),
    *("lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex"),
    *("rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase"),
    *("title", "upper"),
)
_METHODS: Final[Mapping[type, frozenset[str]]] = {
    str: frozenset(_OF_TEXTS),
    list: frozenset({"count", "index"}),
    tuple: frozenset({"count", "index"}),
    dict: frozenset({"get", "items", "keys", "values"}),
}


class _Allowance:
    """What one rendering may still do."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left

    def pay(self, cost: int) -> None:
        self.left -= cost
        if self.left < 0:
            raise SecurityError("does more than a prompt may: its loops or texts grow too large")


_ALLOWANCE: ContextVar[_Allowance | None] = ContextVar("allowance", default=None)


@contextmanager
def bounded(values: Mapping[str, Any]) -> Iterator[None]:
    """Let what is rendered or compiled inside do as much as befits what it is given."""
    token = _ALLOWANCE.set(_Allowance(_LEAST + _PER_LETTER * _size(values)))
    try:
        yield
    finally:
        _ALLOWANCE.reset(token)


def joined(pieces: Iterable[str]) -> str:
    """The pieces as one text, as long as they are within the bounds."""
    said = []
    for piece in pieces:
        _pay(len(piece))
        said.append(piece)
    return "".join(said)


def _pay(cost: int) -> None:
    allowance = _ALLOWANCE.get()
    (_Allowance(_LEAST) if allowance is None else allowance).pay(cost)


def _size(value: Any) -> int:
    """Letters and parts in a value of JSON; what cannot be measured is small, or lazy."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(_size(key) + _size(one) for key, one in value.items()) + 1
    if isinstance(value, list | tuple):
        return sum(map(_size, value)) + 1
    if isinstance(value, jinja2.Undefined) or not isinstance(value, Sized):
        return 1
    return len(value)


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """The environment that prompt sets are rendered in.

    Args:
        filters: beside those of Jinja that cannot grow a text without a bound.
        **options: as `jinja2.Environment`.
    """

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})

    def __init__(self, filters: Mapping[str, Callable[..., Any]], **options: Any) -> None:
        super().__init__(**options)
        self._costs: dict[str | None, int] = {}
        own = self.filters
        self.filters = {name: _paid(own[name]) for name in _SHRINKING}
        self.filters |= {name: _paid(own[name], grows=True) for name in _GROWING}
        self.filters |= {name: _paid(made) for name, made in filters.items()}
        self.filters["format"] = _paid(_format)
        self.filters |= {"_each": _each, "_joined": _concat, "_paid": _weighed}
        self.globals = {"range": self.globals["range"]}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        # What has no bound is refused.
        found = list(_walk(tree))
        for node in found:
            word = type(node).__name__.lower()
            if isinstance(node, nodes.For) and node.recursive:
                word = "a recursive loop"
            elif isinstance(node, nodes.Name) and node.name in {"self", "super", "caller"}:
                word = node.name
            elif isinstance(node, _NODES):
                continue
            reason = f"{word} cannot be used in a prompt"
            raise TemplateSyntaxError(reason, node.lineno, name, filename)
        # The rest is paid for when it is rendered.
        for node in found:
            for place, child in list(node.iter_fields()):
                if isinstance(child, list):
                    child[:] = [_replaced(one) for one in child]
                elif isinstance(child, nodes.Node):
                    setattr(node, place, _replaced(child))
            if isinstance(node, nodes.For):
                cost = nodes.Const(10 + sum(1 for _ in _walk(node)), environment=node.environment)
                node.iter = _filter(node.iter, "_each", cost)
            if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
                node.node = _filter(node.node, "_paid")
            if isinstance(node, nodes.Compare | nodes.Operand):
                node.expr = _filter(node.expr, "_paid")
            if isinstance(node, nodes.Test):
                node.node = _filter(node.node, "_paid")
                node.args = [_filter(one, "_paid") for one in node.args]
        self._costs[name] = len(found)
        return tree

    def _load_template(self, name: str, *told: Any, **named: Any) -> jinja2.Template:
        found = super()._load_template(name, *told, **named)
        _pay(self._costs.get(name, 1))
        return found

    def is_safe_callable(self, obj: Any) -> bool:
        """Methods that only read, `range`, and those of `loop`."""
        if obj is self.globals["range"]:
            return True
        home = getattr(obj, "__self__", None)
        if isinstance(home, LoopContext):
            return getattr(obj, "__name__", "") in {"cycle", "changed"}
        names = _METHODS.get(type(home), frozenset())
        return isinstance(obj, BuiltinMethodType) and obj.__name__ in names

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call what is allowed, and pay for it."""
        home, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        told = (home, *args, *kwargs.values()) if type(home) in _METHODS else args
        if type(home) is str and name == "replace" and not kwargs:
            _check_replacing(told)
        else:
            _check(told, grows=type(home) is str and name in {"join", "replace"})
        return super().call(context, obj, *args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Sums of texts and lists, and arithmetic of numbers of this world."""
        if operator == "+" and not isinstance(left, int | float):
            _pay(_size(left) + _size(right))
            return left + right
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise SecurityError(f"{operator} is for numbers alone in a prompt")
        found = super().call_binop(context, operator, left, right)
        if abs(found) > _LARGEST:
            raise SecurityError(f"{operator} gives a number beyond {_LARGEST}")
        return found


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _walk(child)


def _replaced(child: Any) -> Any:
    if isinstance(child, nodes.Concat):
        listed = nodes.List(child.nodes, lineno=child.lineno, environment=child.environment)
        return _filter(listed, "_joined")
    literal = isinstance(child, nodes.List | nodes.Tuple | nodes.Dict)
    is_read = literal and getattr(child, "ctx", "load") == "load"
    if is_read and any(isinstance(part, nodes.Name) for part in _walk(child)):
        return _filter(child, "_paid")  # it may hold a name twice, and that one itself twice
    return child


def _filter(node: Any, name: str, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(
        node,
        name,
        list(args),
        [],
        None,
        None,
        lineno=node.lineno,
        environment=node.environment,
    )


def _paid(made: Callable[..., Any], *, grows: bool = False) -> Callable[..., Any]:
    """A filter that pays for what it reads."""
    skipped = 1 if hasattr(made, "jinja_pass_arg") else 0  # Jinja's own context comes first

    @wraps(made)
    def filtered(*args: Any, **kwargs: Any) -> Any:
        if made.__name__ == "do_replace" and not kwargs:
            _check_replacing(args[skipped:])
        else:
            _check((*args[skipped:], *kwargs.values()), grows=grows)
        return made(*args, **kwargs)

    return filtered


def _check(told: Iterable[Any], *, grows: bool) -> None:
    """Pay for values that are read, or, where their sizes multiply, for what may come of them.

    Raises:
        SecurityError: one is too large.
    """
    cost, product = 10, 1
    for one in told:
        if isinstance(one, bool):
            continue
        if isinstance(one, int | float):
            if grows and abs(one) > _WIDEST:
                raise SecurityError(f"{one} is more than a prompt may be filled up with")
            size = int(abs(one)) if grows else 1
        else:
            size = _size(one)
        cost += size
        product *= size + 1
    _pay(cost + product if grows else cost)


def _check_replacing(told: Sequence[Any]) -> None:
    """Pay for a text in which each `old` becomes `new`: how long it gets is known beforehand."""
    text, old, new = (*told, None, None, None)[:3]
    if isinstance(text, str) and isinstance(old, str) and isinstance(new, str):
        _pay(10 + len(text) + (text.count(old) + 1) * len(new))
    else:
        _check(told, grows=True)


def _each(value: Any, cost: int) -> Any:
    """What a loop goes through: its body is paid for before each step."""
    if isinstance(value, jinja2.Undefined):
        return value
    if isinstance(value, Sized):
        _pay(cost * len(value))
        return value

    def lazily() -> Iterator[Any]:
        for one in value:
            _pay(cost)
            yield one

    return lazily()


def _concat(parts: list[Any]) -> str:
    _pay(sum(map(_size, parts)))
    return "".join(map(str, parts))


def _format(text: str, *values: Any) -> str:
    if _TOO_WIDE.search(text):
        raise SecurityError(f"{text!r} asks for more room than a prompt has")
    return text % values


def _weighed(value: Any) -> Any:
    _pay(_size(value))
    return value
