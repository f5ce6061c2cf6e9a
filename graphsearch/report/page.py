"""Fills the page's template and writes it."""

import os
import tempfile
from pathlib import Path

from graphsearch.report import numbers
from graphsearch.report.read import FinishedRun, HasJson, read_run
from graphsearch.report.sections import sections

__all__ = ["render", "write_report"]


def write_report(source: str | Path | HasJson, path: str | Path | None = None) -> Path:
    """Writes the report of a finished study as one HTML file that needs nothing else.

    Args:
        source: a run folder, or a `Result`.
        path: the file, or a folder to put `report.html` into; a run folder is the default.

    Returns:
        Where the report is.

    Raises:
        StoreError: the run folder has no readable result.
        ValueError: a `Result` without a path.
    """
    run = read_run(source)
    if path is None:
        if not isinstance(source, (str, Path)):
            raise ValueError("a report of a Result needs a path to be written to")
        path = source
    target = Path(path)
    if target.is_dir():
        target = target / "report.html"
    page = render(run)
    # Temp file and rename, so that nobody ever sees half a report.
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".report-", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(page)
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target


def render(run: FinishedRun) -> str:
    """The page as text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("graphsearch.report", "templates")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in numbers.__all__:
        environment.filters[name] = getattr(numbers, name)
    css, _, _ = loader.get_source(environment, "report.css")
    return environment.get_template("report.html.jinja").render(css=css, **sections(run))
