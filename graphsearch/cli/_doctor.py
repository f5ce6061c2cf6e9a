"""`graphsearch doctor`: is everything here that a search needs, and does it work?"""

from typing import TYPE_CHECKING, Annotated

import typer

from graphsearch.cli._options import AsJson
from graphsearch.cli._output import emit, table

if TYPE_CHECKING:
    from graphsearch.cli._checks import Check

__all__ = ["doctor"]


def doctor(
    fleet: Annotated[
        str, typer.Option("--fleet", help="The fleet to check: a name, or a path to one.")
    ] = "embedded",
    as_json: AsJson = False,
) -> None:
    """Check Python, packages, models, disk and cores, with advice.

    Every model of the fleet is asked one question.
    """
    from graphsearch.cli._checks import run_checks

    checks = run_checks(fleet)
    healthy = all(check.state != "bad" for check in checks)
    if as_json:
        emit({"healthy": healthy, "checks": [check.to_json() for check in checks]})
    else:
        _show(checks)
    if not healthy:
        raise typer.Exit(1)


def _show(checks: "list[Check]") -> None:
    table(("check", "state", "found"), [(c.name, c.state, c.found) for c in checks], align="lll")
    troubled = [check for check in checks if check.advice]
    typer.echo("")
    for check in troubled:
        typer.echo(f"{check.name}: {check.advice}")
    if not troubled:
        typer.echo("all is well")
