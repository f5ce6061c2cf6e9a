"""`graphsearch fleet save`, `up`, `status` and `down`: servers of vLLM for a fleet's models."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphsearch.cli._options import AsJson
from graphsearch.cli._output import UNKNOWN, emit, seconds, table

if TYPE_CHECKING:
    from graphsearch.engines.vllm import ServerStatus
    from graphsearch.records.models import Fleet

__all__ = ["register"]

GiB = 2**30

FleetFile = Annotated[str, typer.Argument(metavar="FLEET", help="Name of a fleet, or a path.")]
MaybeFleet = Annotated[
    str | None, typer.Argument(metavar="[FLEET]", help="Its servers alone; all when left out.")
]
Models = Annotated[
    str | None, typer.Option("--models", help="Models to serve, with commas; all when left out.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(up)
    app.command()(status)
    app.command()(down)
    app.command()(save)


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
    try:
        servers = start_servers(
            found, chosen, machine=machine, timeout_s=timeout, say=_hearer(quiet=as_json)
        )
    except ServerFailed as error:
        for line in error.tail.splitlines():
            typer.echo("".join(c if c.isprintable() else " " for c in line), err=True)
        raise ServerFailed(error.message) from error
    _show(servers, as_json=as_json, fleet=found.name)


def status(fleet: MaybeFleet = None, as_json: AsJson = False) -> None:
    """Show how the servers stand that were started here."""
    from graphsearch.engines.vllm import list_servers

    _show(list_servers(_loaded(fleet)), as_json=as_json)


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


def _hearer(*, quiet: bool) -> Any:
    """Says what is going on, with the time since the last word of it, on standard error."""
    import time

    last = time.monotonic()

    def say(sentence: str) -> None:
        nonlocal last
        now = time.monotonic()
        after = f" after {seconds(now - last)}" if not sentence.startswith("starting") else ""
        last = now
        if not quiet:
            typer.echo(sentence + after, err=True)

    return say


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
