"""`graphsearch cost`: what a graph is expected to spend on one question."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphsearch.cli._options import AsJson
from graphsearch.cli._output import amount, emit, table

if TYPE_CHECKING:
    from graphsearch.cost import CostModel
    from graphsearch.graph import CollaborationGraph
    from graphsearch.records.tasks import TokenProfile

__all__ = ["cost"]


def cost(
    graph: Annotated[Path, typer.Argument(metavar="GRAPH", help="A graph file (YAML or JSON).")],
    fleet: Annotated[str, typer.Option("--fleet", help="Name of a fleet, or a path to one.")],
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            help="Whose token lengths to use: math, mmlu, humaneval, or a registered task; math "
            "when left out.",
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option("--profile", help="Mean tokens of question and answer instead: 202,275."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Price a graph: what one question should cost, by currency."""
    from graphsearch.agents.roles import get_roles
    from graphsearch.cost import CURRENCIES, CostModel
    from graphsearch.graph import CollaborationGraph
    from graphsearch.records.errors import ConfigError
    from graphsearch.records.models import Fleet

    found = CollaborationGraph.load(graph)
    models = Fleet.load(fleet)
    if task is not None and profile is not None:
        raise ConfigError("token lengths are told by --task already", where="--profile")
    lengths_of = profile or task or "math"
    lengths = _profile(lengths_of)
    costs: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for currency in CURRENCIES:
        model = CostModel(models, lengths, currency, roles=get_roles("chat"))
        reason = _why_not(model, found)
        costs[currency] = None if reason else _number(model, found)
        if reason:
            reasons[currency] = reason
    if as_json:
        emit(_record(found, models.name, lengths_of, lengths, costs, reasons))
        return
    typer.echo(f"{found.describe()}: width {found.width}, depth {found.depth}")
    typer.echo(
        f"fleet {models.name}, {lengths.question} tokens a question, {lengths.answer} an answer\n"
    )
    table(
        ("expected per question", "", ""),
        [(name, amount(value), reasons.get(name, "")) for name, value in costs.items()],
        align="lrl",
    )


def _why_not(model: "CostModel", graph: "CollaborationGraph") -> str | None:
    """None, or why the graph has no price in this currency."""
    names = dict.fromkeys(node.model for node in graph.nodes if node.model is not None)
    return next(filter(None, map(model.can_price, names)), None)


def _number(model: "CostModel", graph: "CollaborationGraph") -> float:
    """The cost; whole where the currency is."""
    value = model.amount(model.graph_ticks(graph)).value
    return value if isinstance(value, int) else float(value)


def _profile(task: str) -> "TokenProfile":
    from graphsearch.cost import parse_profile
    from graphsearch.records.errors import ConfigError

    try:
        return parse_profile(task)
    except ConfigError as error:
        from graphsearch.evaluators.tasks import get_task, task_names

        if task in task_names():
            return get_task(task).profile
        known = ", ".join(task_names())
        raise ConfigError(f"{error}; registered tasks are {known}", where="--task") from error


def _record(
    graph: "CollaborationGraph",
    fleet: str,
    task: str,
    profile: "TokenProfile",
    costs: dict[str, float | None],
    reasons: dict[str, str],
) -> dict[str, Any]:
    return {
        "graph": graph.describe(),
        "nodes": len(graph.nodes),
        "edges": len(graph.edges),
        "width": graph.width,
        "depth": graph.depth,
        "fleet": fleet,
        "task": task,
        "profile": {"question": profile.question, "answer": profile.answer},
        **costs,
        "unknown": reasons,
    }
