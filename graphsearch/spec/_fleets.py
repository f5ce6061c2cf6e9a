"""A fleet written out whole, as a configuration may hold it in place of a name."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphsearch.records.models import Fleet

__all__ = ["written_fleet"]


def written_fleet(fleet: "Fleet") -> dict[str, Any]:
    """The JSON of a fleet without what is unknown, and with paths that hold in any folder."""
    from graphsearch.records.options import options_of

    models = []
    for spec in fleet.models:
        out = {key: value for key, value in spec.to_json().items() if value not in (None, "")}
        options = options_of(spec) if spec.options else None
        if options is not None:
            out["options"] = options.absolute().to_json()
        models.append(out)
    return {**fleet.to_json(), "models": models}
