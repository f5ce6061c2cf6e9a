"""The models a search may use, and what is known about each.

A fleet is a YAML file: `name`, `unit_model` and a list of `models`, each with the fields of
`ModelSpec`, of which only the name is required. What is not known is left out and stays unknown: a
missing price is not free, and a budget in a currency that needs what is missing is refused.

    name: mine
    unit_model: small
    models:
      - name: small               # on this machine, served by vLLM
        parameters: 494_032_768
        layers: 24
        width: 896
        engine: http              # any server that speaks OpenAI's chat completions
        endpoint: http://127.0.0.1:8000/v1
        served_name: Qwen/Qwen2.5-0.5B-Instruct
      - name: large               # somewhere else, behind a key
        parameters: 72_706_203_648
        layers: 80
        width: 8192
        engine: http
        endpoint: https://models.example/v1
        api_key_env: MODELS_EXAMPLE_KEY
        input_price: "0.40"       # USD per million tokens
        output_price: "0.80"

Models of one engine, endpoint and key share an engine and its connections. What an engine alone
understands stands in `options`, and the engine checks it (see `records.options`). The option
`serve`, of the engines that speak to vLLM, may stand among the fields, as it once did.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel

from graphsearch.records.errors import FleetError
from graphsearch.records.fields import Note, Price, Rate, Seconds, Text, Variable, Whole, read
from graphsearch.records.options import options_kind, options_of
from graphsearch.records.urls import base_url

__all__ = ["BUILTIN_FLEETS", "Attention", "Fleet", "ModelSpec"]

Attention = Literal["full", "linear"]

BUILTIN_FLEETS = ("embedded", "gemma", "general", "llama", "qwen")
"""Names `Fleet.load` knows without a path."""

_PLACE: Final = frozenset({"endpoint", "api_key_env", "requests_per_minute", "tokens_per_minute"})
_ONCE_A_FIELD: Final = "serve"


def _without_a_secret(text: str) -> str:
    """A URL, or what else an engine needs; one that holds a secret is not repeated."""
    if text.partition("://")[0].lower() in {"http", "https"}:
        try:
            base_url(text)
        except FleetError as error:
            raise ValueError(str(error)) from None
    return text


Endpoint = Annotated[Text, AfterValidator(_without_a_secret)]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model.

    Attributes:
        name: what graphs, searches and reports call it; unique in its fleet.
        parameters: number of parameters M, None when unknown.
        layers: number of layers L, None when unknown.
        width: hidden size D, None when unknown.
        active_parameters: parameters a token passes through, for mixtures of experts; None when
            all of them.
        bits: bits a weight is stored in.
        attention: `linear` models have no cost quadratic in the length.
        input_price: USD per million prompt tokens, None when unknown.
        output_price: USD per million completion tokens, None when unknown.
        prefill_rate: prompt tokens read per second, None when unknown.
        decode_rate: completion tokens written per second, None when unknown.
        overhead_s: seconds a call takes on top of its tokens, None when unknown.
        engine: registered name of the engine that serves it.
        endpoint: what the engine needs to find it: the base URL of a server (`http`), a folder
            or file of records (`replay`); None for engines that need nothing.
        served_name: the model's name at that endpoint, None when it is `name`.
        api_key_env: name of the environment variable that holds the endpoint's key, None where it
            wants none. The key itself never stands in a fleet.
        requests_per_minute: most calls a minute that its provider takes, None for no limit.
        tokens_per_minute: most tokens a minute, prompt and reply together, None for no limit.
        revision: revision of the weights, so that a result can be repeated.
        context: most tokens of prompt and completion together, None when unknown.
        source: where the constants come from.
        price_source: where the prices come from and of which date they are, "" when not told.
        options: what its engine alone understands, as JSON.
        home: folder that paths in `options` are relative to (of the fleet's file), None for the
            current one. Not part of what the model is.
    """

    name: Text
    parameters: Whole | None = None
    layers: Whole | None = None
    width: Whole | None = None
    active_parameters: Whole | None = None
    bits: Whole = 16
    attention: Attention = "full"
    input_price: Price | None = None
    output_price: Price | None = None
    prefill_rate: Rate | None = None
    decode_rate: Rate | None = None
    overhead_s: Seconds | None = None
    engine: Text = "http"
    endpoint: Endpoint | None = None
    served_name: Text | None = None
    api_key_env: Variable | None = None
    requests_per_minute: Whole | None = None
    tokens_per_minute: Whole | None = None
    revision: Text | None = None
    context: Whole | None = None
    source: Note = ""
    price_source: Note = ""
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    home: str | None = field(default=None, compare=False)

    @property
    def compute_parameters(self) -> int | None:
        """Parameters that work on each token: the active ones of a mixture of experts."""
        return self.parameters if self.active_parameters is None else self.active_parameters

    @property
    def weight_bytes(self) -> int | None:
        """Bytes of the stored weights (`parameters` of `bits` bits, rounded up)."""
        return None if self.parameters is None else -(-self.parameters * self.bits // 8)

    def to_json(self) -> dict[str, Any]:
        """All fields; prices as text, so that no digit is lost."""
        out: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self) if f.compare}
        for name in ("input_price", "output_price"):
            out[name] = None if out[name] is None else str(out[name])
        for name in ("price_source", "options"):  # left out, as before there were any
            if not out[name]:
                del out[name]
        return out

    @classmethod
    def from_json(cls, data: Any, *, where: str = "model") -> "ModelSpec":
        """Read one model and check every field.

        Raises:
            FleetError: with the path to the bad value.
        """
        at = f"{where}.options"
        if isinstance(data, Mapping) and _ONCE_A_FIELD in data:
            data = dict(data)
            block = data.pop(_ONCE_A_FIELD)
            if block is not None and data.get("options") is not None:
                raise FleetError("is an option: move it there", where=f"{where}.{_ONCE_A_FIELD}")
            if block is not None:
                at, data["options"] = where, {_ONCE_A_FIELD: block}
        spec = read(cls, data, where, error=FleetError)
        kind = options_kind(spec.engine) if spec.options else None
        if kind is not None:
            options = read(kind, spec.options, at, error=FleetError)
            spec = replace(spec, options=options.to_json())
        active, all_of_them = spec.active_parameters, spec.parameters
        if active is not None and all_of_them is not None and active > all_of_them:
            raise FleetError(
                f"is {active}, more than all {all_of_them} parameters",
                where=f"{where}.active_parameters",
            )
        return spec


