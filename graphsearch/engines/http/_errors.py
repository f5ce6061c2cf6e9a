"""A server's refusals as typed errors.

Servers agree on little beyond the status: vLLM, SGLang, llama.cpp, Ollama and TGI each word a
context that is too short in their own way, some of them with status 200 or 500. So the words are
looked at first, then the status.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol

from graphsearch.errors import (
    AccessDenied,
    BadRequest,
    BrokenReply,
    CallTimeout,
    ContextTooLong,
    EngineError,
    RateLimited,
    Unavailable,
    UnknownModel,
)

__all__ = ["Endpoint", "error_of", "seconds_to_wait"]

_MOST_CHARACTERS: Final = 300
_CONTEXT: Final = re.compile(
    r"context[ _-]?(length|size|window)|maximum (model|sequence|input) length"
    r"|exceed_context_size|longer than the model|max_model_len|max_new_tokens. must be <="
)
_MODEL: Final = re.compile(
    r"model_not_found|no such model|unknown model|unsupported model|invalid model name"
    r"|model\b.*\b(does not exist|not found|not exist|not available|is not loaded)"
)
_NO_CREDIT: Final = re.compile(r"insufficient_quota|exceeded your current quota|billing")


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
    found = _details(response.body)
    status = _status(response.status, found)
    said = _said(response.body, found)
    wait = seconds_to_wait(response.retry_after)
    kind, advice = _kind(status, said.lower(), endpoint)
    about = f" for {served_name!r}" if served_name else ""
    message = f"{endpoint.url} answered {status}{about}: {_short(said) or 'nothing'}{advice}"
    return kind(message, retry_after=wait)


def _kind(status: int, said: str, endpoint: Endpoint) -> tuple[type[EngineError], str]:
    if status not in {401, 403, 429} and _CONTEXT.search(said):
        return ContextTooLong, ""
    if status in {400, 404, 422} and _MODEL.search(said):
        return UnknownModel, ""
    if status in {401, 402, 403} or (status == 429 and _NO_CREDIT.search(said)):
        return AccessDenied, _about_key(endpoint)
    if status in {408, 504}:
        return CallTimeout, ""
    if status == 429:
        return RateLimited, ""
    if status >= 500:
        return Unavailable, ""
    if status in {301, 302, 303, 307, 308, 404, 405}:
        return BadRequest, " (is the endpoint the server's base URL, which mostly ends in /v1?)"
    return (BadRequest, "") if 400 <= status < 500 else (BrokenReply, "")


def _about_key(endpoint: Endpoint) -> str:
    if endpoint.key_name is None:
        return " (no key was sent; name its environment variable as api_key_env in the fleet)"
    return f" (the key is that of the environment variable {endpoint.key_name})"


def seconds_to_wait(header: str | None, *, now: datetime | None = None) -> float | None:
    """What `Retry-After` asks for: seconds or a date; None where it says nothing readable."""
    text = (header or "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d*)?", text):
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())


def _details(body: bytes) -> Mapping[str, Any]:
    """The object that tells of the error: the body's `error`, or the body itself."""
    try:
        data = json.loads(body)
    except ValueError:
        return {}
    if not isinstance(data, Mapping):
        return {}
    inner = data.get("error")
    if isinstance(inner, Mapping):
        return inner
    return {"message": inner, **data} if isinstance(inner, str) else data


def _status(status: int, found: Mapping[str, Any]) -> int:
    """The status, or the one that the body of a seeming success tells."""
    code = found.get("code")
    if status != 200 or isinstance(code, bool) or not isinstance(code, int):
        return status
    return code if 400 <= code < 600 else status


def _said(body: bytes, found: Mapping[str, Any]) -> str:
    """The server's words, on one line: message, and its code and type where they are words."""
    parts = [found.get(name) for name in ("message", "detail", "code", "type")]
    words = [part if isinstance(part, str) else json.dumps(part) for part in parts[:2] if part]
    words += [f"[{part}]" for part in parts[2:] if isinstance(part, str) and part]
    return " ".join(" ".join(words).split() or body.decode(errors="replace").split())


def _short(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}..."
