"""Arguments of `optimize` that are written as a configuration writes them."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from graphsearch.config._errors import explain
from graphsearch.config._join import (
    agent_arguments,
    calls_arguments,
    profile_arguments,
    searcher_arguments,
    settings_arguments,
    space_arguments,
    task_arguments,
)
from graphsearch.config._models import (
    AgentConfig,
    CallsConfig,
    EvaluationConfig,
    ProfileConfig,
    SearcherConfig,
    SpaceConfig,
    TaskConfig,
)
from graphsearch.records.errors import ConfigError
from graphsearch.records.models import Fleet

__all__ = ["taken_apart"]

M = TypeVar("M", bound=BaseModel)


def taken_apart(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with mappings read as the parts of a configuration that they stand for.

    Paths are relative to the current folder, and options may be Python objects.

    Args:
        given: arguments of `optimize` by name.

    Raises:
        ConfigError: with the path to the bad value, or the argument that is given twice.
        FleetError: a fleet given whole is wrong.
    """
    out = dict(given)
    for name, read in _READ.items():
        value = given.get(name)
        if not isinstance(value, Mapping):
            continue
        told = {key: part for key, part in read(value).items() if not _is_nothing(part)}
        twice = next((k for k in told if k != name and not _is_nothing(given.get(k))), None)
        if twice is not None:
            raise ConfigError(f"is given by {name} already", where=twice)
        out |= {name: None} | told
    return out


def _is_nothing(part: Any) -> bool:
    return part is None or (isinstance(part, Mapping) and not part)


def _checked(model: type[M], value: Mapping[str, Any], name: str) -> M:
    try:
        return model.model_validate(dict(value))
    except ValidationError as error:
        fault = explain(error, model, None, given={})
        message = str(fault).removeprefix(f"{fault.where}: ")
        where = f"{name}.{fault.where}".replace(".[", "[") if fault.where else name
        raise ConfigError(message, where=where) from error


def _with_own_options(value: Mapping[str, Any], name: str) -> tuple[dict[str, Any], Any]:
    """The mapping without its options, and these: in Python they need not be JSON."""
    rest = dict(value)
    options = rest.pop("options", {})
    if not isinstance(options, Mapping):
        raise ConfigError(f"must be a mapping, got {options!r}", where=f"{name}.options")
    return rest, dict(options)


def _task(value: Mapping[str, Any]) -> dict[str, Any]:
    rest, options = _with_own_options(value, "task")
    return {**task_arguments(_checked(TaskConfig, rest, "task")), "task_options": options}


def _fleet(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"fleet": Fleet.from_json(value)}


def _space(value: Mapping[str, Any]) -> dict[str, Any]:
    if not {"preset", "sink_model"} & value.keys():
        return {"space": value}
    return {"space": space_arguments(_checked(SpaceConfig, value, "space"))}


def _profile(value: Mapping[str, Any]) -> dict[str, Any]:
    return profile_arguments(_checked(ProfileConfig, value, "profile"))


def _searcher(value: Mapping[str, Any]) -> dict[str, Any]:
    rest, options = _with_own_options(value, "searcher")
    read = searcher_arguments(_checked(SearcherConfig, rest, "searcher"))
    return {**read, "searcher_options": options}


def _agent(value: Mapping[str, Any]) -> dict[str, Any]:
    return agent_arguments(_checked(AgentConfig, value, "agent"))


def _settings(value: Mapping[str, Any]) -> dict[str, Any]:
    return settings_arguments(_checked(EvaluationConfig, value, "settings"))


def _retries(value: Mapping[str, Any]) -> dict[str, Any]:
    read = calls_arguments(_checked(CallsConfig, value, "retries"))
    return read if "concurrency" in value else {"retries": read["retries"]}


_READ: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "task": _task,
    "fleet": _fleet,
    "space": _space,
    "profile": _profile,
    "searcher": _searcher,
    "agent": _agent,
    "settings": _settings,
    "retries": _retries,
}
