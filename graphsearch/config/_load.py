"""From a file, and what the command line says beside it, to a checked configuration."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from graphsearch.config._errors import explain
from graphsearch.config._fleets import written_fleet
from graphsearch.config._models import SCHEMA_VERSION, Config
from graphsearch.records.calls import digest
from graphsearch.records.errors import ConfigError
from graphsearch.yamlfile import dump_yaml, read_yaml

if TYPE_CHECKING:
    from graphsearch.evaluators.graders import Traits

__all__ = [
    "absolute_options",
    "config_digest",
    "config_names",
    "config_yaml",
    "find_config",
    "json_schema",
    "load_config",
    "parse_config",
]

_BUILTIN = Path(__file__).resolve().parent.parent / "configs"
ALLOW_CODE = "GRAPHSEARCH_ALLOW_CODE"
"""Environment variable that lets a configuration name Python functions, as task or as grader."""
_SUFFIXES = (".yaml", ".yml")


def config_names() -> tuple[str, ...]:
    """Names of the configurations that come along."""
    return tuple(sorted(path.stem for path in _BUILTIN.glob("*.yaml")))


def find_config(source: str | Path) -> Path:
    """The file meant by a path, or by the name of a configuration that comes along.

    Raises:
        ConfigError: it is neither.
    """
    path = Path(source)
    if path.exists() or path.suffix in _SUFFIXES or len(path.parts) != 1:
        return path
    if str(source) in config_names():
        return _BUILTIN / f"{source}.yaml"
    known = ", ".join(config_names())
    raise ConfigError(f"neither a file nor one of {known}", where=str(source))


def load_config(source: str | Path, overrides: Mapping[str, Any] | None = None) -> Config:
    """A checked configuration.

    Paths inside the file are relative to it and come out absolute; `out` alone is relative to
    where the command runs.

    Args:
        source: a file, or the name of a configuration that comes along.
        overrides: top-level keys to set instead of the file's (`--seed` and its like).

    Raises:
        ConfigError: with the path to the bad value.
    """
    path = find_config(source)
    return parse_config(read_yaml(path), source=str(path), base=path.parent, overrides=overrides)


def parse_config(
    value: Any,
    *,
    source: str | None = None,
    base: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Config:
    """A checked configuration from a JSON value.

    Args:
        value: what the file holds.
        source: its path, for errors.
        base: folder that paths inside are relative to; None leaves them as they are.
        overrides: top-level keys to set instead.
        options: top-level keys whose faults name their option; those of `overrides` by default.

    Raises:
        ConfigError: with the path to the bad value.
    """
    if not isinstance(value, Mapping):
        raise ConfigError(f"must hold a mapping of keys, got {_kind(value)}", where=source)
    _check_version(value, source)
    _check_finite(value, "", source)
    merged = {**value, **_effective(value, overrides or {})}
    try:
        config = Config.model_validate(merged)
    except ValidationError as error:
        given = overrides or {} if options is None else options
        raise explain(error, Config, source, given=given) from error
    if base is None:
        return config
    _refuse_code(config, source)
    return _with_absolute_paths(config, base.resolve())


def config_yaml(config: Config) -> str:
    """The effective configuration as YAML: every default written out, `out` left out."""
    return dump_yaml(config.model_dump(mode="json", exclude={"out"}))


def config_digest(config: Config) -> str:
    """A digest of the effective configuration, but for what changes no result."""
    return digest(config.model_dump(mode="json", exclude={"out", "calls"}))


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a configuration file, for editors and other checkers."""
    schema = Config.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _check_version(value: Mapping[str, Any], source: str | None) -> None:
    version = value.get("schema_version", SCHEMA_VERSION)
    if isinstance(version, int) and not isinstance(version, bool) and version > SCHEMA_VERSION:
        message = f"is {version}, newer than the {SCHEMA_VERSION} that this graphsearch reads"
        where = ": ".join(part for part in (source, "schema_version") if part)
        raise ConfigError(message, where=where)


