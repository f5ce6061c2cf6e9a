"""Asks a server how it is: small requests to this machine, without an event loop."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Answer", "ask"]

_LARGEST: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: of HTTP; 0 when what answers speaks something else.
        body: the JSON of it, None when it is none.
    """

    status: int
    body: Any = None

    @property
    def models(self) -> tuple[str, ...]:
        """Names of models that it lists."""
        rows = self.body.get("data") if isinstance(self.body, Mapping) else None
        named = [row for row in rows or () if isinstance(row, Mapping) and "id" in row]
        return tuple(str(row["id"]) for row in named)


def ask(
    host: str,
    port: int,
    path: str,
    *,
    method: str = "GET",
    key: str | None = None,
    timeout_s: float = 5.0,
) -> Answer | None:
    """Make one request; None when nobody listens there, or nothing comes in time."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        body = response.read(_LARGEST)
    except http.client.HTTPException:
        return Answer(0)
    except OSError:
        return None
    finally:
        connection.close()
    try:
        return Answer(response.status, json.loads(body))
    except ValueError:
        return Answer(response.status)
