"""`graphsearch task show` and `graphsearch task check`."""

import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphsearch.cli._lengths import Lengths, measure
from graphsearch.cli._options import AsJson, FleetName, GraderOptions, read_options, task_options
from graphsearch.cli._output import emit, table
from graphsearch.records.errors import TaskError

if TYPE_CHECKING:
    from graphsearch.evaluators.tasks.examine import Examination
    from graphsearch.records.tasks import Item, Task

__all__ = ["app"]

app = typer.Typer(
    help="Look at a task: questions, splits, lengths, what is wrong.",
    no_args_is_help=True,
)

WIDTH = 80
_LINES = 3
_BAD_INPUT = 2

TaskName = Annotated[
    str,
    typer.Argument(
        metavar="TASK", help="A file of questions, or a registered task (gsm8k, math, ...)."
    ),
]
TaskPath = Annotated[
    Path | None,
    typer.Option("--path", help="File or folder of a registered task; nothing is downloaded."),
]
TaskOptions = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", help="An option of the task as NAME=VALUE, the value as YAML."),
]
TaskGrader = Annotated[str | None, typer.Option("--grader", help="Judges answers, by name.")]


@app.command("show")
@task_options()
def show(
    task: TaskName,
    path: TaskPath = None,
    option: TaskOptions = None,
    grader: TaskGrader = None,
    grader_option: GraderOptions = None,
    fleet: FleetName = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="A finished run, whose token lengths to show too.")
    ] = None,
    first: Annotated[int, typer.Option("--first", min=0, help="Questions to show.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Show splits, token lengths and the first questions."""
    from graphsearch.evaluators.tasks import load_task, source_of
    from graphsearch.evaluators.tasks.examine import examine

    options = _options(path, option, grader, grader_option)
    source = source_of(task, **options)
    worked, lengths_from = None, ("the task's own", "the task's own")
    if source is None:
        found = load_task(task, **options)
    else:
        seen = examine(source, most=1)
        if seen.task is None:
            raise seen.errors[0]
        found, worked, lengths_from = seen.task, seen.worked_tokens, source.lengths_from()
    lengths = measure(found, worked, fleet, sources=lengths_from, run=run)
    origin = None if source is None else source.origin
    if as_json:
        emit(_record(found, origin, lengths, first))
    else:
        _print(found, origin, lengths, first)


@app.command("check")
@task_options()
def check(
    task: TaskName,
    path: TaskPath = None,
    option: TaskOptions = None,
    grader: TaskGrader = None,
    grader_option: GraderOptions = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Most problems to list.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List all that is wrong with a file, and near-duplicates."""
    from graphsearch.evaluators.tasks import source_of
    from graphsearch.evaluators.tasks.examine import examine

    source = source_of(task, **_options(path, option, grader, grader_option))
    if source is None:
        raise TaskError(f"task {task!r} is not made of rows; there is nothing to check")
    seen = examine(source, most=limit)
    if as_json:
        found = seen.task
        splits = None
        if found is not None:
            splits = {split: len(items) for split, items in found.splits.items()}
        emit(
            {
                "path": source.origin,
                "ok": not seen.errors,
                "questions": seen.questions,
                "errors": [{"where": e.where, "message": e.message} for e in seen.errors],
                "more_errors": seen.more_errors,
                "folded": seen.folded,
                "left_out": [list(places) for places in seen.left_out],
                "near_duplicates": [group.to_json() for group in seen.near],
                "more_near_duplicates": seen.more_near,
                "outliers": [outlier.to_json() for outlier in seen.outliers],
                "splits": splits,
                "warnings": list(seen.warnings),
            }
        )
    else:
        _print_checked(source.origin, seen)
    if seen.errors:
        raise typer.Exit(_BAD_INPUT)


def _options(
    path: Path | None,
    option: list[str] | None,
    grader: str | None,
    grader_option: list[str] | None,
) -> dict[str, Any]:
    """Options of the task as the command line gives them.

    Raises:
        ConfigError: one is not NAME=VALUE.
    """
    options = read_options(option, "--option")
    if path is not None:
        options["path"] = str(path)
    if grader is not None:
        options["grader"] = grader
    if grader_option:
        options["grader_options"] = read_options(grader_option, "--grader-option")
    return options


# -- show ------------------------------------------------------------------------------------------


def _record(task: "Task", origin: str | None, lengths: Lengths, first: int) -> dict[str, Any]:
    return {
        "task": task.name,
        "path": origin,
        "questions": sum(map(len, task.splits.values())),
        "splits": {split: len(items) for split, items in task.splits.items()},
        "groups": _groups(task),
        "grader": task.grader.name,
        "prompt_set": task.prompt_set,
        "fingerprint": task.fingerprint,
        "profile": {
            "question": {"tokens": task.profile.question, "from": lengths.sources[0]},
            "answer": {"tokens": task.profile.answer, "from": lengths.sources[1]},
        },
        "is_estimated": task.is_estimated,
        "measured": lengths.to_json(),
        "first": [
            {"split": split, "id": i.id, "question": i.question, "gold": i.gold, "group": i.group}
            for split, i in _first(task, first)
        ],
    }


def _groups(task: "Task") -> dict[str, int]:
    """How many questions are not independent of all others."""
    sizes: dict[str, int] = {}
    for items in task.splits.values():
        for item in items:
            if item.group is not None:
                sizes[item.group] = sizes.get(item.group, 0) + 1
    shared = [size for size in sizes.values() if size > 1]
    return {"groups": len(shared), "questions": sum(shared), "largest": max(shared, default=1)}


def _first(task: "Task", count: int) -> Iterable[tuple[str, "Item"]]:
    return [("search", item) for item in task.splits["search"][:count]]


def _print(task: "Task", origin: str | None, lengths: Lengths, first: int) -> None:
    total = sum(map(len, task.splits.values()))
    typer.echo(f"{task.name}: {total:,} questions" + (f" from {_plain(origin)}" if origin else ""))
    typer.echo(f"grader {task.grader.name}, prompts {task.prompt_set}\n")
    rows = [(split, f"{len(items):,}") for split, items in task.splits.items()]
    table(("split", "questions"), rows, align="lr")
    groups = _groups(task)
    if groups["groups"]:
        typer.echo(
            f"\n{groups['questions']:,} questions stand in {groups['groups']:,} groups, of "
            f"{groups['largest']:,} at most; a group is never split"
        )
    typer.echo("")
    table(("tokens", "", "where from"), lengths.rows(task.profile), align="lrl")
    for split, item in _first(task, first):
        typer.echo(f"\n{split} {_cut(item.id, 40)}, known answer {_cut(item.gold, 24)}")
        asked = _plain(item.question)
        lines = textwrap.wrap(asked, WIDTH - 2, max_lines=_LINES, placeholder=" ...")
        typer.echo("\n".join("  " + line for line in lines))


def _cut(value: Any, longest: int) -> str:
    said = _plain(str(value))
    return said if len(said) <= longest else said[: longest - 3] + "..."


def _plain(text: str) -> str:
    """One line without control characters."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


# -- check -----------------------------------------------------------------------------------------


def _print_checked(origin: str, seen: "Examination") -> None:
    count = len(seen.errors) + seen.more_errors
    said = "no errors" if not count else f"{count:,} error{'s' * (count > 1)}"
    typer.echo(f"{_plain(origin)}: {seen.questions:,} questions can be used, {said}")
    for error in seen.errors:
        _hang(_near_to(origin, str(error)))
    if seen.more_errors:
        typer.echo(f"  and {seen.more_errors:,} more")
    for said in seen.warnings:
        _hang(f"warning: {said}")
    if seen.folded:
        typer.echo(f"{seen.folded:,} more are there twice, and are taken once")
    if seen.left_out:
        typer.echo("\nleft out, since they are there with different known answers:")
    for places in seen.left_out:
        _hang(", ".join(_near_to(origin, place) for place in places))
    if seen.outliers:
        typer.echo("\nfar longer than the others, which every call on them pays for:")
    for outlier in seen.outliers:
        where = _near_to(origin, outlier.where)
        _hang(f"{where}: {outlier.size:,} bytes, where others have {outlier.median:,}")
    if seen.near:
        groups = len(seen.near) + seen.more_near
        typer.echo(f"\n{groups:,} group{'s' * (groups > 1)} of near-duplicates:")
    for group in seen.near:
        where = ", ".join(_near_to(origin, place) for place in group.where[:_SHOWN])
        more = f" and {len(group.where) - _SHOWN} more" if len(group.where) > _SHOWN else ""
        if len(group.splits) == 1:
            home = f"all in {group.splits[0]}"
        else:
            home = f"in {' and '.join(group.splits)}, as the file says"
        _hang(f"{where}{more}: {home}")
    if seen.more_near:
        typer.echo(f"  and {seen.more_near:,} more")


def _near_to(origin: str, text: str) -> str:
    """A message without the file that all of them are about: `line 17: is no JSON`."""
    for before, after in ((f"{origin}:", "line "), (f"{origin}: ", ""), (f"{origin}/", "")):
        rest = text.removeprefix(before)
        if rest != text and (not after or rest[:1].isdecimal()):
            return after + rest
    return text


def _hang(text: str) -> None:
    """Print a paragraph, its further lines indented."""
    typer.echo(
        textwrap.fill(
            _plain(text),
            WIDTH,
            initial_indent="  ",
            subsequent_indent="      ",
            break_on_hyphens=False,
        )
    )


_SHOWN = 6
"""Places of a group that are listed."""
