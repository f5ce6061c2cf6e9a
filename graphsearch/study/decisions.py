"""What a study has decided, by name: decided once, kept on disk, and the same when it goes on."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from graphsearch.records.trials import TrialRecord

__all__ = ["Decisions", "Keeper"]


class Keeper(Protocol):
    """Where decisions are kept; a `Store` is one."""

    name: str

    def all_trials(self) -> "list[TrialRecord]":
        """All trials by number."""
        ...

    def get_checkpoint(self, name: str) -> Any | None:
        """The JSON value of that name, None when there is none."""
        ...

    def put(
        self, *, trials: "Sequence[TrialRecord]" = (), checkpoints: Mapping[str, Any] | None = None
    ) -> None:
        """Write trials and values together; a value replaces the one of its name."""
        ...

    def close(self) -> None:
        """Everything is kept; nothing more is written."""
        ...


class Decisions:
    """Decisions of a study.

    Args:
        keeper: where they are kept.
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def made(self, name: str) -> Any | None:
        """What was decided under a name, None where nothing was."""
        return self._keeper.get_checkpoint(name)

    async def once(self, name: str, make: Callable[[], Any]) -> Any:
        """What was decided before, or what `make` brings, kept before it is returned.

        Args:
            name: of the decision, unique in a study.
            make: brings the value as JSON, or awaits it; not called where it is known.
        """
        value = self.made(name)
        if value is None:
            value = make()
            if inspect.isawaitable(value):
                value = await value
            self.put({name: value})
        return value

    def put(self, values: Mapping[str, Any], trials: "Sequence[TrialRecord]" = ()) -> None:
        """Keep values, which may replace earlier ones, and trials, all in one transaction."""
        self._keeper.put(trials=trials, checkpoints=values)
