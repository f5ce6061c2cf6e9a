"""LiteLLM, imported when it is first used, and kept quiet.

Its import takes seconds, asks the network for prices unless told not to, reads a `.env` file, and
sets environment variables and warning filters. Its loggers write prompts, those of the clients
below it headers and URLs, some of which hold keys. All of that is taken back or turned off here.
"""

import logging
import os
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any, Final
from weakref import WeakSet

from graphsearch.records.errors import FleetError

__all__ = ["check_release", "is_loaded", "load_litellm"]

_INSTALL: Final = "pip install 'graphsearch[litellm]'"
_MALICIOUS: Final = frozenset({(1, 82, 7), (1, 82, 8)})
_REPORTED: Final = (1, 107)
_FOR_THE_IMPORT: Final = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION"}
_LOADED_LATE: Final = "litellm.litellm_core_utils.default_encoding"
"""Imported with the first call, and changes the environment then."""
_NOT_FOR_USERS: Final = (
    ".*`ReadOnly` qualifier",  # pydantic, of types of LiteLLM's that are imported late
    r"coroutine '.*\.acompletion' was never awaited",  # a call given up while it is prepared
)
_SILENCED: Final = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")
_HUSHED: Final = ("aiohttp", "h2", "hpack", "httpcore", "httpx", "openai")


_LOADING: Final = threading.Lock()
_LOADED: Final[WeakSet[ModuleType]] = WeakSet()


def is_loaded() -> bool:
    """Whether LiteLLM was loaded before, so that loading it takes no time."""
    return sys.modules.get("litellm") in _LOADED


def check_release() -> None:
    """Refuse to go on without LiteLLM, or with a release that is known or reported to be harmful.

    Imports nothing.

    Raises:
        FleetError: what is wrong, and what to do.
    """
    try:
        found = version("litellm")
    except PackageNotFoundError:
        raise FleetError(
            f"engine 'litellm' needs a package of that name; install it with: {_INSTALL}"
        ) from None
    numbers = tuple(int(part) for part in re.findall(r"\d+", found)[:3])
    if numbers in _MALICIOUS:
        raise FleetError(
            f"LiteLLM {found} is installed, a release that was published with malware in March "
            "2026; uninstall it, change every key and password this machine has held, then "
            f"{_INSTALL}"
        )
    if numbers[:2] == _REPORTED:
        raise FleetError(
            f"LiteLLM {found} is installed, of a series that is reported to have been published "
            f"with malware (October 2026, unconfirmed); uninstall it, then {_INSTALL}"
        )


def load_litellm() -> Any:
    """The module `litellm`, ready to be called; from any thread.

    Raises:
        FleetError: it is missing, refused or cannot be imported.
    """
    with _LOADING:
        if is_loaded():
            return sys.modules["litellm"]
        check_release()
        for name in _SILENCED:
            logging.getLogger(name).disabled = True
        for name in _HUSHED:
            logger = logging.getLogger(name)
            logger.setLevel(max(logger.level, logging.WARNING))
        try:
            with _unchanged_environment(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                litellm: Any = import_module("litellm")
                try:
                    import_module(_LOADED_LATE)
                except ModuleNotFoundError as error:
                    # Another release need not have this module, but all that it needs itself.
                    if not _LOADED_LATE.startswith(error.name or "?"):
                        raise
        except ImportError as error:
            raise FleetError(f"LiteLLM cannot be imported ({error}); try: {_INSTALL}") from error
        for message in _NOT_FOR_USERS:
            warnings.filterwarnings("ignore", message=message)
        litellm.suppress_debug_info = True
        litellm.set_verbose = False
        litellm.telemetry = False
        litellm.turn_off_message_logging = True
        litellm.disable_hf_tokenizer_download = True
        _LOADED.add(litellm)
        return litellm


@contextmanager
def _unchanged_environment() -> Iterator[None]:
    """No environment change is left behind (promise 11)."""
    before = dict(os.environ)
    os.environ.update(_FOR_THE_IMPORT)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        for name, value in before.items():
            if os.environ.get(name) != value:
                os.environ[name] = value
