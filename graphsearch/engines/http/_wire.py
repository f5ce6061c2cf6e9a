"""What goes over the wire: a call as a request's body, a response's body as a reply."""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from graphsearch.engines.completions import GIVEN_UP, text_and_outcome, token_count
from graphsearch.engines.http._errors import Endpoint, error_of
from graphsearch.engines.keys import Key
from graphsearch.records.calls import Call, Reply, Sampling, Usage
from graphsearch.records.errors import BrokenReply

__all__ = ["Response", "Writer", "contexts_in", "reply_in"]

_CONTEXT_KEYS: Final = ("max_model_len", "context_length", "context_window", "n_ctx")
_SEEDS: Final = 2**31 - 1
_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_QUOTE: Final = json.JSONEncoder(ensure_ascii=False).encode


class Response(NamedTuple):
    """A response, read to its end.

    Attributes:
        status: of HTTP.
        content_type: without parameters, in lower case.
        body: as received.
        retry_after: the header, or None.
    """

    status: int
    content_type: str
    body: bytes
    retry_after: str | None = None

    def without(self, key: Key) -> "Response":
        """The response without a key, should the server quote it."""
        kind, wait = (
            None if text is None else key.hide(text.encode("latin-1")).decode("latin-1")
            for text in (self.content_type, self.retry_after)
        )
        return Response(self.status, kind or "", key.hide(self.body), wait)


class Writer:
    """Writes requests; what is the same for many of them is written once.

    Seeds are folded to 31 bits, the most that every server takes.
    """

    def __init__(self) -> None:
        self._heads: dict[tuple[str, Sampling], str] = {}

    def body(self, call: Call, served_name: str) -> bytes:
        """The JSON of a request."""
        sampling = call.sampling
        head = self._heads.get((served_name, sampling))
        if head is None:
            values: dict[str, Any] = {
                "model": served_name,
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
            }
            if sampling.max_tokens is not None:
                values["max_tokens"] = sampling.max_tokens
            if sampling.stop:
                values["stop"] = list(sampling.stop)
            head = self._heads[served_name, sampling] = _ENCODE(values)[:-1]  # left open
        said = ",".join(
            [f'{{"role":{_QUOTE(m.role)},"content":{_QUOTE(m.content)}}}' for m in call.messages]
        )
        body = f'{head},"seed":{call.seed % _SEEDS},"messages":[{said}]}}'
        return body.encode(errors="replace")  # half a character has no bytes in UTF-8


def reply_in(response: Response, endpoint: Endpoint, served_name: str, *, seconds: float) -> Reply:
    """The reply that a response holds.

    Raises:
        EngineError: it holds an error, or nothing that can be read.
    """
    data = _object(response, endpoint, served_name)
    try:
        choice = data["choices"][0]
        message = choice["message"]
        content, refusal = message.get("content"), message.get("refusal")
        finish = choice.get("finish_reason")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise BrokenReply(f"{endpoint.url} sent JSON that is no chat completion") from None
    if isinstance(finish, str) and finish in GIVEN_UP:
        raise BrokenReply(f"{endpoint.url} gave up the reply of {served_name!r} ({finish})")
    if not isinstance(content, str | None) or not isinstance(refusal, str | None):
        raise BrokenReply(f"{endpoint.url} sent a message whose content is no text")
    text, outcome = text_and_outcome(content or "", refusal or "", finish)
    told = isinstance(finish, str) and finish != "stop"  # which goes without saying
    detail = {"finish_reason": finish} if told else {}
    found = data.get("usage")
    used = found if isinstance(found, dict) else {}
    read = token_count(used.get("prompt_tokens"))
    written = token_count(used.get("completion_tokens"))
    return Reply(text, Usage(read, written, calls=1), outcome, seconds, detail)


def contexts_in(response: Response, endpoint: Endpoint) -> dict[str, int | None]:
    """Names of the models that a server lists, with their context where it tells.

    Raises:
        EngineError: the response is an error, or no list of models.
    """
    rows = _object(response, endpoint, "").get("data")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BrokenReply(f"{endpoint.url} sent JSON that is no list of models")
    found: dict[str, int | None] = {}
    for row in rows:
        if "id" in row:
            meta = row.get("meta")
            sources = (row, meta if isinstance(meta, dict) else {})
            told = (token_count(source.get(key)) for source in sources for key in _CONTEXT_KEYS)
            found[str(row["id"])] = next(filter(None, told), None)
    return found


def _object(response: Response, endpoint: Endpoint, served_name: str) -> Mapping[str, Any]:
    if response.status != 200:
        raise error_of(response, endpoint, served_name)
    kind = response.content_type
    if kind != "application/json" and not kind.endswith("+json"):
        raise BrokenReply(f"{endpoint.url} sent {kind or 'no content type'}, not JSON")
    try:
        data = json.loads(response.body.decode())
    except (ValueError, RecursionError):
        size = len(response.body)
        raise BrokenReply(f"{endpoint.url} sent JSON that breaks off ({size} bytes)") from None
    if not isinstance(data, dict):
        raise BrokenReply(f"{endpoint.url} sent JSON that is no object")
    if data.get("error") is not None or data.get("object") == "error":
        # Some proxies, and some releases of llama.cpp, send their errors with status 200.
        raise error_of(response, endpoint, served_name)
    return data
