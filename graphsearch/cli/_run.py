"""`graphsearch run` and `graphsearch resume`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphsearch.cli._flags import Order, takes_search
from graphsearch.cli._options import AsJson, RunFolder
from graphsearch.cli._output import emit
from graphsearch.records.errors import ConfigError

if TYPE_CHECKING:
    from graphsearch.spec import Spec
    from graphsearch.study.result import Result

__all__ = ["resume", "run"]

_TRACES = ("study.db", "config.yaml", "result.json")
_EVIDENCE = ("accuracy", "interval", "n", "used", "currency", "outcomes")
_RECORDED = (
    "best_plain",
    "break_even",
    "spend",
    "calls",
    "outcomes",
    "stopped_by",
    "notes",
    "losses",
)


@takes_search
def run(
    order: Order,
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

    folder = Path(order.spec.out or Path("runs") / order.name)
    where = str(folder)
    if any((folder / name).exists() for name in _TRACES):
        raise ConfigError(
            f"already holds a run; go on with it by 'graphsearch resume {folder}', or choose "
            "another --out",
            where=where,
        )
    if folder.exists() and not folder.is_dir():
        raise ConfigError("is a file; a folder is needed", where=where)
    with placed(order.origin):
        _search(pinned(order.spec), folder, as_json=as_json)


def resume(run: RunFolder, as_json: AsJson = False) -> None:
    """Go on with a search that was stopped or killed.

    It ends with the result it would have had.
    """
    from graphsearch.api import spec_of_run

    _search(spec_of_run(run), run, as_json=as_json)


def _search(spec: "Spec", folder: Path, *, as_json: bool) -> None:
    """Run or go on with the search, show it, and print how it ended."""
    from graphsearch.api import begin
    from graphsearch.cli._interrupts import run_stoppable
    from graphsearch.cli._view import Scene, show_progress
    from graphsearch.records.events import Event, StudyStarted
    from graphsearch.report import write_report
    from graphsearch.spec import spec_yaml

    scene = Scene(str(spec.graph_budget), spec.evaluation.rounds)
    with show_progress(scene) as listener:

        def hear(event: Event) -> None:
            if isinstance(event, StudyStarted) and not (folder / "config.yaml").exists():
                # Only now is all input known to be good, and the folder there.
                part = folder / "config.part"
                part.write_text(spec_yaml(spec), encoding="utf-8")
                part.replace(folder / "config.yaml")
            listener(event)

        async def search() -> "Result":
            async with begin(spec.at(folder), folder, listener=hear) as study:
                scene.meter = lambda: study.budgets
                return await study.run()

        result = run_stoppable(search)
    report = write_report(folder, folder / "report.html")
    if as_json:
        emit(_summary(result, folder, report))
    else:
        typer.echo(f"{result}\n\nreport: {report}")
    if result.stopped_by["rule"] == "user":
        raise KeyboardInterrupt


def _summary(result: "Result", folder: Path, report: Path) -> dict[str, Any]:
    """The result in short: winner, held-out test, baselines, spend."""
    record = result.to_json()
    test = record["test"]
    baselines = []
    for row in record["baselines"]:
        evidence = {name: row["evidence"][name] for name in _EVIDENCE}
        told = {"name": row["name"], "oracle": row["oracle"], **evidence}
        baselines.append(told | {"difference": row["difference"]})
    models = record["fleet"]["models"]
    return {
        "run": str(folder),
        "report": str(report),
        "seed": record["seed"],
        "searcher": record["searcher"]["name"],
        **{name: record[name] for name in ("verdict", "winner")},
        **{name: test and test[name] for name in ("accuracy", "n", "interval")},
        "test": test,
        "baselines": baselines,
        **{name: record[name] for name in _RECORDED},
        "prices": {m["name"]: m["price_source"] for m in models if m.get("price_source")},
    }
