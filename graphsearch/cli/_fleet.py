"""`graphsearch fleet`: the fleets there are, what is in one, their servers, the embedded one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphsearch.cli import _servers
from graphsearch.cli._options import AsJson
from graphsearch.cli._output import UNKNOWN, emit, table

if TYPE_CHECKING:
    from graphsearch.records.models import ModelSpec

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
    table(head, [_row(spec) for spec in found.models], align="ll" + "r" * 7)


def _row(spec: "ModelSpec") -> tuple[str, ...]:
    numbers = (spec.parameters, spec.active_parameters, spec.layers, spec.width, spec.bits)
    prices = (spec.input_price, spec.output_price)
    return (
        spec.name,
        spec.engine,
        *(UNKNOWN if n is None else f"{n:,}" for n in numbers),
        *(UNKNOWN if p is None else f"{p}" for p in prices),
    )


@app.command()
def train(
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the weights, one below it for each size.")
    ] = Path("weights"),
    sizes: Annotated[
        str, typer.Option("--sizes", help="Sizes to train, smallest first, with commas.")
    ] = "nano,xs,s,m",
    tokens: Annotated[
        int | None, typer.Option("--tokens", help="Trained tokens of each size.", min=1)
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of weights and rows.", min=0)] = 0,
    threads: Annotated[int, typer.Option("--threads", help="PyTorch threads.", min=1)] = 1,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin anew instead of going on where it stopped.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train the embedded fleet. Needs PyTorch: pip install 'graphsearch[train]'."""
    from importlib.util import find_spec

    from graphsearch.cli._training import Bars
    from graphsearch.engines.embedded.train import DEFAULT_TOKENS, train_fleet
    from graphsearch.records.errors import FleetError

    if find_spec("torch") is None:
        raise FleetError(
            "training needs PyTorch; install it with: pip install 'graphsearch[train]'"
        )
    wanted = tuple(part.strip() for part in sizes.split(",") if part.strip())
    each = DEFAULT_TOKENS if tokens is None else tokens
    with Bars(quiet=as_json) as bars:
        train_fleet(
            wanted,
            out,
            tokens=each,
            seed=seed,
            threads=threads,
            resume=not fresh,
            progress=bars.update,
        )
    done: dict[str, Any] = {"out": str(out), "sizes": list(wanted), "tokens": each, "seed": seed}
    if as_json:
        emit(done)
    else:
        typer.echo(f"trained {', '.join(wanted)}: weights are in {out}")
