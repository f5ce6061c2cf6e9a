"""How a search ended, for a reader and as JSON."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from graphsearch.records.models import Fleet
    from graphsearch.study.result import Result

__all__ = ["price_lines", "price_records", "say_result", "summary"]


def summary(result: "Result", folder: Path, report: Path | None) -> dict[str, Any]:
    """The result in short: winner, sealed test, plain alternatives, spend.

    Args:
        result: what the study found.
        folder: its run folder.
        report: the page written of it, None when none was.
    """
    record = result.to_json()
    test = record["test"]
    return {
        "run": str(folder),
        "report": None if report is None else str(report),
        "seed": record["seed"],
        "searcher": record["searcher"]["name"],
        "verdict": record["verdict"],
        "winner": record["winner"],
        "accuracy": None if test is None else test["accuracy"],
        "n": None if test is None else test["n"],
        "interval": None if test is None else test["interval"],
        "test": test,
        "baselines": [_row(row) for row in record["baselines"]],
        "best_plain": record["best_plain"],
        "break_even": record["break_even"],
        "spend": record["spend"],
        "calls": record["calls"],
        "outcomes": record["outcomes"],
        "stopped_by": record["stopped_by"],
        "notes": record["notes"],
        "losses": record["losses"],
        "prices": {
            model["name"]: model["price_source"]
            for model in record["fleet"]["models"]
            if model.get("price_source")
        },
    }


def _row(row: dict[str, Any]) -> dict[str, Any]:
    names = ("accuracy", "interval", "n", "used", "currency", "outcomes")
    evidence = {name: row["evidence"][name] for name in names}
    return {
        "name": row["name"],
        "oracle": row["oracle"],
        **evidence,
        "difference": row["difference"],
    }


def say_result(result: "Result", report: Path | None) -> None:
    """Print the comparison, and where the report lies."""
    typer.echo(str(result))
    if report is not None:
        typer.echo(f"\nreport: {report}")


def price_records(fleet: "Fleet") -> dict[str, dict[str, str | None]]:
    """Prices of a fleet's models in USD per million tokens, with where each is from."""
    return {
        spec.name: {
            "input": None if spec.input_price is None else str(spec.input_price),
            "output": None if spec.output_price is None else str(spec.output_price),
            "source": spec.price_source or None,
        }
        for spec in fleet.models
    }


def price_lines(fleet: "Fleet") -> list[str]:
    """A line for each source of prices that names one, so that nobody takes old ones for new."""
    by_source: dict[str, list[str]] = {}
    for spec in fleet.models:
        if spec.price_source:
            by_source.setdefault(spec.price_source, []).append(spec.name)
    return [f"prices of {', '.join(names)}: {source}" for source, names in by_source.items()]