@dataclass(frozen=True, slots=True)
class Fleet:
    """The models a search may use.

    Attributes:
        name: the fleet's name.
        models: its models, names unique.
        unit_model: the model whose parentless call costs one unit.
    """

    name: str
    models: tuple[ModelSpec, ...]
    unit_model: str

    def __post_init__(self) -> None:
        if not self.models:
            raise FleetError("a fleet needs at least one model", where=f"{self.name}.models")
        seen: set[str] = set()
        for i, spec in enumerate(self.models):
            if spec.name in seen:
                raise FleetError(
                    f"{spec.name!r} is there twice", where=f"{self.name}.models[{i}].name"
                )
            seen.add(spec.name)
        if self.unit_model not in seen:
            raise FleetError(
                f"{self.unit_model!r} is not one of the models {', '.join(sorted(seen))}",
                where=f"{self.name}.unit_model",
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the models, in the fleet's order."""
        return tuple(spec.name for spec in self.models)

    def model(self, name: str) -> ModelSpec:
        """The model called `name`.

        Raises:
            FleetError: there is none.
        """
        for spec in self.models:
            if spec.name == name:
                return spec
        raise FleetError(f"fleet {self.name} has no model {name!r}; it has {', '.join(self.names)}")

    def identity(self) -> dict[str, Any]:
        """As `to_json`, without what changes no reply: where the models are, and how fast.

        A server that comes back at another address, or a key under another name, does not make
        another search of a search.
        """
        models = []
        for spec in self.models:
            told = {name: value for name, value in spec.to_json().items() if name not in _PLACE}
            options = options_of(spec) if spec.options else None
            if options is not None:
                told["options"] = options.identity()
            models.append(told)
        return {"name": self.name, "unit_model": self.unit_model, "models": models}

    def to_json(self) -> dict[str, Any]:
        """JSON of the fleet, the shape of its file."""
        return {
            "name": self.name,
            "unit_model": self.unit_model,
            "models": [spec.to_json() for spec in self.models],
        }

    @classmethod
    def from_json(cls, data: Any, *, where: str = "fleet") -> "Fleet":
        """Read a fleet and check every field.

        Raises:
            FleetError: with the path to the bad value, such as `fleet.models[2].layers`.
        """
        told = read(_FleetFile, data, where, error=FleetError)
        models = tuple(
            ModelSpec.from_json(row, where=f"{where}.models[{i}]")
            for i, row in enumerate(told.models)
        )
        try:
            return cls(told.name, models, told.unit_model)
        except FleetError as error:
            raise FleetError(str(error), where=where) from error

    @classmethod
    def load(cls, source: str | Path) -> "Fleet":
        """A fleet by built-in name (`BUILTIN_FLEETS`) or from a YAML file.

        Raises:
            FleetError: no such fleet, an unreadable file, or a bad value in it.
        """
        from graphsearch.yamlfile import read_yaml

        path, home = Path(source), Path(__file__).parents[1]
        if isinstance(source, str) and source in BUILTIN_FLEETS:
            path = home / "configs" / "fleets" / f"{source}.yaml"
            if source == "embedded":
                path = home / "engines" / "embedded" / "fleet.yaml"
        elif not path.exists():
            # Without `where`: the configuration or the command line says where the name stands.
            raise FleetError(
                f"{source}: there is no such file, nor a fleet of that name; built in are "
                f"{', '.join(BUILTIN_FLEETS)}"
            )
        where = str(source) if str(source) in BUILTIN_FLEETS else str(path)
        data = read_yaml(path, error=FleetError)
        return cls.from_json(data, where=where).at(path.resolve().parent)

    def at(self, home: Path) -> "Fleet":
        """The same, with paths in options relative to a folder."""
        return replace(self, models=tuple(replace(spec, home=str(home)) for spec in self.models))


class _FleetFile(BaseModel):
    """What a fleet's file holds; its models are checked one by one."""

    name: Text
    models: list[Any]
    unit_model: Text
    source: Any = None
