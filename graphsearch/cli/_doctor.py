"""`graphsearch doctor`: is everything here that a search needs, and does it work?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from graphsearch.cli._named import KeyNames, Models, PriceFile, Prices
from graphsearch.cli._named_models import served_at
from graphsearch.cli._options import AsJson
from graphsearch.cli._output import emit, table

if TYPE_CHECKING:
    from graphsearch.cli._checks import Check
    from graphsearch.cli._probe import ModelReport
    from graphsearch.fleet import Fleet

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
    """Check Python, packages, disk, cores and models, with a line of advice for each problem.

    Every model is asked one question, all of them side by side.
    """
    from graphsearch.cli._checks import machine_checks, model_checks

    urls = [text for text in model or () if "://" in text and "#" not in text]
    named = [text for text in model or () if text not in urls]
    checks = machine_checks() + [_server(url) for url in urls]
    reports: Sequence[ModelReport] = ()
    if named or not urls:
        reports = _ask(_fleet(Models(named, price, api_key_env, fleet), prices))
        checks += [check for report in reports for check in model_checks(report)]
    healthy = all(check.state != "bad" for check in checks)
    if as_json:
        rows = [check.to_json() for check in checks]
        models = [report.to_json() for report in reports]
        emit({"healthy": healthy, "checks": rows, "models": models})
    else:
        _show(checks)
    if not healthy:
        raise typer.Exit(1)


def _fleet(models: Models, prices: str | None) -> "Fleet":
    from graphsearch.fleet import Fleet
    from graphsearch.prices import PriceList, with_prices

    given = models.value()
    found = Fleet.load(given or _FLEET) if not isinstance(given, dict) else Fleet.from_json(given)
    return with_prices(found, None if prices is None else PriceList.load(prices))


def _ask(fleet: "Fleet") -> "list[ModelReport]":
    import asyncio

    from graphsearch.cli._probe import probe_all

    return asyncio.run(probe_all(fleet.models))


def _server(url: str) -> "Check":
    """What a server lists."""
    from graphsearch.cli._checks import Check
    from graphsearch.errors import GraphsearchError

    name = f"server {url}"
    try:
        names = served_at(url)
    except (GraphsearchError, TimeoutError, OSError) as error:
        found = str(error).splitlines()[0] if str(error) else "no answer"
        return Check(name, "bad", found, "see whether it is up, and whether the URL ends in /v1")
    listed = ", ".join(f"{n} (context {c:,})" if c else n for n, c in names.items())
    return Check(name, "ok", f"serves {listed or 'no model'}")


def _show(checks: "list[Check]") -> None:
    table(("check", "state", "found"), [(c.name, c.state, c.found) for c in checks], align="lll")
    troubled = [check for check in checks if check.advice]
    typer.echo("")
    for check in troubled:
        typer.echo(f"{check.name}: {check.advice}")
    if not troubled:
        typer.echo("all is well")
