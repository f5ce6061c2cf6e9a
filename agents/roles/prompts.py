"""Prompt sets: folders of Jinja templates with a `prompts.yaml` that says who uses which, and how.

A file `words.yaml` beside them gives texts by name to all templates, so that sets which differ in a
few words only (in which form is the answer asked for?) share their templates as symbolic links.

What a template may do, `graphsearch.agents.templates` says.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jinja2

from graphsearch.agents.roles._helpers import FILTERS, MESSAGES
from graphsearch.agents.templates import Templates
from graphsearch.records.calls import Message, Sampling
from graphsearch.records.errors import ConfigError
from graphsearch.yamlfile import read_yaml

__all__ = ["PLACES", "PROMPTS", "Form", "PromptSet", "RoleText"]

PROMPTS: Final = Path(__file__).resolve().parents[1] / "prompts"
PLACES: Final = ("alone", "root", "inner", "sink")
SCHEMA_VERSION: Final = 1
_FILE: Final = "prompts.yaml"
_WORDS: Final = "words.yaml"


@dataclass(frozen=True, slots=True)
class Form:
    """How a role speaks in one place of a graph: a template file and how tokens are drawn."""

    template: str
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class RoleText:
    """What a prompt set says of one role; `forms` by place (one of `PLACES`)."""

    name: str
    min_parents: int
    max_parents: int | None
    forms: Mapping[str, Form]


class PromptSet:
    """Templates of one folder, ready to render.

    Attributes:
        folder: where its files were read from.
        name: the folder's name.
        version: digest of all its files' names and contents.
        roles: what it says of each role.
        message: turns a reply into the message children read.
    """

    def __init__(
        self,
        folder: Path,
        roles: Mapping[str, RoleText],
        *,
        message: Callable[[str], str],
        version: str,
        words: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.name = folder.name
        self.version = version
        self.roles = roles
        self.message = message
        self._templates = Templates(folder, FILTERS)
        self._words = dict(words or {})

    @classmethod
    def load(cls, name: str | Path, *, max_tokens: int | None = None) -> "PromptSet":
        """Read a prompt set by its name in the package or by its folder.

        Every template that a role uses is compiled, so that a mistake shows here.

        Raises:
            ConfigError: with the path to what is wrong.
        """
        folder = _folder(name)
        data = read_yaml(folder / _FILE)
        reader = _Reader(folder / _FILE, max_tokens)
        roles = reader.roles(data)
        words = _words(folder / _WORDS)
        version = _version(folder)
        prompts = cls(folder, roles, message=reader.message(data), version=version, words=words)
        for role in roles.values():
            for form in role.forms.values():
                prompts.template(form.template)
        return prompts

    def template(self, name: str) -> jinja2.Template:
        """See `Templates.get`."""
        return self._templates.get(name)

    def render(self, template: str, /, **values: Any) -> tuple[Message, ...]:
        """See `Templates.render`; the set's words are there as well."""
        return self._templates.render(template, {**self._words, **values})


def _folder(name: str | Path) -> Path:
    for folder in (PROMPTS / name, Path(name)):
        if (folder / _FILE).is_file():
            return folder.resolve()
    known = ", ".join(sorted(path.parent.name for path in PROMPTS.glob(f"*/{_FILE}")))
    raise ConfigError(
        f"no prompt set {str(name)!r}: known sets are {known}; a folder needs a {_FILE}"
    )


def _words(path: Path) -> dict[str, str]:
    """Texts by name that all templates of a set may use; none where there is no such file."""
    if not path.is_file():
        return {}
    found = read_yaml(path)
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise ConfigError("must be a table of names and texts", where=str(path))
    return found


def _version(folder: Path) -> str:
    found = hashlib.blake2b(digest_size=8)
    for path in sorted(folder.iterdir()):
        if path.suffix in (".jinja", ".yaml"):
            content = path.read_bytes()
            found.update(f"{path.name} {len(content)}\n".encode() + content)
    return found.hexdigest()


class _Reader:
    """Checks a `prompts.yaml`; every complaint names the path to the bad value."""

    def __init__(self, path: Path, max_tokens: int | None) -> None:
        self._path = path
        self._max_tokens = max_tokens

    def fail(self, where: str, message: str) -> ConfigError:
        return ConfigError(message, where=f"{self._path}: {where}" if where else str(self._path))

    def table(self, value: Any, where: str, known: set[str] | None) -> dict[str, Any]:
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise self.fail(where, "must be a table of names and values")
        unknown = sorted(set(value) - known) if known is not None else []
        if unknown and known is not None:
            raise self.fail(where, f"unknown key {unknown[0]!r}; known: {', '.join(sorted(known))}")
        return value

    def message(self, data: dict[str, Any]) -> Callable[[str], str]:
        name = data.get("message", "strip")
        if name not in MESSAGES:
            raise self.fail("message", f"is {name!r}, must be one of {', '.join(sorted(MESSAGES))}")
        return MESSAGES[name]

    def roles(self, value: Any) -> dict[str, RoleText]:
        data = self.table(value, "", {"schema_version", "message", "defaults", "roles"})
        if data.get("schema_version") != SCHEMA_VERSION:
            found = data.get("schema_version")
            raise self.fail("schema_version", f"is {found!r}, this version reads {SCHEMA_VERSION}")
        defaults = self.table(data.get("defaults", {}), "defaults", _SAMPLING)
        roles = self.table(data.get("roles"), "roles", None)
        return {name: self.role(name, role, defaults) for name, role in roles.items()}

    def role(self, name: str, value: Any, defaults: dict[str, Any]) -> RoleText:
        where = f"roles.{name}"
        data = self.table(value, where, {"min_parents", "max_parents", "forms"})
        forms = self.table(data.get("forms"), f"{where}.forms", set(PLACES))
        least, most = data.get("min_parents", 0), data.get("max_parents")
        if not _is_count(least) or not (most is None or (_is_count(most) and most >= least)):
            raise self.fail(where, f"min_parents {least!r} and max_parents {most!r} do not fit")
        return RoleText(
            name,
            least,
            most,
            {
                place: self.form(f"{where}.forms.{place}", form, defaults)
                for place, form in forms.items()
            },
        )

    def form(self, where: str, value: Any, defaults: dict[str, Any]) -> Form:
        data = defaults | self.table(value, where, {"template", *_SAMPLING})
        template = data.pop("template", None)
        if not isinstance(template, str):
            raise self.fail(where, "template is missing")
        if self._max_tokens is not None:
            data["max_tokens"] = self._max_tokens
        for name, value in data.items():
            if not _SAMPLING_CHECKS[name](value):
                raise self.fail(f"{where}.{name}", f"{value!r} is no {_SAMPLING_WORDS[name]}")
        if data.get("max_tokens") is None:
            # Without a bound no call has a worst case, and no budget could be kept.
            raise self.fail(where, "max_tokens is missing")
        data["stop"] = tuple(data.get("stop", ()))
        return Form(template, Sampling(**data))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_SAMPLING_CHECKS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "temperature": lambda value: _is_number(value) and value >= 0,
    "top_p": lambda value: _is_number(value) and 0 < value <= 1,
    "max_tokens": lambda value: _is_count(value) and value > 0,
    "stop": lambda value: isinstance(value, list) and all(isinstance(s, str) for s in value),
}
_SAMPLING_WORDS: Final = {
    "temperature": "number of at least 0",
    "top_p": "number above 0 and at most 1",
    "max_tokens": "whole number above 0",
    "stop": "list of texts",
}
_SAMPLING: Final = set(_SAMPLING_CHECKS)
