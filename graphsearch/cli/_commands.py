"""The commands by name, in the order help shows them."""

import typer

from graphsearch.cli import _cost, _doctor, _export, _fleet, _quote, _run, _status, _task

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add all commands."""
    app.command("run")(_run.run)
    app.command("resume")(_run.resume)
    app.command("status")(_status.status)
    app.command("quote")(_quote.quote)
    app.command("report")(_export.report)
    app.command("export")(_export.export)
    app.add_typer(_fleet.app, name="fleet")
    app.add_typer(_task.app, name="task")
    app.command("cost")(_cost.cost)
    app.command("doctor")(_doctor.doctor)
