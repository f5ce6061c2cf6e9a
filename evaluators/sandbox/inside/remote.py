"""Stand-ins for what a program has returned and is no plain data."""

from typing import Any, NoReturn

from graphsearch.evaluators.sandbox.inside.wire import Broken

__all__ = ["KINDS", "Remote", "RemoteObject"]


class Remote:
    """Something of the program that is no plain data, and that the tests can do nothing with.

    It is never asked whether it equals plain data, nor to compute with it: it would know what the
    tests expect. `RemoteFunction` can be called and `RemoteIterator` be read; each has the methods
    of its kind alone, so that `callable` and `isinstance` say what is so.
    """

    __slots__ = ("_remote_name", "_remote_number", "_remote_program")

    _remote_name: str
    _remote_number: int
    _remote_program: Any

    def __init__(self, program: Any, number: int, name: str) -> None:
        for key, value in (
            ("_remote_program", program),
            ("_remote_number", number),
            ("_remote_name", name),
        ):
            object.__setattr__(self, key, value)

    def _refuse(self) -> NoReturn:
        raise TypeError(f"the program returned a {self._remote_name}, which is no plain data")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()

    def __setattr__(self, name: str, value: Any) -> None:
        self._refuse()

    def __bool__(self) -> bool:
        self._refuse()

    def __str__(self) -> str:
        self._refuse()

    def __repr__(self) -> str:
        self._refuse()

    def __hash__(self) -> int:
        return hash(self._remote_number)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and other._remote_number == self._remote_number


class RemoteFunction(Remote):
    """A function of the program."""

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._remote_program.call(self._remote_number, args, kwargs)

    def __bool__(self) -> bool:
        return True


class RemoteIterator(Remote):
    """An iterator of the program."""

    __slots__ = ()

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        found = self._remote_program.ask("next", self._remote_number)
        if type(found) is not tuple or len(found) > 1:
            raise Broken("an item of no known kind")
        if not found:
            raise StopIteration
        return found[0]

    def __bool__(self) -> bool:
        return True


KINDS = {"function": RemoteFunction, "iterator": RemoteIterator}


class RemoteObject(RemoteFunction):
    """Anything of a program whose classes the tests speak of by name.

    Attributes, items and operators between two of them are the program's; with plain data it is not
    compared either.
    """

    __slots__ = ()

    def __iter__(self) -> Any:
        return self._remote_program.operator("iter", self)

    __next__ = RemoteIterator.__next__

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._remote_program.ask("attribute", self._remote_number, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._remote_program.set_attribute(self._remote_number, name, value)

    def __getitem__(self, key: Any) -> Any:
        return self._remote_program.operator("getitem", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._remote_program.operator("setitem", self, key, value)

    def __delitem__(self, key: Any) -> None:
        self._remote_program.operator("delitem", self, key)

    def __len__(self) -> int:
        return int(self._remote_program.operator("len", self))

    def __bool__(self) -> bool:
        return bool(self._remote_program.operator("bool", self))

    def __str__(self) -> str:
        return str(self._remote_program.operator("str", self))

    def __repr__(self) -> str:
        return str(self._remote_program.operator("repr", self))

    __hash__ = Remote.__hash__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Remote):
            return False
        same = other._remote_number == self._remote_number
        return same or bool(self._remote_program.operator("eq", self, other))


def _between(name: str) -> Any:
    def operate(self: RemoteObject, other: Any) -> Any:
        if not isinstance(other, Remote):
            return NotImplemented
        return self._remote_program.operator(name, self, other)

    return operate


for _name in ("add", "sub", "mul", "truediv", "matmul", "and", "or", "xor", "lt", "le", "gt", "ge"):
    setattr(RemoteObject, f"__{_name}__", _between(f"__{_name}__"))
