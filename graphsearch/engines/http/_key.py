"""The first bytes of requests, which hold the key."""

from collections.abc import Sequence

from graphsearch.engines.keys import Key

__all__ = ["Head"]


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
