"""Where the values of a specification came from, so that an error names what its user wrote."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from graphsearch.checked import joined
from graphsearch.records.errors import BudgetRefused, FleetError, InputError, TaskError
from graphsearch.spec.models import Spec

__all__ = ["Origin", "placed"]

_HOMES: tuple[tuple[type[InputError], str], ...] = ((TaskError, "task"), (FleetError, "fleet"))


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the values of a `Spec` came from.

    Attributes:
        file: the configuration file, None where there is none.
        names: what gave the value at a path of the `Spec` where it was not the file: an option of
            the command line (`--seed`), or an argument. The longest path counts.
    """

    file: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def place(self, path: str) -> str | None:
        """How the user knows the value at a path; None for all of what no file holds."""
        homes = [h for h in self.names if path == h or path.startswith((f"{h}.", f"{h}["))]
        if not homes:
            return ": ".join(part for part in (self.file, path) if part) or None
        home = max(homes, key=len)
        name, rest = self.names[home], path[len(home) :].removeprefix(".")
        return f"{name}: {rest}" if rest and name.startswith("--") else joined(name, rest)


@contextmanager
def placed(origin: Origin) -> Iterator[None]:
    """Say where a value stands that one of the parts refuses.

    A part knows its own name for a value at most (`searcher.options`); this adds the file, or
    names the option or argument that gave the value.
    """
    try:
        yield
    except InputError as error:
        path = error.where
        if path is None:
            path = next((home for kind, home in _HOMES if isinstance(error, kind)), "")
        if isinstance(error, FleetError) and path.startswith("model "):
            path = f"fleet.{path}"
        key = path.partition(".")[0].partition("[")[0]
        # A place of its own: another file, a line of the data.
        where = error.where if path and key not in Spec.model_fields else origin.place(path)
        if where == error.where:
            raise
        raise type(error)(error.message, where=where) from error
    except BudgetRefused as error:
        if origin.file is None:
            raise
        raise BudgetRefused(f"{origin.file}: {error}") from error
