"""Prompt sets: folders of Jinja templates with a `prompts.yaml` that says who uses which, and how.

A file `words.yaml` beside them gives texts by name to all templates, so that sets which differ in a
few words only (in which form is the answer asked for?) share their templates as symbolic links.

What a template may do, `graphsearch.agents.templates` says.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import jinja2
from pydantic import BaseModel, BeforeValidator, ConfigDict, field_validator, model_validator

from graphsearch.agents.roles._helpers import FILTERS, MESSAGES
from graphsearch.agents.templates import Templates
from graphsearch.records.calls import Message, Sampling
from graphsearch.records.errors import ConfigError
from graphsearch.records.fields import read
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


def _must_be(what: str, fits: Callable[[Any], bool]) -> BeforeValidator:
    def check(value: Any) -> Any:
        if not fits(value):
            raise ValueError(f"{value!r} is no {what}")
        return value

    return BeforeValidator(check)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# Numbers are kept as they were written: 0 and 0.0 make different calls.
_Temperature = Annotated[
    Any, _must_be("number of at least 0", lambda value: _is_number(value) and value >= 0)
]
_Share = Annotated[
    Any,
    _must_be("number above 0 and at most 1", lambda share: _is_number(share) and 0 < share <= 1),
]
_Tokens = Annotated[
    Any, _must_be("whole number above 0", lambda value: _is_whole(value) and value > 0)
]
_Count = Annotated[
    Any, _must_be("whole number from 0", lambda value: _is_whole(value) and value >= 0)
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Draws(_Strict):
    """How tokens are drawn, as far as it is told."""

    temperature: _Temperature = None
    top_p: _Share = None
    max_tokens: _Tokens = None
    stop: tuple[str, ...] | None = None


class _Form(_Draws):
    template: str


class _Forms(_Strict):
    alone: _Form | None = None
    root: _Form | None = None
    inner: _Form | None = None
    sink: _Form | None = None


class _Role(_Strict):
    forms: _Forms
    min_parents: _Count = 0
    max_parents: _Count | None = None

    @model_validator(mode="after")
    def _fits(self) -> "_Role":
        if self.max_parents is not None and self.max_parents < self.min_parents:
            raise ValueError(
                f"min_parents {self.min_parents!r} and max_parents {self.max_parents!r} do not fit"
            )
        return self


class _File(_Strict):
    """A `prompts.yaml`."""

    schema_version: Any
    roles: dict[str, _Role]
    message: Any = "strip"
    defaults: _Draws = _Draws()

    @field_validator("schema_version")
    @classmethod
    def _is_ours(cls, value: Any) -> Any:
        if value != SCHEMA_VERSION:
            raise ValueError(f"is {value!r}, this version reads {SCHEMA_VERSION}")
        return value

    @field_validator("message")
    @classmethod
    def _is_known(cls, value: Any) -> Any:
        if value not in MESSAGES:
            raise ValueError(f"is {value!r}, must be one of {', '.join(sorted(MESSAGES))}")
        return value


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
        folder = next(
            (path.resolve() for path in (PROMPTS / name, Path(name)) if (path / _FILE).is_file()),
            None,
        )
        if folder is None:
            known = ", ".join(sorted(path.parent.name for path in PROMPTS.glob(f"*/{_FILE}")))
            raise ConfigError(
                f"no prompt set {str(name)!r}: known sets are {known}; a folder needs a {_FILE}"
            )
        path = folder / _FILE
        told = read(_File, read_yaml(path), f"{path}: ", error=ConfigError)
        defaults = told.defaults.model_dump(exclude_none=True)
        if max_tokens is not None:
            defaults["max_tokens"] = max_tokens
        roles = {}
        for role, one in told.roles.items():
            forms = {}
            for place in PLACES:
                form = getattr(one.forms, place)
                if form is None:
                    continue
                draws = defaults | form.model_dump(exclude_none=True, exclude={"template"})
                if max_tokens is not None:
                    draws["max_tokens"] = max_tokens
                if "max_tokens" not in draws:
                    # Without a bound no call has a worst case, and no budget could be kept.
                    where = f"{path}: roles.{role}.forms.{place}"
                    raise ConfigError("max_tokens is missing", where=where)
                forms[place] = Form(form.template, Sampling(**draws))
            roles[role] = RoleText(role, one.min_parents, one.max_parents, forms)
        words, version = {}, hashlib.blake2b(digest_size=8)
        for file in sorted(folder.iterdir()):
            if file.suffix in (".jinja", ".yaml"):
                content = file.read_bytes()
                version.update(f"{file.name} {len(content)}\n".encode() + content)
            if file.name == _WORDS:
                words = read_yaml(file)
                texts = words.values() if isinstance(words, dict) else [None]
                if not all(isinstance(text, str) for text in texts):
                    raise ConfigError("must be a table of names and texts", where=str(file))
        prompts = cls(
            folder, roles, message=MESSAGES[told.message], version=version.hexdigest(), words=words
        )
        for text in roles.values():
            for form in text.forms.values():
                prompts.template(form.template)
        return prompts

    def template(self, name: str) -> jinja2.Template:
        """See `Templates.get`."""
        return self._templates.get(name)

    def render(self, template: str, /, **values: Any) -> tuple[Message, ...]:
        """See `Templates.render`; the set's words are there as well."""
        return self._templates.render(template, {**self._words, **values})
