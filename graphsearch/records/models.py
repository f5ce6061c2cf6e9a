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

Models of one engine, endpoint and key share an engine and its connections.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args

from graphsearch.records.errors import FleetError
from graphsearch.serve import Serve

__all__ = ["BUILTIN_FLEETS", "Attention", "Fleet", "ModelSpec"]

Attention = Literal["full", "linear"]

BUILTIN_FLEETS = ("embedded", "gemma", "general", "llama", "qwen")
"""Names `Fleet.load` knows without a path."""


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
        overhead_s: seconds a call takes beside its tokens, None when unknown.
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
        serve: how a vLLM of one's own serves it, None where somebody else does.
    """

    name: str
    parameters: int | None = None
    layers: int | None = None
    width: int | None = None
    active_parameters: int | None = None
    bits: int = 16
    attention: Attention = "full"
    input_price: Decimal | None = None
    output_price: Decimal | None = None
    prefill_rate: float | None = None
    decode_rate: float | None = None
    overhead_s: float | None = None
    engine: str = "http"
    endpoint: str | None = None
    served_name: str | None = None
    api_key_env: str | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    revision: str | None = None
    context: int | None = None
    source: str = ""
    price_source: str = ""
    serve: Serve | None = None

    @property
    def serve_digest(self) -> str:
        """Changes when the flags of its own server may change replies; "" without such a server."""
        return "" if self.serve is None else self.serve.digest

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
        out: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in ("input_price", "output_price"):
            out[name] = None if out[name] is None else str(out[name])
        if not self.price_source:  # left out, as before there were lists of prices
            del out["price_source"]
        if self.serve is None:  # left out, as it was before there were such servers
            del out["serve"]
        else:
            out["serve"] = self.serve.to_json()
        return out

    @classmethod
    def from_json(cls, data: Any, *, where: str = "model") -> "ModelSpec":
        """Read one model and check every field.

        Raises:
            FleetError: with the path to the bad value.
        """
        data = _mapping(data, where)
        _only(data, set(_READERS), where)
        if data.get("name") is None:
            raise FleetError("name is missing", where=where)
        values = {
            name: _READERS[name](value, f"{where}.{name}")
            for name, value in data.items()
            if value is not None
        }
        spec = cls(**values)
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
            told = spec.to_json()
            if spec.serve is not None:
                told["serve"] = spec.serve.identity()
            models.append({name: value for name, value in told.items() if name not in _PLACE})
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
        data = _mapping(data, where)
        _only(data, {"name", "unit_model", "models", "source"}, where)
        for name in ("name", "unit_model", "models"):
            if data.get(name) is None:
                raise FleetError(f"{name} is missing", where=where)
        rows = data["models"]
        if not isinstance(rows, list):
            raise FleetError(f"expected a list, got {rows!r}", where=f"{where}.models")
        models = tuple(
            ModelSpec.from_json(row, where=f"{where}.models[{i}]") for i, row in enumerate(rows)
        )
        name = _text(data["name"], f"{where}.name")
        try:
            return cls(name, models, _text(data["unit_model"], f"{where}.unit_model"))
        except FleetError as error:
            raise FleetError(str(error), where=where) from error

    @classmethod
    def load(cls, source: str | Path) -> "Fleet":
        """A fleet by built-in name (`BUILTIN_FLEETS`) or from a YAML file.

        Raises:
            FleetError: no such fleet, an unreadable file, or a bad value in it.
        """
        path = _find(source)
        from graphsearch.yamlfile import read_yaml

        data = read_yaml(path, error=FleetError)
        where = str(source) if str(source) in BUILTIN_FLEETS else str(path)
        return cls.from_json(data, where=where)._at(path.resolve().parent)

    def _at(self, home: Path) -> "Fleet":
        """The same, with the paths of its servers relative to `home`."""
        models = (
            spec if spec.serve is None else replace(spec, serve=spec.serve.at(home))
            for spec in self.models
        )
        return replace(self, models=tuple(models))


_LARGEST = 100
"""Digits before or after the point of any number told; sums stay whole numbers and floats."""

_PLACE = frozenset({"endpoint", "api_key_env", "requests_per_minute", "tokens_per_minute"})


def _find(source: str | Path) -> Path:
    """The file of a built-in fleet, or the path as given."""
    if isinstance(source, str) and source in BUILTIN_FLEETS:
        home = Path(__file__).parents[1]
        if source == "embedded":
            return home / "engines" / "embedded" / "fleet.yaml"
        return home / "configs" / "fleets" / f"{source}.yaml"
    path = Path(source)
    if not path.exists():
        # Without `where`: the configuration or the command line says where the name stands.
        raise FleetError(
            f"{source}: there is no such file, nor a fleet of that name; built in are "
            f"{', '.join(BUILTIN_FLEETS)}"
        )
    return path


def _mapping(data: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise FleetError(f"expected a mapping, got {data!r}", where=where)
    return data


def _only(data: Mapping[str, Any], known: set[str], where: str) -> None:
    for name in data:
        if name not in known:
            raise FleetError(
                f"unknown key; known are {', '.join(sorted(known))}", where=f"{where}.{name}"
            )


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise FleetError(f"expected a text, got {value!r}", where=where)
    return value


def _endpoint(value: Any, where: str) -> str:
    """A URL, or what else an engine needs; one that holds a secret is not repeated."""
    from graphsearch.engines.keys import base_url

    text = _text(value, where)
    if text.partition("://")[0].lower() in {"http", "https"}:
        try:
            base_url(text)
        except FleetError as error:
            raise FleetError(str(error), where=where) from None
    return text


def _note(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise FleetError(f"expected a text, got {value!r}", where=where)
    return value


def _variable(value: Any, where: str) -> str:
    """The name of an environment variable; a key put here by mistake is not repeated."""
    if not isinstance(value, str) or not value.isidentifier() or value != value.upper():
        raise FleetError(
            "expected the name of an environment variable, such as MY_API_KEY; the key itself "
            "belongs in that variable",
            where=where,
        )
    return value


def _whole(value: Any, where: str) -> int:
    """A positive whole number; 3.0e9 counts as one, YAML's text '3e9' does not."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise FleetError(f"expected a whole number, got {value!r}", where=where)
    if value <= 0:
        raise FleetError(f"must be above 0, got {value}", where=where)
    return value


