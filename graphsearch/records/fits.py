"""Parameters of a graph's parts that were worked out on calibration questions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphsearch.records.errors import ConfigError

__all__ = ["Fit"]


@dataclass(frozen=True, slots=True)
class Fit:
    """What was measured for one graph, once; it is used unchanged on all other questions.

    Attributes:
        items: calibration questions it was measured on.
        calls: calls it took, shared ones counted in full.
        nodes: parameters by node of the canonical graph: thresholds, weights.
    """

    items: int
    calls: int
    nodes: Mapping[int, Mapping[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """All fields by name; JSON has no numbers for keys."""
        nodes = {str(node): dict(values) for node, values in sorted(self.nodes.items())}
        return {"items": self.items, "calls": self.calls, "nodes": nodes}

    @classmethod
    def from_json(cls, values: Any, *, where: str = "fit") -> "Fit":
        """The record that `to_json` wrote.

        Raises:
            ConfigError: it is none.
        """
        try:
            nodes = {int(node): dict(found) for node, found in values["nodes"].items()}
            return cls(int(values["items"]), int(values["calls"]), nodes)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"is no record of fitted parts: {error!r}", where=where) from None
