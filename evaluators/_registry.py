"""Things by name, loaded when first asked for; installed packages add theirs by entry points."""

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from graphsearch.evaluators._options import check_options
from graphsearch.records.errors import TaskError

__all__ = ["Registry"]


class Registry:
    """Makers by name.

    Args:
        kind: what they make, for messages.
        group: entry point group of packages that add their own.
        home: `module:attribute` of each built-in maker.
        options_at: where a configuration has the options, for messages.
    """

    def __init__(self, kind: str, group: str, home: Mapping[str, str], *, options_at: str) -> None:
        self._kind = kind
        self._options_at = options_at
        self._group = group
        self._home = dict(home)

    def names(self) -> tuple[str, ...]:
        """All known names, sorted."""
        added = {point.name for point in entry_points(group=self._group)}
        return tuple(sorted(added | set(self._home)))

    def make(self, name: str, options: Mapping[str, Any]) -> Any:
        """Call the maker of `name` with options.

        Raises:
            TaskError: the name is unknown, or the maker does not take one of the options.
        """
        maker = self.find(name)
        check_options(f"{self._kind} {name!r}", maker, options, self._options_at)
        return maker(**options)

    def find(self, name: str) -> Callable[..., Any]:
        """The maker of `name`.

        Raises:
            TaskError: the name is unknown.
        """
        where = self._home.get(name)
        if where is not None:
            module, attribute = where.split(":")
            maker: Callable[..., Any] = getattr(import_module(module), attribute)
            return maker
        for point in entry_points(group=self._group, name=name):
            loaded: Callable[..., Any] = point.load()
            return loaded
        known = ", ".join(self.names())
        raise TaskError(f"no {self._kind} {name!r}; known: {known}")
