"""`graphsearch doctor`: is everything here that a search needs, and does it work?"""

import asyncio
import importlib.metadata
import platform
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphsearch.cli._named_models import check_url, named_fleet
from graphsearch.cli._options import AsJson, KeyNames, PriceFile, Prices
from graphsearch.cli._output import emit, table
from graphsearch.cores import usable_cores
from graphsearch.records.errors import ConfigError, TaskError

if TYPE_CHECKING:
    from graphsearch.cli._probe import ModelReport, ServerReport, State
    from graphsearch.records.models import Fleet

__all__ = ["doctor"]

_FLEET = "embedded"
LEAST_PYTHON = (3, 11)
LEAST_DISK = 500_000_000


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


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.

    Attributes:
        name: what was looked at.
        state: `ok`, `poor` (works, but badly) or `bad`.
        found: what was found.
        advice: what to do, "" when all is well.
    """

    name: str
    state: "State"
    found: str
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        """All fields by name."""
        return asdict(self)


def machine_checks() -> Iterator[Check]:
    """Checks of what every search needs: Python, packages, cores, disk, sandbox."""
    from graphsearch.evaluators.sandbox import level_fault, level_names, open_sandbox

    found = f"{platform.python_version()} at {sys.executable}"
    least = ".".join(map(str, LEAST_PYTHON))
    if sys.version_info[:2] >= LEAST_PYTHON:
        yield Check("python", "ok", found)
    else:
        yield Check("python", "bad", found, f"install Python {least} or newer")
    yield from package_checks()
    cores = usable_cores()
    if cores is None or cores >= 2:
        yield Check("cores", "ok", "unknown" if cores is None else str(cores))
    else:
        yield Check("cores", "poor", "1", "searches on the embedded fleet want two cores or more")
    free = shutil.disk_usage(Path.cwd()).free
    found = f"{free / 1e9:.1f} GB free in {Path.cwd()}"
    if free >= LEAST_DISK:
        yield Check("disk", "ok", found)
    else:
        yield Check("disk", "poor", found, f"free {LEAST_DISK / 1e6:.0f} MB for run folders")
    try:
        name = open_sandbox().name
        others = [n for n in level_names() if n != name and level_fault(n) is None]
        found = f"{name} for programs that models write (by name also: {', '.join(others)})"
        yield Check("sandbox", "ok", found)
    except TaskError as error:
        weak = level_fault("process")
        found = f"{error}" if weak is None else f"{error}; process: {weak}"
        advice = "tasks of code want it: install bubblewrap (Debian, Fedora: package bubblewrap)"
        yield Check("sandbox", "poor", found, advice)


def package_checks() -> Iterator[Check]:
    """Checks of the packages that this one is installed with."""
    for text in importlib.metadata.requires("graphsearch") or ():
        if "extra ==" in text:
            continue
        name = text.split(";")[0].strip()
        bare = re.split(r"[=><!~]", name, maxsplit=1)[0].strip()
        try:
            yield Check(f"package {bare}", "ok", importlib.metadata.version(bare))
        except importlib.metadata.PackageNotFoundError:
            yield Check(f"package {bare}", "bad", "not installed", f"pip install '{name}'")


def model_checks(report: "ModelReport") -> list[Check]:
    """A model as a line, and one more for each problem beyond the first."""
    name = f"model {report.name}"
    rest = report.findings
    parts = [f"answers in {report.seconds or 0:.2f} s"]
    if report.tokens_per_second is not None:
        parts.append(f"{report.tokens_per_second:,.0f} tokens/s")
    if report.context is not None:
        parts.append(f"context {report.context:,}")
    if report.input_price is not None and report.output_price is not None:
        dated = f" ({report.price_source})" if report.price_source else ""
        parts.append(f"USD {report.input_price}/{report.output_price} per Mtok{dated}")
    else:
        parts.append("price unknown")
    if report.weights:
        parts.append(f"weights {report.weights[:12]}")
    head = Check(name, "ok", ", ".join(parts))
    if not report.answers and rest:
        (first, *rest) = rest
        head = Check(name, first.state, first.found, first.advice)
    return [head, *(Check(f"{name}: {f.about}", f.state, f.found, f.advice) for f in rest)]


def server_check(report: "ServerReport") -> Check:
    """A server as a line."""
    name = f"server {report.url}"
    if report.serves is None:
        return Check(name, "bad", report.found, report.advice)
    names = [f"{n} (context {c:,})" if c else n for n, c in report.serves.items()]
    if not names:
        advice = "load a model there; some servers answer to names all the same: try URL#NAME"
        return Check(name, "poor", "answers, but lists no model", advice)
    return Check(name, "ok", f"serves {', '.join(names)}")
