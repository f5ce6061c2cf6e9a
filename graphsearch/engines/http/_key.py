"""A key from the environment that shows itself to nobody but the server."""

import os
from typing import Final

from graphsearch.errors import AccessDenied

__all__ = ["Key"]

_LEAST_SECRET: Final = 8
"""Shorter keys are what people give to local servers that want any (`none`, `EMPTY`)."""


class Key:
    """The value of an environment variable.

    Args:
        name: of the variable.

    Raises:
        AccessDenied: it is not set, or cannot be sent in a header.
    """

    __slots__ = ("_value", "name")

    def __init__(self, name: str) -> None:
        value = os.environ.get(name, "").strip()
        if not value:
            raise AccessDenied(f"the environment variable {name}, which holds the key, is not set")
        if not (value.isascii() and value.isprintable()):
            raise AccessDenied(f"the key in the environment variable {name} has odd characters")
        self.name = name
        self._value = value

    def __repr__(self) -> str:
        return f"Key({self.name!r})"

    def header(self) -> str:
        """The value of the header `Authorization`."""
        return f"Bearer {self._value}"

    def hide(self, data: bytes) -> bytes:
        """What a server sent, without the key, should it quote it."""
        secret = self._value.encode()
        if len(secret) < _LEAST_SECRET or secret not in data:
            return data
        return data.replace(secret, f"[{self.name}]".encode())
