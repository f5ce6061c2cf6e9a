"""A key from the environment that shows itself to nobody but the server."""

import os
import re
from typing import Final

from graphsearch.errors import AccessDenied

__all__ = ["Key", "without_secrets"]

_LEAST_SECRET: Final = 8
"""Shorter keys are what people give to local servers that want any (`none`, `EMPTY`)."""

_SECRET_NAME: Final = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL|AUTH")


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

    def value(self) -> str:
        """The key itself: to be handed on in the same expression, not to be kept."""
        return self._value

    def hide(self, data: bytes) -> bytes:
        """What a server sent, without the key, should it quote it."""
        secret = self._value.encode()
        if len(secret) < _LEAST_SECRET or secret not in data:
            return data
        return data.replace(secret, f"[{self.name}]".encode())


def without_secrets(text: str) -> str:
    """A text without the values of environment variables whose names speak of secrets.

    For clients that read keys from the environment on their own, so that only they know which.
    """
    for name, value in os.environ.items():
        if len(value) >= _LEAST_SECRET and value in text and _SECRET_NAME.search(name.upper()):
            text = text.replace(value, f"[{name}]")
    return text
