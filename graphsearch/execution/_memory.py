"""A small memory for things that are dear to make and fair to forget."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import TypeVar

__all__ = ["LRUCache"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LRUCache(OrderedDict[K, V]):
    """Keeps the `maxsize` values that were used last; asked by `get`."""

    def __init__(self, maxsize: int) -> None:
        super().__init__()
        self._maxsize = maxsize

    def get(self, key: K) -> V | None:  # type: ignore[override]
        """The value of a key, None when it is not there."""
        if key not in self:
            return None
        self.move_to_end(key)
        return self[key]

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        if len(self) > self._maxsize:
            self.popitem(last=False)
