"""The fleet of models named on the command line, and what can be asked of it before it is used."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urldefrag, urlsplit

from graphsearch.records.errors import BudgetRefused, ConfigError, FleetError

if TYPE_CHECKING:
    from graphsearch.records.models import Fleet
    from graphsearch.spec import Spec

__all__ = ["check_url", "fleet_of", "named_fleet", "refuse_unpriced"]

_FLEET: Final = "named"
_TYPED: Final = "given by --price"
_SIZES: Final = frozenset({"units", "flops", "flops_plain"})


def named_fleet(
    models: Sequence[str] | None,
    price: Sequence[str] | None,
    keys: Sequence[str] | None,
    fleet: str | None,
) -> "str | Fleet | None":
    """What --model and --fleet say: a fleet, the name of one or its path; None for nothing.

    Raises:
        ConfigError: flags that contradict each other, or one that cannot be read.
    """
    if models:
        if fleet is not None:
            raise ConfigError("name models by --model or a fleet by --fleet, not both")
        return fleet_of(models, price=price or (), keys=keys or ())
    for option, given in (("--price", price), ("--api-key-env", keys)):
        if given:
            raise ConfigError(
                "is for models named by --model; those of a fleet have theirs in its file",
                where=option,
            )
    if fleet is None:
        return None
    return str(Path(fleet).resolve()) if Path(fleet).is_file() else fleet


def fleet_of(
    models: Sequence[str], *, price: Sequence[str] = (), keys: Sequence[str] = ()
) -> "Fleet":
    """The fleet of models named on the command line; the first is its unit model.

    Args:
        models: each `URL#NAME` or `PROVIDER/NAME`.
        price: each `NAME=IN/OUT`.
        keys: each `NAME=VARIABLE`.

    Raises:
        ConfigError: one of them cannot be read, or names no model.
    """
    from graphsearch.records.models import Fleet, ModelSpec

    rows = [_model(text) for text in models]
    told = [row["name"] for row in rows]
    for row in rows:  # models of one name at several servers are told apart by the server
        if told.count(row["name"]) > 1 and "endpoint" in row:
            row["served_name"] = row["name"]
            row["name"] = f"{row['name']}@{urlsplit(row['endpoint']).netloc}"
    names = [row["name"] for row in rows]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"{twice!r} is named twice", where="--model")
    more = [("--price", *_price(text, names)) for text in price]
    for text in keys:  # not repeated in an error, for it may be the key
        fits = [name for name in names if text.startswith(f"{name}=")]
        if not fits:
            raise ConfigError(
                f"expected NAME=VARIABLE with the name of a model: {', '.join(names)}",
                where="--api-key-env",
            )
        name = max(fits, key=len)
        more.append(("--api-key-env", name, {"api_key_env": text.removeprefix(f"{name}=")}))
    for option, name, fields in more:
        row = rows[names.index(name)]
        if row.keys() & fields.keys():
            raise ConfigError(f"is given twice for {name!r}", where=option)
        row |= fields
    try:
        specs = tuple(ModelSpec.from_json(row, where="model") for row in rows)
    except FleetError as error:
        option = "--api-key-env" if str(error.where).endswith("api_key_env") else "--model"
        raise ConfigError(error.message, where=option) from error
    return Fleet(_FLEET, specs, specs[0].name)


def _model(text: str) -> dict[str, Any]:
    if "://" in text:
        url, name = urldefrag(text)
        check_url(url)
        if not name:
            raise ConfigError(
                f"{url} names a server but no model; write {url}#NAME (graphsearch doctor --model "
                f"{url} lists those it serves)",
                where="--model",
            )
        return {"name": name, "engine": "http", "endpoint": url}
    provider, _, name = text.partition("/")
    if "#" in text or ":" in provider:
        raise ConfigError(
            f"{text!r} looks like a URL without its beginning; write http://{text}", where="--model"
        )
    if not provider or not name:
        raise ConfigError(
            f"expected URL#NAME such as http://127.0.0.1:8000/v1#qwen-0.5b, or PROVIDER/NAME such "
            f"as openai/gpt-4o-mini, got {text!r}",
            where="--model",
        )
    return {"name": text, "engine": "litellm"}


def check_url(url: str) -> None:
    """Refuse what is no base URL of a server, and secrets in one, before it is shown anywhere.

    Raises:
        ConfigError: without the URL, where it holds more than a host and a path.
    """
    from graphsearch.records.urls import base_url

    try:
        base_url(url, key_at="--api-key-env")
    except FleetError as error:
        raise ConfigError(str(error), where="--model") from None


def _price(text: str, names: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """`NAME=IN/OUT`: the model's name, and its prices as fields of a `ModelSpec`."""
    from graphsearch.records.models import ModelSpec

    name, equals, value = text.rpartition("=")
    if not equals or not value:
        raise ConfigError(f"expected NAME=IN/OUT, got {text!r}", where="--price")
    if name not in names:
        known = ", ".join(names)
        raise ConfigError(f"there is no model {name!r}; named are {known}", where="--price")
    prompt, slash, answer = value.partition("/")
    row = {"input_price": prompt, "output_price": answer, "price_source": _TYPED}
    try:
        if not slash:
            raise FleetError("no / in it")
        ModelSpec.from_json({"name": "any", **row})
    except FleetError as error:
        raise ConfigError(
            f"expected NAME=IN/OUT in USD per million tokens, such as qwen-0.5b=0.02/0.06, "
            f"got {text!r}",
            where="--price",
        ) from error
    return name, row


def refuse_unpriced(spec: "Spec") -> None:
    """Refuse budgets in currencies that models named on the command line have no price in.

    Raises:
        BudgetRefused: with all that has to be given.
    """
    from graphsearch.cost import CostModel, TokenProfile
    from graphsearch.spec.build import fleet_of

    fleet = fleet_of(spec)
    for budget in (spec.graph_budget, *spec.search_budget, *(spec.evaluation_budget or ())):
        cost = CostModel(fleet, TokenProfile(1, 1), budget.currency)
        unknown = [one.name for one in fleet.models if cost.can_price(one.name) is not None]
        if not unknown:
            continue
        listed = ", ".join(unknown)
        remedy = (
            "write a fleet file that tells it and give --fleet, or budget in usd, tokens or calls"
        )
        if budget.currency == "usd":
            prices = " ".join(f"--price {name}=IN/OUT" for name in unknown)
            what = f"the price of {listed} is unknown"
            remedy = (
                f"give {prices} (USD per million prompt and completion tokens, such as 0.02/0.06), "
                "or a file by --prices"
            )
        elif budget.currency in _SIZES:
            what = f"the size of {listed} is unknown (parameters, layers, width)"
        else:
            what = f"the speed of {listed} is unknown (prefill_rate, decode_rate, overhead_s)"
        raise BudgetRefused(f"a budget of {budget} cannot be kept: {what}; {remedy}")
