"""The application: its commands, the options all of them share, and how errors end it.

Exit codes: 0 fine, 1 failed, 2 bad input, 3 budget refused, 130 stopped by the user with all kept.
"""

import errno
import io
import os
import sys
import traceback
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from graphsearch import __version__
from graphsearch.cli import _cost, _doctor, _export, _fleet, _quote, _run, _status, _task
from graphsearch.cli._output import BAD_INPUT, FAILED, REFUSED, STOPPED, emit
from graphsearch.records.errors import BudgetRefused, GraphsearchError, InputError, WriteFailed

__all__ = ["app", "main"]

_WRONG_PLACE = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EISDIR,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)
"""Faults of a path that was given, unlike a full disk."""


class _Group(TyperGroup):
    """Turns every error into one sentence and an exit code.

    `--debug` may stand anywhere on the line, not only before the command.
    """

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Move `--debug` to the front, where the application's own options stand."""
        ctx.meta["graphsearch.json"] = "--json" in args
        if "--debug" in args:
            args = ["--debug", *(a for a in args if a != "--debug")]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except KeyboardInterrupt:
            typer.echo("stopped; everything finished so far is kept", err=True)
            raise typer.Exit(STOPPED) from None
        except GraphsearchError as error:
            raise typer.Exit(_say(error, str(error), ctx)) from None
        except BrokenPipeError:  # the reader of our output is gone; typer ends quietly
            raise
        except OSError as error:
            named = f"{error.filename}: " if error.filename else ""
            message = f"{named}cannot be read or written: {error.strerror or error}"
            raise typer.Exit(_say(error, message, ctx)) from None
        except Exception as error:
            if hasattr(error, "exit_code") and hasattr(error, "format_message"):
                raise  # the parser's own, which knows how to show itself
            known = f"{type(error).__name__}: {error}".splitlines()[0]
            message = f"unexpected {known} (the traceback is shown with --debug)"
            raise typer.Exit(_say(error, message, ctx)) from None


def _say(error: Exception, message: str, ctx: typer.Context) -> int:
    """Report an error; returns the exit code."""
    code = exit_code(error)
    message = _printable(message)
    if ctx.params.get("debug"):
        traceback.print_exception(error, file=sys.stderr)
    typer.echo(f"error: {message}", err=True)
    if ctx.meta.get("graphsearch.json"):
        where = getattr(error, "where", None)
        where = where if where is None else _printable(where)
        with suppress(OSError):  # where standard output itself is what failed, it was just said
            emit({"error": {"message": message, "where": where, "exit_code": code}})
    return code


def _printable(text: str) -> str:
    """One line without control characters: what it quotes comes from files and may hold any."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def exit_code(error: Exception) -> int:
    """The exit code an error ends the command with."""
    if isinstance(error, BudgetRefused):
        return REFUSED
    if isinstance(error, WriteFailed):
        return FAILED
    if isinstance(error, OSError) and error.errno in _WRONG_PLACE:
        return BAD_INPUT
    return BAD_INPUT if isinstance(error, InputError) else FAILED


def _version(value: bool) -> None:
    if value:
        typer.echo(f"graphsearch {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=_Group,
    name="graphsearch",
    help="Finds the best team of language models for a task and a compute budget.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Options of all commands; `_Group` reads `debug`."""


# The commands, in the order help shows them.
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


def main() -> None:
    """Entry point of the `graphsearch` command."""
    # Neither a closed stream nor a letter that a terminal lacks may fail a command.
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open to the end
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app()
