"""`graphsearch report` and `graphsearch export`."""

from pathlib import Path
from typing import Annotated

import typer

from graphsearch.cli._options import AsJson, RunFolder
from graphsearch.cli._output import emit

__all__ = ["export", "report"]


def report(
    run: RunFolder,
    out: Annotated[
        Path | None, typer.Option("--out", help="The page; RUN/report.html when left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the report of a finished run: one HTML file."""
    from graphsearch.report import write_report

    page = write_report(run, out or run / "report.html")
    if as_json:
        emit({"run": str(run), "report": str(page)})
    else:
        typer.echo(f"report: {page}")


def export(
    run: RunFolder,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the bundle.")],
    cap: Annotated[
        str | None,
        typer.Option("--cap", help="Most that one question may really use, such as '36 units'."),
    ] = None,
    prompt_set: Annotated[
        str | None,
        typer.Option("--prompt-set", help="Folder of the search's prompts, where RUN has no word."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Export the winner as a bundle that answers questions elsewhere."""
    from graphsearch.export import write_bundle

    bundle = write_bundle(run, folder, cap=cap, prompt_set=prompt_set)
    if as_json:
        emit({"run": str(run), "bundle": str(bundle.folder), "digest": bundle.digest})
    else:
        typer.echo(f"bundle: {bundle.folder} (digest {bundle.digest})")
