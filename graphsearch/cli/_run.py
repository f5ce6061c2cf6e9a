"""`graphsearch run` and `graphsearch resume`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphsearch.cli._options import AsJson, RunFolder
from graphsearch.cli._output import emit
from graphsearch.cli._search_options import SearchOptions, takes_search

if TYPE_CHECKING:
    from graphsearch.spec import Spec
    from graphsearch.study.result import Result

__all__ = ["resume", "run"]

_TRACES = ("study.db", "config.yaml", "result.json")


@takes_search
def run(
    asked: SearchOptions,
    out: Annotated[
        str | None, typer.Option("--out", help="Run folder; runs/NAME when left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Search for the best graph; writes a run folder.

    What to search says CONFIG, or --data and --model with two budgets. The folder holds the
    configuration, every call, the result and its report. Ctrl-C stops the search with all kept;
    `graphsearch resume` goes on.
    """
    from graphsearch.spec import placed
    from graphsearch.spec.build import pinned

    order = asked.order(out=out)
    folder = Path(order.spec.out or Path("runs") / order.name)
    _refuse_taken(folder)
    with placed(order.origin):
        _search(pinned(order.spec), folder, as_json=as_json)


def resume(run: RunFolder, as_json: AsJson = False) -> None:
    """Go on with a search that was stopped or killed.

    It ends with the result it would have had.
    """
    from graphsearch.api import spec_of_run

    _search(spec_of_run(run), run, as_json=as_json)


def _refuse_taken(folder: Path) -> None:
    from graphsearch.records.errors import ConfigError

    if any((folder / name).exists() for name in _TRACES):
        raise ConfigError(
            f"already holds a run; go on with it by 'graphsearch resume {folder}', or choose "
            "another --out",
            where=str(folder),
        )
    if folder.exists() and not folder.is_dir():
        raise ConfigError("is a file; a folder is needed", where=str(folder))


def _search(spec: "Spec", folder: Path, *, as_json: bool) -> None:
    """Run or go on with the search, show it, and print how it ended."""
    from graphsearch.api import begin
    from graphsearch.cli._interrupts import run_stoppable
    from graphsearch.cli._summary import say_result, summary
    from graphsearch.cli._view import Scene, show_progress
    from graphsearch.records.events import Event, StudyStarted
    from graphsearch.report import write_report
    from graphsearch.spec import spec_yaml

    scene = Scene(str(spec.graph_budget), spec.evaluation.rounds)
    with show_progress(scene) as listener:

        def hear(event: Event) -> None:
            if isinstance(event, StudyStarted) and not (folder / "config.yaml").exists():
                # Only now is all input known to be good, and the folder there.
                _write(folder / "config.yaml", spec_yaml(spec))
            listener(event)

        async def search() -> "Result":
            async with begin(spec.at(folder), folder, listener=hear) as study:
                scene.meter = lambda: study.budgets
                return await study.run()

        result = run_stoppable(search)
    report = write_report(folder, folder / "report.html")
    if as_json:
        emit(summary(result, folder, report))
    else:
        say_result(result, report)
    if result.stopped_by["rule"] == "user":
        raise KeyboardInterrupt


def _write(path: Path, text: str) -> None:
    beside = path.with_suffix(".part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
