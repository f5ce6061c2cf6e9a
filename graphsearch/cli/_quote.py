"""`graphsearch quote`: what a search will take, before it spends anything."""

import typer

from graphsearch.cli._named import (
    AnswerField,
    DataFile,
    GraderName,
    GroupField,
    IdField,
    KeyNames,
    ModelNames,
    Models,
    PriceFile,
    Prices,
    Profile,
    PromptSet,
    QuestionField,
    Questions,
    read_order,
)
from graphsearch.cli._options import AsJson, ConfigFile, FleetName, Seed
from graphsearch.cli._output import emit
from graphsearch.cli._run import GraphBudget, SearchBudget, SearcherName

__all__ = ["quote"]


def quote(
    config: ConfigFile = None,
    data: DataFile = None,
    grader: GraderName = None,
    model: ModelNames = None,
    price: Prices = None,
    api_key_env: KeyNames = None,
    fleet: FleetName = None,
    prices: PriceFile = None,
    graph_budget: GraphBudget = None,
    search_budget: SearchBudget = None,
    searcher: SearcherName = None,
    seed: Seed = None,
    question_field: QuestionField = None,
    answer_field: AnswerField = None,
    id_field: IdField = None,
    group_field: GroupField = None,
    profile: Profile = None,
    prompt_set: PromptSet = None,
    as_json: AsJson = False,
) -> None:
    """Predict calls, tokens, cost and time of a search; spends nothing.

    Of a configuration, or of questions and models named on the line, as `run` takes them.
    """
    import graphsearch
    from graphsearch.cli._summary import price_lines, price_records
    from graphsearch.config import check_agent, check_names, placed, study_arguments

    order = read_order(
        config,
        Questions(
            data,
            grader,
            question_field,
            answer_field,
            id_field,
            group_field,
            profile=profile,
            prompt_set=prompt_set,
        ),
        Models(model, price, api_key_env, fleet),
        seed=seed,
        searcher=searcher,
        graph_budget=graph_budget,
        search_budget=search_budget,
        prices=prices,
    )
    with placed(order.source, order.given):
        models = check_names(order.settings)
        check_agent(order.settings)
        found = graphsearch.quote(**study_arguments(order.settings))
    if as_json:
        emit({**found.to_json(), "prices": price_records(models)})
        return
    typer.echo(str(found))
    for line in price_lines(models):
        typer.echo(line)
