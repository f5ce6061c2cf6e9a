"""`graphsearch cost`: what a graph is expected to spend on one question."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphsearch.cli._options import AsJson
from graphsearch.cli._output import amount, emit, table

if TYPE_CHECKING:
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
    nodes = dict.fromkeys(node.model for node in found.nodes if node.model is not None)
    costs: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for currency in CURRENCIES:
        model = CostModel(models, lengths, currency, roles=get_roles("chat"))
        reason = next(filter(None, map(model.can_price, nodes)), None)
        if reason:
            costs[currency], reasons[currency] = None, reason
        else:  # whole where the currency is
            value = model.amount(model.graph_ticks(found)).value
            costs[currency] = value if isinstance(value, int) else float(value)
    if as_json:
        profile_told = {"question": lengths.question, "answer": lengths.answer}
        emit(
            {
                "graph": found.describe(),
                "nodes": len(found.nodes),
                "edges": len(found.edges),
                "width": found.width,
                "depth": found.depth,
                "fleet": models.name,
                "task": lengths_of,
                "profile": profile_told,
                **costs,
                "unknown": reasons,
            }
        )
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
