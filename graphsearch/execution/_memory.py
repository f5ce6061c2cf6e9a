"""A small memory for things that are dear to make and fair to forget."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["Memory"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memory(Generic[K, V]):
    """Keeps the `most` values that were used last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value of a key, made when it is not there."""
        try:
            self._values.move_to_end(key)
        except KeyError:
            value = self._values[key] = make()
            if len(self._values) > self._most:
                self._values.popitem(last=False)
            return value
        return self._values[key]

    def find(self, key: K) -> V | None:
        """The value of a key, None when it is not there."""
        if key not in self._values:
            return None
        self._values.move_to_end(key)
        return self._values[key]

    def keep(self, key: K, value: V) -> None:
        """Remember a value that took more than a function to make."""
        self._values.pop(key, None)
        self.get(key, lambda: value)