def _number(value: Any, where: str, *, zero: bool) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise FleetError(f"expected a number, got {value!r}", where=where)
    try:
        number = Decimal(str(value))
    except ArithmeticError as error:
        raise FleetError(f"expected a number, got {value!r}", where=where) from error
    if number.is_finite() and abs(number.adjusted()) > _LARGEST:
        raise FleetError(f"is no number of this world: {value}", where=where)
    if not number.is_finite() or number < 0 or (number == 0 and not zero):
        least = "0 or more" if zero else "above 0"
        raise FleetError(f"must be finite and {least}, got {value}", where=where)
    return number


def _price(value: Any, where: str) -> Decimal:
    return _number(value, where, zero=True)


def _rate(value: Any, where: str) -> float:
    return float(_number(value, where, zero=False))


def _seconds(value: Any, where: str) -> float:
    return float(_number(value, where, zero=True))


def _attention(value: Any, where: str) -> str:
    if value not in get_args(Attention):
        raise FleetError(f"expected {' or '.join(get_args(Attention))}, got {value!r}", where=where)
    return str(value)


_READERS: dict[str, Any] = {
    "name": _text,
    "parameters": _whole,
    "layers": _whole,
    "width": _whole,
    "active_parameters": _whole,
    "bits": _whole,
    "attention": _attention,
    "input_price": _price,
    "output_price": _price,
    "prefill_rate": _rate,
    "decode_rate": _rate,
    "overhead_s": _seconds,
    "engine": _text,
    "endpoint": _endpoint,
    "served_name": _text,
    "api_key_env": _variable,
    "requests_per_minute": _whole,
    "tokens_per_minute": _whole,
    "revision": _text,
    "context": _whole,
    "source": _note,
    "price_source": _note,
    "serve": Serve.from_json,
}
