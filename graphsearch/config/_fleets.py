"""A fleet written out whole, as a configuration may hold it in place of a name."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphsearch.records.models import Fleet, ModelSpec
    from graphsearch.serve import Serve

__all__ = ["written_fleet"]


def written_fleet(fleet: "Fleet") -> dict[str, Any]:
    """The JSON of a fleet without what is unknown, and with paths that hold in any folder."""
    return {**fleet.to_json(), "models": [_model(spec) for spec in fleet.models]}


def _model(spec: "ModelSpec") -> dict[str, Any]:
    out = {key: value for key, value in spec.to_json().items() if value not in (None, "")}
    if spec.serve is not None:
        out["serve"] = _serve(spec.serve)
    return out


def _serve(serve: "Serve") -> dict[str, Any]:
    out = serve.to_json()
    if serve.weights[0] in "./~":
        out["weights"] = str(serve.path(serve.weights))
    if serve.python is not None:
        out["python"] = str(serve.path(serve.python))
    return out
