"""`graphsearch run` and `graphsearch resume`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphsearch.cli._options import AsJson, ConfigFile, FleetName, RunFolder, Seed
from graphsearch.cli._output import emit

if TYPE_CHECKING:
    from graphsearch.config import Config
    from graphsearch.study.result import Result

__all__ = ["overrides", "resume", "run"]

_TRACES = ("study.db", "config.yaml", "result.json")

GraphBudget = Annotated[
    str | None,
    typer.Option("--graph-budget", help="Most a graph may spend on one question: '18 units'."),
]
SearchBudget = Annotated[
    list[str] | None,
    typer.Option("--search-budget", help="Most the search may spend; once for each currency."),
]
SearcherName = Annotated[
    str | None,
    typer.Option("--searcher", help="agent-reinforce, reinforce, optuna, random, exhaustive."),
]


def run(
    config: ConfigFile,
    out: Annotated[
        str | None, typer.Option("--out", help="Run folder; runs/NAME when left out.")
    ] = None,
    seed: Seed = None,
    searcher: SearcherName = None,
    graph_budget: GraphBudget = None,
    search_budget: SearchBudget = None,
    fleet: FleetName = None,
    as_json: AsJson = False,
) -> None:
    """Search for the best graph; writes a run folder.

    The folder holds the configuration, every call, the result and its report. Ctrl-C stops the
    search with all kept; `graphsearch resume` goes on.
    """
    from graphsearch.config import check_agent, check_names, find_config, load_config, placed

    path = find_config(config)
    given = overrides(
        seed=seed,
        searcher=searcher,
        graph_budget=graph_budget,
        search_budget=search_budget,
        fleet=fleet,
        out=out,
    )
    settings = load_config(path, given)
    folder = Path(settings.out or Path("runs") / path.stem)
    _refuse_taken(folder)
    with placed(str(path), given):
        check_names(settings)
        check_agent(settings)
        _search(settings, folder, as_json=as_json)


def resume(run: RunFolder, as_json: AsJson = False) -> None:
    """Go on with a search that was stopped or killed.

    It ends with the result it would have had.
    """
    from graphsearch.config import load_config
    from graphsearch.errors import StoreError

    stored = run / "config.yaml"
    if not stored.is_file():
        if (run / "study.db").is_file():
            raise StoreError(
                "holds a search begun from Python, without a configuration; it goes on by the same "
                f"call of optimize or open_study, with out={str(run)!r}",
                where=str(run),
            )
        raise StoreError("holds no run (there is no config.yaml in it)", where=str(run))
    settings = load_config(stored)
    _refuse_emptied(run)
    _search(settings, run, as_json=as_json)


def overrides(*, fleet: str | None = None, **values: Any) -> dict[str, Any]:
    """What was given on the command line, by configuration key; a fleet path becomes absolute."""
    given = {key: value for key, value in values.items() if value is not None and value != []}
    if fleet is not None:
        given["fleet"] = str(Path(fleet).resolve()) if Path(fleet).is_file() else fleet
    return given


def _refuse_taken(folder: Path) -> None:
    from graphsearch.errors import ConfigError

    if any((folder / name).exists() for name in _TRACES):
        raise ConfigError(
            f"already holds a run; go on with it by 'graphsearch resume {folder}', or choose "
            "another --out",
            where=str(folder),
        )
    if folder.exists() and not folder.is_dir():
        raise ConfigError("is a file; a folder is needed", where=str(folder))


def _refuse_emptied(folder: Path) -> None:
    """Nothing is paid twice in silence: a started study has a journal, unless it was lost."""
    from graphsearch.errors import StoreError
    from graphsearch.store import Store

    with Store.open(folder, read_only=True) as store:
        if store.get_meta("identity") is None:
            raise StoreError(
                "is empty, though the search had begun (a deleted -wal file?), so all it had paid "
                "for is lost; begin anew in another folder",
                where=store.name,
            )


def _search(settings: "Config", folder: Path, *, as_json: bool) -> None:
    """Run or go on with the search, show it, and print how it ended."""
    import graphsearch
    from graphsearch.cli._summary import say_result, summary
    from graphsearch.cli._view import Scene, show_progress
    from graphsearch.config import config_yaml, study_arguments
    from graphsearch.events import Event, StudyStarted
    from graphsearch.report import write_report

    scene = Scene(settings.graph_budget, settings.evaluation.rounds)
    with show_progress(scene) as listener:

        def hear(event: Event) -> None:
            if isinstance(event, StudyStarted) and not (folder / "config.yaml").exists():
                # Only now is all input known to be good, and the folder there.
                _write(folder / "config.yaml", config_yaml(settings))
            listener(event)

        result: Result = graphsearch.optimize(
            **study_arguments(settings), out=folder, on_event=hear
        )
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
