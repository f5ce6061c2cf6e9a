"""`graphsearch fleet`: the fleets there are, what is in one, their servers, the embedded one."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphsearch.cli._options import AsJson
from graphsearch.cli._output import UNKNOWN, emit, seconds, table

if TYPE_CHECKING:
    from graphsearch.engines.vllm import ServerStatus
    from graphsearch.records.models import Fleet

__all__ = ["app"]

app = typer.Typer(
    help="Fleets: list and show them; start and stop their servers.",
    no_args_is_help=True,
)

GiB = 2**30

FleetFile = Annotated[str, typer.Argument(metavar="FLEET", help="Name of a fleet, or a path.")]
MaybeFleet = Annotated[
    str | None, typer.Argument(metavar="[FLEET]", help="Its servers alone; all when left out.")
]
Models = Annotated[
    str | None, typer.Option("--models", help="Models to serve, with commas; all when left out.")
]


@app.command()
def up(
    fleet: FleetFile,
    models: Models = None,
    timeout: Annotated[
        float, typer.Option("--timeout", help="Seconds each server has to come up.", min=1)
    ] = 900,
    device: Annotated[
        str, typer.Option("--device", help="Where to plan memory: auto, gpu or cpu.")
    ] = "auto",
    plan: Annotated[
        bool, typer.Option("--plan", help="Show the commands and the memory; start nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start a vLLM server for each model with a block 'serve'.

    One after the other, with the memory planned. What is up already is left as it is. When one
    fails, and at Ctrl-C, what was started is stopped. They run until 'graphsearch fleet down'.
    """
    from graphsearch.engines.vllm import ServerFailed, find_machine, plan_servers, start_servers
    from graphsearch.records.models import Fleet

    found, chosen = Fleet.load(fleet), _names(models)
    machine = find_machine(device)
    if plan:
        plans = plan_servers(found, machine, models=chosen)
        if as_json:
            emit({"fleet": found.name, "plans": [one.to_json() for one in plans]})
            return
        for one in plans:
            gpus = f" of GPU {', '.join(map(str, one.share.devices))}" if one.share.devices else ""
            typer.echo(f"{one.model}: {one.share.memory / GiB:.1f} GiB{gpus}\n  {one.line}")
        for missing in dict.fromkeys(one.missing for one in plans if one.missing):
            typer.echo(f"note: {missing}", err=True)
        return
    last = time.monotonic()

    def say(sentence: str) -> None:
        """What is going on, with the time since the last word of it, on standard error."""
        nonlocal last
        now = time.monotonic()
        after = f" after {seconds(now - last)}" if not sentence.startswith("starting") else ""
        last = now
        if not as_json:
            typer.echo(sentence + after, err=True)

    try:
        servers = start_servers(found, chosen, machine=machine, timeout_s=timeout, say=say)
    except ServerFailed as error:
        for line in error.tail.splitlines():
            typer.echo("".join(c if c.isprintable() else " " for c in line), err=True)
        raise ServerFailed(error.message) from error
    _show(servers, as_json=as_json, fleet=found.name)


@app.command()
def status(fleet: MaybeFleet = None, as_json: AsJson = False) -> None:
    """Show how the servers stand that were started here."""
    from graphsearch.engines.vllm import list_servers

    _show(list_servers(_loaded(fleet)), as_json=as_json)


@app.command()
def down(fleet: MaybeFleet = None, as_json: AsJson = False) -> None:
    """Stop what 'fleet up' started, also what a crash left behind."""
    from graphsearch.engines.vllm import stop_servers

    stopped = stop_servers(_loaded(fleet))
    if as_json:
        emit({"stopped": [one.to_json() for one in stopped]})
        return
    for one in stopped:
        was = " (it was gone already)" if one.phase == "gone" else ""
        typer.echo(f"stopped {one.model} at {one.url}{was}")
    if not stopped:
        typer.echo("no server was started here")


@app.command()
def save(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; made if absent.")],
    models: Annotated[
        str | None, typer.Option("--models", help="Sizes to save, with commas; all when left out.")
    ] = None,
    port: Annotated[int, typer.Option("--port", help="Port of the first server.")] = 8101,
    as_json: AsJson = False,
) -> None:
    """Save the embedded fleet as Hugging Face folders."""
    from graphsearch.engines.vllm import save_fleet
    from graphsearch.records.models import Fleet

    path = save_fleet(folder, _names(models), first_port=port)
    names = Fleet.load(path).names
    if as_json:
        emit({"fleet": str(path), "folders": {name: str(folder / name) for name in names}})
    else:
        typer.echo(f"saved {', '.join(names)} in {folder}; serve them: graphsearch fleet up {path}")


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
    fleet: FleetFile,
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


def _names(written: str | None) -> list[str] | None:
    from graphsearch.records.errors import ConfigError

    if written is None:
        return None
    names = [part.strip() for part in written.split(",") if part.strip()]
    if not names:
        raise ConfigError(
            f"names no model, got {written!r}; leave it out for all", where="--models"
        )
    return names


def _loaded(fleet: str | None) -> "Fleet | None":
    from graphsearch.records.models import Fleet

    return None if fleet is None else Fleet.load(fleet)


def _show(servers: "tuple[ServerStatus, ...]", *, as_json: bool, fleet: str | None = None) -> None:
    if as_json:
        named = {} if fleet is None else {"fleet": fleet}
        emit({**named, "servers": [one.to_json() for one in servers]})
        return
    if not servers:
        typer.echo("no server was started here")
        return
    rows = [
        (one.model, one.phase, one.url, UNKNOWN if one.pid is None else str(one.pid), str(one.log))
        for one in servers
    ]
    table(("model", "state", "endpoint", "pid", "log"), rows, align="lllrl")
