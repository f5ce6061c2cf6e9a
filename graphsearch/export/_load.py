"""From a bundle's folder to something that answers."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from graphsearch.export._bundle import Bundle
from graphsearch.export.record import PROMPT_SUFFIXES, SCHEMA_VERSION, content_digest
from graphsearch.records.errors import ConfigError
from graphsearch.records.models import Fleet, ModelSpec
from graphsearch.records.options import options_of
from graphsearch.yamlfile import read_text

__all__ = ["load_bundle"]

_KEYS = frozenset(
    {
        "schema_version",
        "task",
        "graph",
        "text",
        "mermaid",
        "nodes",
        "prompts",
        "fleet",
        "fingerprints",
        "caps",
        "evidence",
        "provenance",
        "digest",
    }
)
_MAY = frozenset({"fit"})
"""Keys of graphs that need them only."""

_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def load_bundle(
    folder: str | Path,
    *,
    endpoints: Mapping[str, str] | None = None,
    api_key_envs: Mapping[str, str | None] | None = None,
    trust_flags: bool = False,
    check_models: bool = True,
) -> Bundle:
    """A bundle, ready to answer; nothing is called or loaded before the first question.

    Args:
        folder: where the bundle lies.
        endpoints: where models are served here, by model; those left out are where they were.
        api_key_envs: the environment variable of the key there, by model; None sends no key. A key
            that the bundle asks for is sent to nobody unless it is named here: whoever made the
            bundle chose the variable, and mostly the server as well.
        trust_flags: let the bundle's own flags and variables reach a vLLM in this process. They may
            run code (`--trust-remote-code`), so a bundle that has some is refused without this.
        check_models: refuse models whose fingerprint is not that of the evidence. An address is no
            part of it: the name that the server gives the model is.

    Raises:
        ConfigError: it is no bundle, of a newer schema, or its content is not what was exported; it
            has no model of a name given, or asks for a key that was not named.
        GraphError: its graph is not valid.
        FleetError: a model cannot be served here.
    """
    path = Path(folder) / "graph.json"

    def refuse(text: str) -> None:
        # `NaN` and `Infinity`, which Python reads and JSON does not know.
        raise ValueError(f"{text} is no number")

    try:
        record = json.loads(read_text(path), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"is not JSON: {error}", where=str(path)) from error
    if not isinstance(record, dict):
        raise ConfigError("is no bundle: a mapping was expected", where=str(path))
    try:
        _check(record, str(path))
        fleet = _moved(Fleet.from_json(record["fleet"]), endpoints or {}, api_key_envs or {})
        used = [spec for spec in fleet.models if spec.name in record["fingerprints"]]
        _check_secrets(used, endpoints or {}, api_key_envs or {}, where=str(path))
        for spec in () if trust_flags else used:
            # Those of a vLLM in this process may run code.
            options = options_of(spec) if spec.options else None
            flags = () if options is None else options.may_run_code()
            if flags:
                raise ConfigError(
                    f"starts the model {spec.name!r} in this process with {' '.join(flags)}, which "
                    "may run code that is not of this machine; where you mean that, pass "
                    "trust_flags=True to load_bundle",
                    where=str(path),
                )
        bundle = Bundle(Path(folder), record, fleet)
        bundle.check(models=check_models)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        message = f"is no bundle: {type(error).__name__}: {error}"
        raise ConfigError(message, where=str(path)) from error
    return bundle


def _moved(fleet: Fleet, endpoints: Mapping[str, str], keys: Mapping[str, str | None]) -> Fleet:
    """The fleet as it is served here."""
    changes: dict[str, dict[str, Any]] = {name: {} for name in fleet.names}
    for argument, field, given in (
        ("endpoints", "endpoint", endpoints),
        ("api_key_envs", "api_key_env", keys),
    ):
        for name, value in given.items():
            if name not in changes:
                known = ", ".join(fleet.names)
                raise ConfigError(f"no model {name!r}; it has {known}", where=argument)
            changes[name][field] = value
    models = (
        ModelSpec.from_json(spec.to_json() | changes[spec.name], where=f"model {spec.name}")
        for spec in fleet.models
    )
    return replace(fleet, models=tuple(models))


def _check_secrets(
    models: Sequence[ModelSpec],
    endpoints: Mapping[str, str],
    keys: Mapping[str, str | None],
    *,
    where: str,
) -> None:
    """A bundle may come from anybody: which secrets of this machine go where, it cannot choose."""
    for spec in models:
        if spec.engine != "litellm":
            continue
        # LiteLLM finds some keys by itself, and shows them to whatever address it is given.
        if spec.endpoint is not None and spec.name not in endpoints:
            raise ConfigError(
                f"has the model {spec.name!r} asked at {spec.endpoint} by litellm, which may send "
                "keys of your environment there; where you mean that, pass "
                f"endpoints={{{spec.name!r}: {spec.endpoint!r}}} to load_bundle",
                where=where,
            )
        served = spec.served_name or spec.name
        if "://" in served:
            raise ConfigError(
                f"the model {spec.name!r} is called {served!r} by litellm: an address in a name, "
                "where keys of your environment would be sent",
                where=where,
            )
    asking = [s for s in models if s.api_key_env is not None and s.name not in keys]
    if asking:
        first = asking[0]
        told = ", ".join(f"{spec.name!r}: {spec.api_key_env!r}" for spec in asking)
        server = first.endpoint or f"the provider that {first.engine} finds for it"
        raise ConfigError(
            f"asks for the key in the environment variable {first.api_key_env}, to be sent to "
            f"{server} for the model {first.name!r}; where you mean that, pass "
            f"api_key_envs={{{told}}} to load_bundle, with another variable where the key stands "
            "in one, or with None to send no key",
            where=where,
        )


def _check(record: Mapping[str, Any], where: str) -> None:
    version = record.get("schema_version")
    if version != SCHEMA_VERSION:
        message = f"has schema_version {version!r}; this graphsearch reads {SCHEMA_VERSION}"
        raise ConfigError(message, where=where)
    wrong = sorted(_KEYS.symmetric_difference(record) - _MAY)
    if wrong:
        word = "lacks" if wrong[0] in _KEYS else "has the unknown key"
        raise ConfigError(f"{word} {wrong[0]!r}", where=where)
    found = content_digest(record)
    if found != record["digest"]:
        message = f"was changed after export: its digest is {found}, not {record['digest']}"
        raise ConfigError(message, where=where)
    # File names from outside must stay names: no folders, no other kinds of files.
    prompts = record["prompts"]
    for name in (prompts["name"], *prompts["files"]):
        if not _FILE_NAME.fullmatch(name):
            raise ConfigError(f"{name!r} is no plain name", where=f"{where}: prompts")
    for name in prompts["files"]:
        if not name.endswith(PROMPT_SUFFIXES):
            raise ConfigError(f"{name!r} is no file of a prompt set", where=f"{where}: prompts")
