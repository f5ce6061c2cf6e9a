"""Exporters by name: what writes a finished study in another form."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from graphsearch.records.errors import ConfigError
from graphsearch.registry import Registry

if TYPE_CHECKING:
    from graphsearch.study.result import Result

__all__ = ["EXPORTERS", "Exporter"]


class Exporter(Protocol):
    """Writes a finished study in another form.

    It reads the study and changes nothing of it, writes the same for the same study, and writes
    nothing beside its target.
    """

    def __call__(self, source: "str | Path | Result", target: Any, /, **options: Any) -> Any:
        """Write it.

        Args:
            source: a run folder, or a result.
            target: a file or a folder, as the exporter says.
            **options: the exporter's own.

        Returns:
            What is of use afterwards: where it is, or the thing itself.

        Raises:
            StoreError: the run has no finished result.
        """
        ...


EXPORTERS: Registry[Exporter] = Registry(
    "graphsearch.exporters",
    {"bundle": "graphsearch.export:write_bundle", "report": "graphsearch.report:write_report"},
    kind="exporter",
    error=ConfigError,
)
"""`bundle` writes a folder that answers questions elsewhere, `report` one HTML page."""
