"""Names that a package loads when they are asked for: what is not used costs no import."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["loader"]


def loader(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """What a package uses as its `__getattr__`.

    Args:
        package: its name, for errors.
        homes: the module that has a name, by name.
    """

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    return load
