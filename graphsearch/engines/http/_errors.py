"""A server's refusing response as a typed error."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

from graphsearch.engines.refusals import TOO_LONG_ADVICE, kind_of, seconds_to_wait, short
from graphsearch.records.errors import (
    AccessDenied,
    BadRequest,
    ContextTooLong,
    EngineError,
    NotThere,
)

__all__ = ["Endpoint", "error_of"]

_NOT_THERE: Final = frozenset({301, 302, 303, 307, 308, 404, 405})


class _Response(Protocol):
    """What is looked at of a response (`_wire.Response`)."""

    @property
    def status(self) -> int: ...
    @property
    def body(self) -> bytes: ...
    @property
    def retry_after(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where calls go, as messages may show it.

    Attributes:
        url: address of the request.
        key_name: environment variable of the key, or None where none is sent.
    """

    url: str
    key_name: str | None = None


def error_of(response: _Response, endpoint: Endpoint, served_name: str) -> EngineError:
    """The error that a refusing response stands for.

    Args:
        response: its status is not 200, or its body holds an error.
        endpoint: who answered.
        served_name: the model asked for, as the server calls it.
    """
    body = response.body
    found: Mapping[str, Any] = {}  # tells of the error: the body's `error`, or the body itself
    with suppress(ValueError, RecursionError):
        data = json.loads(body)
        if isinstance(data, Mapping):
            inner = data.get("error")
            told = {"message": inner, **data} if isinstance(inner, str) else data
            found = inner if isinstance(inner, Mapping) else told
    # The body of a seeming success may tell another status.
    status, code = response.status, found.get("code")
    if status == 200 and isinstance(code, int) and not isinstance(code, bool):
        status = code if 400 <= code < 600 else status
    # The server's words, on one line: message, and its code and type where they are words.
    parts = [found.get(name) for name in ("message", "detail", "code", "type")]
    words = [part if isinstance(part, str) else json.dumps(part) for part in parts[:2] if part]
    words += [f"[{part}]" for part in parts[2:] if isinstance(part, str) and part]
    said = " ".join(" ".join(words).split() or body.decode(errors="replace").split())
    kind = kind_of(status, said)
    advice = ""
    if kind is BadRequest and status in _NOT_THERE:
        kind = NotThere
        advice = " (is the endpoint the server's base URL, which mostly ends in /v1?)"
    elif kind is AccessDenied and endpoint.key_name is None:
        advice = " (no key was sent; name its environment variable as api_key_env in the fleet)"
    elif kind is AccessDenied:
        advice = f" (the key is that of the environment variable {endpoint.key_name})"
    elif kind is ContextTooLong:
        advice = TOO_LONG_ADVICE
    about = f" for {served_name!r}" if served_name else ""
    message = f"{endpoint.url} answered {status}{about}: {short(said) or 'nothing'}{advice}"
    return kind(message, retry_after=seconds_to_wait(response.retry_after))
