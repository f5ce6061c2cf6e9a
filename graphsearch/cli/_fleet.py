"""`graphsearch fleet`: the fleets there are, what is in one, their servers, the embedded one."""

from typing import Annotated

import typer

from graphsearch.cli import _servers
from graphsearch.cli._options import AsJson
from graphsearch.cli._output import UNKNOWN, emit, table

__all__ = ["app"]

app = typer.Typer(
    help="Fleets: list and show them; start and stop their servers.",
    no_args_is_help=True,
)
_servers.register(app)


@app.command("list")
def list_fleets(as_json: AsJson = False) -> None:
    """List the fleets that come along."""
    from graphsearch.records.models import BUILTIN_FLEETS, Fleet

    fleets = [Fleet.load(name) for name in BUILTIN_FLEETS]
    if as_json:
        emit({"fleets": [{"name": f.name, "models": list(f.names)} for f in fleets]})
        return
    table(("fleet", "models"), [(f.name, ", ".join(f.names)) for f in fleets], align="ll")


@app.command()
def show(
    fleet: Annotated[str, typer.Argument(metavar="FLEET", help="Name of a fleet, or a path.")],
    as_json: AsJson = False,
) -> None:
    """Show the models of a fleet and what is known of each."""
    from graphsearch.records.models import Fleet

    found = Fleet.load(fleet)
    if as_json:
        emit(found.to_json())
        return
    typer.echo(f"fleet {found.name}; 1 unit is one call of {found.unit_model} without parents\n")
    head = (
        "model",
        "engine",
        "parameters",
        "active",
        "layers",
        "width",
        "bits",
        "USD/Mtok in",
        "out",
    )
    rows = []
    for spec in found.models:
        numbers = (spec.parameters, spec.active_parameters, spec.layers, spec.width, spec.bits)
        prices = (spec.input_price, spec.output_price)
        rows.append(
            (
                spec.name,
                spec.engine,
                *(UNKNOWN if n is None else f"{n:,}" for n in numbers),
                *(UNKNOWN if p is None else f"{p}" for p in prices),
            )
        )
    table(head, rows, align="ll" + "r" * 7)


@app.command(
    hidden=True, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def train() -> None:
    """Where the training of the embedded fleet is now."""
    from graphsearch.records.errors import FleetError

    raise FleetError(
        "the embedded fleet is trained in a clone of the project, which has the code of it: make "
        "train (PyTorch is needed)"
    )
