"""`graphsearch quote`: what a search will take, before it spends anything."""

import typer

from graphsearch.cli._options import AsJson, ConfigFile, FleetName, Seed
from graphsearch.cli._output import emit
from graphsearch.cli._run import GraphBudget, SearchBudget, SearcherName, overrides

__all__ = ["quote"]


def quote(
    config: ConfigFile,
    seed: Seed = None,
    searcher: SearcherName = None,
    graph_budget: GraphBudget = None,
    search_budget: SearchBudget = None,
    fleet: FleetName = None,
    as_json: AsJson = False,
) -> None:
    """Predict calls, tokens, cost and time of a search; spends nothing."""
    import graphsearch
    from graphsearch.config import (
        check_agent,
        check_names,
        find_config,
        load_config,
        placed,
        study_arguments,
    )

    path = find_config(config)
    given = overrides(
        seed=seed,
        searcher=searcher,
        graph_budget=graph_budget,
        search_budget=search_budget,
        fleet=fleet,
    )
    settings = load_config(path, given)
    with placed(str(path), given):
        check_names(settings)
        check_agent(settings)
        found = graphsearch.quote(**study_arguments(settings))
    if as_json:
        emit(found.to_json())
    else:
        typer.echo(str(found))
