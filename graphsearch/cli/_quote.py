"""`graphsearch quote`: what a search will take, before it spends anything."""

import typer

from graphsearch.cli._flags import Order, takes_search
from graphsearch.cli._options import AsJson
from graphsearch.cli._output import REFUSED, emit

__all__ = ["quote"]


@takes_search
def quote(order: Order, as_json: AsJson = False) -> None:
    """Predict calls, tokens, cost and time of a search; spends nothing.

    Of a configuration, or of questions and models named on the line, as `run` takes them.
    """
    from graphsearch.spec import placed
    from graphsearch.spec.build import build, fleet_of
    from graphsearch.study.quote import NO_ROUND, make_quote

    with placed(order.origin):
        models = fleet_of(order.spec).models
        found = make_quote(build(order.spec))
    if as_json:
        prices = {
            spec.name: {
                "input": None if spec.input_price is None else str(spec.input_price),
                "output": None if spec.output_price is None else str(spec.output_price),
                "source": spec.price_source or None,
            }
            for spec in models
        }
        emit({**found.to_json(), "prices": prices})
    else:
        typer.echo(str(found))
        # Sources are named, so that nobody takes old prices for new.
        for source in dict.fromkeys(spec.price_source for spec in models if spec.price_source):
            names = [spec.name for spec in models if spec.price_source == source]
            typer.echo(f"prices of {', '.join(names)}: {source}")
    if NO_ROUND in found.warnings:
        typer.echo(f"error: {NO_ROUND}", err=True)
        raise typer.Exit(REFUSED)
