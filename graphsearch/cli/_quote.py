"""`graphsearch quote`: what a search will take, before it spends anything."""

import typer

from graphsearch.cli._options import AsJson
from graphsearch.cli._output import REFUSED, emit
from graphsearch.cli._search_options import SearchOptions, takes_search

__all__ = ["quote"]


@takes_search
def quote(asked: SearchOptions, as_json: AsJson = False) -> None:
    """Predict calls, tokens, cost and time of a search; spends nothing.

    Of a configuration, or of questions and models named on the line, as `run` takes them.
    """
    from graphsearch.cli._summary import price_lines, price_records
    from graphsearch.spec import placed
    from graphsearch.spec.build import build, fleet_of
    from graphsearch.study.quote import NO_ROUND, make_quote

    order = asked.order()
    with placed(order.origin):
        models = fleet_of(order.spec)
        found = make_quote(build(order.spec))
    if as_json:
        emit({**found.to_json(), "prices": price_records(models)})
    else:
        typer.echo(str(found))
        for line in price_lines(models):
            typer.echo(line)
    if NO_ROUND in found.warnings:
        typer.echo(f"error: {NO_ROUND}", err=True)
        raise typer.Exit(REFUSED)
