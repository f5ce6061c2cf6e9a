"""`graphsearch doctor`: is everything here that a search needs, and does it work?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from graphsearch.cli._named_models import check_url, named_fleet
from graphsearch.cli._options import AsJson, KeyNames, PriceFile, Prices
from graphsearch.cli._output import emit, table
from graphsearch.records.errors import ConfigError

if TYPE_CHECKING:
    from graphsearch.cli._probe import ModelReport, ServerReport
    from graphsearch.records.models import Fleet

__all__ = ["doctor"]

_FLEET = "embedded"


def doctor(
    fleet: Annotated[
        str | None,
        typer.Option("--fleet", help="The fleet to check: a name, or a path; or: embedded."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            help="A model to check, as URL#NAME or PROVIDER/NAME; a URL alone lists its models.",
        ),
    ] = None,
    price: Prices = None,
    api_key_env: KeyNames = None,
    prices: PriceFile = None,
    as_json: AsJson = False,
) -> None:
    """Check all that a run needs, with advice for each problem.

    Python, packages, disk, cores, sandbox and models. Every model is asked one question, all of
    them side by side.
    """
    import asyncio

    from graphsearch.cli._checks import machine_checks, model_checks, server_check
    from graphsearch.cli._probe import list_all, probe_all

    urls = [text for text in model or () if "://" in text and "#" not in text]
    named = [text for text in model or () if text not in urls]
    for url in urls:
        check_url(url)
    servers, keys = _keys(urls, api_key_env or ())
    found = None
    if named or fleet is not None or not urls:
        found = _fleet(named_fleet(named, price, keys, fleet), prices)
    models = () if found is None else found.models

    async def ask() -> "tuple[list[ServerReport], list[ModelReport]]":
        return await asyncio.gather(list_all(servers), probe_all(models))

    listed, reports = asyncio.run(ask())
    checks = [*machine_checks()] + [server_check(report) for report in listed]
    checks += [check for report in reports for check in model_checks(report)]
    healthy = all(check.state != "bad" for check in checks)
    if as_json:
        emit(
            {
                "healthy": healthy,
                "checks": [check.to_json() for check in checks],
                "servers": [report.to_json() for report in listed],
                "models": [report.to_json() for report in reports],
            }
        )
    else:
        rows = [(check.name, check.state, check.found) for check in checks]
        table(("check", "state", "found"), rows, align="lll")
        troubled = [check for check in checks if check.advice]
        typer.echo("")
        for check in troubled:
            typer.echo(f"{check.name}: {check.advice}")
        if not troubled:
            typer.echo("all is well")
    if not healthy:
        raise typer.Exit(1)


def _fleet(given: "str | Fleet | None", prices: str | None) -> "Fleet":
    from graphsearch.prices import PriceList, with_prices
    from graphsearch.records.models import Fleet

    found = given if isinstance(given, Fleet) else Fleet.load(given or _FLEET)
    return with_prices(found, None if prices is None else PriceList.load(prices))


def _keys(urls: Sequence[str], given: Sequence[str]) -> tuple[dict[str, str | None], list[str]]:
    """The variable of each server's key, and what was given for models."""
    servers: dict[str, str | None] = dict.fromkeys(urls)
    rest = []
    for text in given:
        name, _, variable = text.rpartition("=")
        if name in servers:
            if not variable.isidentifier() or variable != variable.upper():
                raise ConfigError(
                    "expected URL=VARIABLE with the name of an environment variable; the key "
                    "itself belongs in that variable",
                    where="--api-key-env",
                )
            servers[name] = variable
        else:
            rest.append(text)
    return servers, rest
