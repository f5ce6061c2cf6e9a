"""Things by name: those that come with graphsearch, and those that installed packages bring.

A package adds a thing by an entry point: a name, and where the thing is. Its `pyproject.toml` says

    [project.entry-points."graphsearch.searchers"]
    greedy = "my_package.greedy:make"

and from then on `searcher: greedy` works in a configuration, `--searcher greedy` on the command
line and `searcher="greedy"` in Python. Nothing of graphsearch is edited, and nothing of the package
is imported before its name is asked for. What each group's entry points name:

    graphsearch.tasks           a callable that takes the task's options by keyword and returns a
                                `records.tasks.Task`
    graphsearch.graders         a callable that takes the grader's options by keyword and returns a
                                `records.tasks.Grader`
    graphsearch.roles           a callable that takes the `agents.roles.prompts.PromptSet` and
                                returns a `records.roles.Role`, or a `RoleFamily` where its
                                roles have parameters in their names
    graphsearch.engines         a class, or a callable, that makes an `engines.Engine`; see there
    graphsearch.searchers       `make(space, *, seed, options, folder)`, a `searchers.Searcher`
    graphsearch.search_agents   `make(options, complete)`, a `searchers.base.Agent`
    graphsearch.exporters       `write(source, target, **options)`, an `exporters.Exporter`, which
                                `Result.export(target, exporter=NAME)` calls

In a script, a notebook or a test `register` does the same for one process:

    graphsearch.register("searchers", "greedy", make)

A name of ours is ours: neither a package nor `register` puts another thing in its place.
"""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Generic, TypeVar, cast

from graphsearch.records.errors import InputError

__all__ = ["GROUPS", "REGISTERED", "Registry", "register"]

Thing = TypeVar("Thing")

GROUPS: Final = (
    "graphsearch.engines",
    "graphsearch.exporters",
    "graphsearch.graders",
    "graphsearch.roles",
    "graphsearch.search_agents",
    "graphsearch.searchers",
    "graphsearch.tasks",
)
"""Entry point groups that packages may add to."""


REGISTERED: Final[dict[str, dict[str, Any]]] = {group: {} for group in GROUPS}
"""What `register` added, by group and name. A test that registers puts its own in the place."""


def register(group: str, name: str, thing: Any) -> None:
    """Add a thing by name, for this process.

    Use it in a script or a notebook; a package that others install declares an entry point. A name
    that was registered before gets the new thing, so a cell can be run again.

    Args:
        group: the entry point group without its prefix: `searchers`, `graders`, ...
        name: what configurations, flags and arguments call it.
        thing: what an entry point of that group would name.

    Raises:
        ValueError: there is no such group.
    """
    things = REGISTERED.get(f"graphsearch.{group}")
    if things is None:
        known = ", ".join(known.removeprefix("graphsearch.") for known in GROUPS)
        raise ValueError(f"no group {group!r}; there are {known}")
    things[name] = thing


class Registry(Generic[Thing]):
    """The things of one group, by name; each is imported when first asked for.

    Args:
        group: the entry point group, one of `GROUPS`.
        built_in: `module:attribute` of each thing that comes with graphsearch.
        kind: what the things are, for messages (`searcher`).
        error: what an unknown name raises.
        where: path to the name in a configuration, for the error.
        unknown: the error's words, with `{kind}`, `{name}` and `{known}`.
    """

    def __init__(
        self,
        group: str,
        built_in: Mapping[str, str],
        *,
        kind: str,
        error: type[InputError],
        where: str | None = None,
        unknown: str = "no {kind} {name!r}; known: {known}",
    ) -> None:
        if group not in GROUPS:
            raise ValueError(f"{group!r} is none of {', '.join(GROUPS)}")
        self.group = group
        self.kind = kind
        self._built_in = dict(built_in)
        self._error = error
        self._where = where
        self._unknown = unknown

    def names(self) -> tuple[str, ...]:
        """All known names, sorted; nothing is imported."""
        others = entry_points(group=self.group).names
        return tuple(sorted({*self._built_in, *REGISTERED[self.group], *others}))

    def __contains__(self, name: str) -> bool:
        """Whether there is a thing of that name; nothing is imported."""
        if name in self._built_in or name in REGISTERED[self.group]:
            return True
        return bool(entry_points(group=self.group, name=name))

    def find(self, name: str) -> Thing:
        """The thing of that name.

        Raises:
            InputError: of the registry's own kind: the name is unknown, was registered although
                it is one of ours, or the package that brings it cannot be imported.
        """
        registered = REGISTERED[self.group]
        if name in self._built_in:
            if name in registered:
                raise self._error(
                    f"{self.kind} {name!r} comes with graphsearch; register yours by another name",
                    where=self._where,
                )
            return cast("Thing", EntryPoint(name, self._built_in[name], self.group).load())
        if name in registered:
            return cast("Thing", registered[name])
        for point in entry_points(group=self.group, name=name):
            try:
                return cast("Thing", point.load())
            except (ImportError, AttributeError) as error:
                package = "" if point.dist is None else f" of the package {point.dist.name}"
                raise self._error(
                    f"{self.kind} {name!r}{package} cannot be loaded from {point.value!r}: {error}",
                    where=self._where,
                ) from error
        known = ", ".join(self.names())
        raise self._error(
            self._unknown.format(kind=self.kind, name=name, known=known), where=self._where
        )