def _check_finite(value: Any, path: str, source: str | None) -> None:
    """No setting of anything may be infinite or no number at all."""
    if isinstance(value, float) and not math.isfinite(value):
        where = ": ".join(part for part in (source, path) if part)
        raise ConfigError(f"must be a finite number, got {value}", where=where)
    if isinstance(value, Mapping):
        for key, part in value.items():
            _check_finite(part, f"{path}.{key}" if path else str(key), source)
    elif isinstance(value, list | tuple):
        for i, part in enumerate(value):
            _check_finite(part, f"{path}[{i}]", source)


def _effective(value: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides without those that name what the file names already: its options stay."""
    kept = dict(overrides)
    for key in ("searcher", "agent"):
        before = value.get(key)
        if key in kept and isinstance(before, Mapping) and before.get("name") == kept[key]:
            del kept[key]
    return kept


def _with_absolute_paths(config: Config, base: Path) -> Config:
    task = config.task
    changes: dict[str, Any] = {}
    if task.file is not None:
        changes["file"] = _absolute_file(task.file, base)
    changes["options"] = absolute_options(task.options, base)
    profile = task.profile
    if profile is not None and profile.from_run is not None:
        run = {"from_run": str(base / profile.from_run)}
        changes["profile"] = profile.model_copy(update=run)
    if task.prompt_set is not None and _is_path(task.prompt_set):
        changes["prompt_set"] = str(base / task.prompt_set)
    top: dict[str, Any] = {"task": task.model_copy(update=changes)}
    if isinstance(config.fleet, str) and _is_path(config.fleet):
        top["fleet"] = str(base / config.fleet)
    elif not isinstance(config.fleet, str):
        top["fleet"] = _with_absolute_weights(config.fleet, base)
    if config.prices is not None:
        top["prices"] = str(base / config.prices)
    return config.model_copy(update=top)


def absolute_options(options: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Options of a task: its `path`, and those of its grader that the grader says are paths."""
    found = dict(options)
    path, told = options.get("path"), options.get("grader_options")
    if isinstance(path, str):
        found["path"] = str(base / path)
    if isinstance(told, Mapping):
        names = _grader_traits(options).path_options
        paths = {n: _absolute_file(told[n], base) for n in names if isinstance(told.get(n), str)}
        found["grader_options"] = {**told, **paths}
    return found


def _grader_traits(options: Mapping[str, Any]) -> "Traits":
    """What the grader that a task's options name says of itself; a wrong name is told later."""
    from graphsearch.evaluators.graders import Traits, grader_names, grader_traits

    name = options.get("grader")
    known = isinstance(name, str) and name in grader_names()
    return grader_traits(str(name)) if known else Traits()


def _with_absolute_weights(fleet: Mapping[str, Any], base: Path) -> Mapping[str, Any]:
    """A fleet given whole; paths of the servers in it are relative to the configuration."""
    if not any("serve" in model or "options" in model for model in fleet["models"]):
        return fleet
    from graphsearch.records.models import Fleet

    return written_fleet(Fleet.from_json(fleet).at(base))


def _refuse_code(config: Config, source: str | None) -> None:
    """Refuse a file that names Python code: it may come from anywhere, and code would be run.

    Raises:
        ConfigError: it does, and the environment does not allow it.
    """
    from graphsearch.evaluators.tasks import names_code

    if os.environ.get(ALLOW_CODE) == "1":
        return
    task = config.task
    named = {"task.file": task.file if names_code(task.file or "") else None}
    if _grader_traits(task.options).runs_code:
        named["task.options.grader"] = str(task.options["grader"])
    for where, code in named.items():
        if code is not None:
            raise ConfigError(
                f"names Python code ({code}), and code from a configuration is not run; if you "
                f"trust it, set the environment variable {ALLOW_CODE} to 1",
                where=": ".join(part for part in (source, where) if part),
            )


def _absolute_file(file: str, base: Path) -> str:
    """A file of questions, or of a function that returns them; modules have no path."""
    from graphsearch.evaluators.tasks import names_code

    home = file.rpartition(":")[0]
    return file if names_code(file) and not home.endswith(".py") else str(base / file)


def _is_path(name: str) -> bool:
    return "/" in name or name.endswith(_SUFFIXES)


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    return "a list" if isinstance(value, list) else f"one {type(value).__name__}"
