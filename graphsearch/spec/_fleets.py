"""A fleet written out whole, as a configuration may hold it in place of a name."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphsearch.records.models import Fleet, ModelSpec

__all__ = ["written_fleet"]


def written_fleet(fleet: "Fleet") -> dict[str, Any]:
    """The JSON of a fleet without what is unknown, and with paths that hold in any folder."""
    return {**fleet.to_json(), "models": [_model(spec) for spec in fleet.models]}


def _model(spec: "ModelSpec") -> dict[str, Any]:
    from graphsearch.records.options import options_of

    out = {key: value for key, value in spec.to_json().items() if value not in (None, "")}
    options = options_of(spec) if spec.options else None
    if options is not None:
        out["options"] = options.absolute().to_json()
    return out
