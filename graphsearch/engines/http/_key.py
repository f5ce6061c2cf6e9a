"""A key from the environment that shows itself to nobody but the server."""

import os
from collections.abc import Sequence
from typing import Final

from graphsearch.errors import AccessDenied

__all__ = ["Head", "Key"]

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
        """The header that shows the key to the server."""
        return f"Authorization: Bearer {self._value}"

    def hide(self, data: bytes) -> bytes:
        """What a server sent, without the key, should it quote it."""
        secret = self._value.encode()
        if len(secret) < _LEAST_SECRET or secret not in data:
            return data
        return data.replace(secret, f"[{self.name}]".encode())


class Head:
    """The first bytes of requests, which may hold a key and so show themselves to nobody.

    Args:
        lines: request line and headers.
        key: sent if given.
    """

    __slots__ = ("_bytes",)

    def __init__(self, lines: Sequence[str], key: Key | None) -> None:
        whole = [*lines, *([] if key is None else [key.header()]), ""]
        self._bytes = "\r\n".join(whole).encode("ascii")

    def __repr__(self) -> str:
        return "Head()"

    def request(self, body: bytes) -> bytes:
        """The bytes of a whole request; to be sent, not to be kept in a variable."""
        if not body:
            return b"%b\r\n" % self._bytes
        return b"%bContent-Length: %d\r\n\r\n%b" % (self._bytes, len(body), body)
