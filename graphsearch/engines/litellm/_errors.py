"""Errors of LiteLLM as typed errors.

It maps what providers say to its own types and keeps the status. What it raises for a connection
that failed and for a reply that could not be read has the status 500 too, but no headers of a
response: then the errors it was made of tell the two apart.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from graphsearch.engines.keys import Key, without_secrets
from graphsearch.engines.refusals import TOO_LONG_ADVICE, kind_of, seconds_to_wait, short
from graphsearch.records.errors import (
    AccessDenied,
    BadRequest,
    BrokenReply,
    CallTimeout,
    ContextTooLong,
    EngineError,
    NoKey,
    RateLimited,
    Unavailable,
    UnknownModel,
    Unreachable,
)

__all__ = ["POLICY", "error_of"]

POLICY: Final = "ContentPolicyViolationError"
"""The provider refused prompt or reply: an outcome of the model, not an error."""

_BY_NAME: Final[Mapping[str, type[EngineError]]] = {
    "ContextWindowExceededError": ContextTooLong,
    "Timeout": CallTimeout,
    "RateLimitError": RateLimited,
    "AuthenticationError": AccessDenied,
    "PermissionDeniedError": AccessDenied,
    "PaymentRequiredError": AccessDenied,
    "BadGatewayError": Unavailable,
    "ServiceUnavailableError": Unavailable,
    "APIResponseValidationError": BrokenReply,
    "UnprocessableEntityError": BadRequest,
    "UnsupportedParamsError": BadRequest,
    "LiteLLMUnknownProvider": UnknownModel,
}
_NO_KEY: Final = re.compile(r"missing credentials|api[_ -]?key", re.IGNORECASE)
"""What clients below LiteLLM say, before they ask anybody, when they find no key."""
_AROUND: Final = re.compile(r"^(litellm\.)?(\w+(Error|Exception): )+(litellm\.\w+: )*")
_CONNECTION: Final = frozenset(
    {
        "ClientConnectorError",
        "ClientConnectorDNSError",
        "ClientConnectorCertificateError",
        "ConnectError",
        "ConnectTimeout",
        "ConnectionRefusedError",
        "gaierror",
    }
)
"""Errors, below LiteLLM's, that say that there was no connection."""


def error_of(
    error: Exception, served_name: str, *, key: Key | None, at_provider: bool
) -> EngineError:
    """The error that an exception of LiteLLM stands for; it does not hold the exception.

    Args:
        error: what LiteLLM raised; it may hold the request with its headers.
        served_name: the model asked for, as LiteLLM calls it.
        key: the key that was sent, None where LiteLLM chose one.
        at_provider: it was the provider's own address, so what is not found there is the model.
    """
    name = type(error).__name__
    status = _status(error)
    # What the provider said, on one line, without the names of types and traces around it.
    words = str(error) if key is None else key.hide_in(str(error))
    words = _AROUND.sub("", without_secrets(words)).partition("Traceback (most recent")[0]
    said = " ".join(words.split())
    headers = _headers(error)
    kind = _kind(error, name, status, said, answered=headers is not None)
    if at_provider and kind is BadRequest and status == 404:
        kind = UnknownModel
    advice = ""
    if kind is UnknownModel:
        advice = " (served_name is provider/model as LiteLLM writes it, such as openai/gpt-4o-mini)"
    elif kind is ContextTooLong:
        advice = TOO_LONG_ADVICE
    elif key is None and issubclass(kind, AccessDenied):
        advice = (
            " (set the environment variable of this provider's key, or name one as api_key_env)"
        )
    elif key is not None and issubclass(kind, AccessDenied):
        advice = f" (the key is that of the environment variable {key.name})"
    shown = name if status is None else f"{name} {status}"
    message = f"litellm {served_name}: {shown}: {short(said) or 'nothing said'}{advice}"
    wait = None if headers is None else headers.get("retry-after")
    return kind(message, retry_after=None if wait is None else seconds_to_wait(str(wait)))


def _kind(
    error: Exception, name: str, status: int | None, said: str, *, answered: bool
) -> type[EngineError]:
    if name == "RateLimitError" and kind_of(429, said) is AccessDenied:
        return AccessDenied  # for want of credit: waiting does not help
    if name in _BY_NAME:
        return _BY_NAME[name]
    if status is None:
        return Unavailable
    if "LLM Provider NOT provided" in said:
        return UnknownModel
    if status >= 500 and (not answered or name == "APIConnectionError"):
        if _NO_KEY.search(said):
            return NoKey
        unconnected = any(type(cause).__name__ in _CONNECTION for cause in _causes(error))
        return Unreachable if unconnected else BrokenReply
    return kind_of(status, said)


def _status(error: Exception) -> int | None:
    status = getattr(error, "status_code", None)
    try:
        return None if status is None else int(status)
    except (TypeError, ValueError):
        return None


def _headers(error: Exception) -> Mapping[str, Any] | None:
    """Headers of the response that the error tells of; None when there was none."""
    for holder in (error, getattr(error, "response", None)):
        for name in ("litellm_response_headers", "headers"):
            found = getattr(holder, name, None)
            if found:
                return {str(key).lower(): value for key, value in dict(found).items()}
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and those it came from."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, getattr(one, "os_error", None)]
