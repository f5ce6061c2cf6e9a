"""The HTTP clients that LiteLLM opens and keeps: whose they are, and closing them.

It keeps them for the whole process, by event loop, provider and key, and closes none before exit.
Those that appeared while engines of one event loop were open are closed with the last of these.
"""

import asyncio
import inspect
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

__all__ = ["leave", "use"]


@dataclass(slots=True)
class _Uses:
    """How many engines use an event loop, and hashes of the names of clients that came before.

    Hashes, because the names hold keys.
    """

    count: int
    others: set[int]


_USES: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Uses]] = WeakKeyDictionary()


def use(litellm: Any, loop: asyncio.AbstractEventLoop) -> None:
    """One more engine makes calls in this event loop."""
    uses = _USES.setdefault(loop, _Uses(0, {hash(name) for name in _kept(litellm)}))
    uses.count += 1


async def leave(litellm: Any, loop: asyncio.AbstractEventLoop) -> None:
    """An engine has ended its calls in this event loop; the last one closes the clients."""
    uses = _USES[loop]
    uses.count -= 1
    if uses.count:
        return
    del _USES[loop]
    kept = _kept(litellm)
    clients = [kept.pop(name) for name in list(kept) if hash(name) not in uses.others]
    for client in clients:
        close = getattr(client, "aclose", None) or getattr(client, "close", None)
        ended = None if close is None else close()
        if inspect.isawaitable(ended):
            await ended


def _kept(litellm: Any) -> dict[str, Any]:
    cache = getattr(litellm, "in_memory_llm_clients_cache", None)
    found = getattr(cache, "cache_dict", None)
    return found if isinstance(found, dict) else {}
