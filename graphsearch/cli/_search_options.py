"""What to search, as the command line says it: the options that `run` and `quote` share."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphsearch.cli._named import Models, Order, Questions, read_order
from graphsearch.cli._options import (
    ConfigFile,
    FleetName,
    GraderOptions,
    KeyNames,
    PriceFile,
    Prices,
    Seed,
)

if TYPE_CHECKING:
    from graphsearch.spec import Spec

__all__ = ["SearchOptions", "takes_search"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """A configuration with options laid over it, or options alone; None where nothing was said."""

    config: ConfigFile = None
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            help="Questions with answers (.jsonl, .csv, .json, .parquet) in place of CONFIG, or "
            "the data of a CONFIG whose task leaves it open.",
        ),
    ] = None
    grader: Annotated[
        str | None,
        typer.Option("--grader", help="Judges answers to --data: numeric, math, exact, f1, ..."),
    ] = None
    grader_option: GraderOptions = None
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            help="A model, as URL#NAME (http://127.0.0.1:8000/v1#qwen-0.5b) or PROVIDER/NAME "
            "(openai/gpt-4o-mini, by LiteLLM); once for each.",
        ),
    ] = None
    price: Prices = None
    api_key_env: KeyNames = None
    fleet: FleetName = None
    prices: PriceFile = None
    graph_budget: Annotated[
        str | None,
        typer.Option("--graph-budget", help="Most a graph may spend on one question: '18 units'."),
    ] = None
    search_budget: Annotated[
        list[str] | None,
        typer.Option("--search-budget", help="Most the search may spend; once for each currency."),
    ] = None
    searcher: Annotated[
        str | None,
        typer.Option("--searcher", help="agent-reinforce, reinforce, optuna, random, exhaustive."),
    ] = None
    seed: Seed = None
    question_field: Annotated[
        str | None,
        typer.Option("--question-field", help="Field of --data that holds the question."),
    ] = None
    answer_field: Annotated[
        str | None, typer.Option("--answer-field", help="Field that holds the known answer.")
    ] = None
    id_field: Annotated[str | None, typer.Option("--id-field", help="Field that holds an id.")] = (
        None
    )
    group_field: Annotated[
        str | None,
        typer.Option(
            "--group-field", help="Field whose equal values mark questions of one origin."
        ),
    ] = None
    profile: Annotated[
        str | None,
        typer.Option("--profile", help="Mean tokens of question and answer of --data: 120,300."),
    ] = None
    lengths_from: Annotated[
        str | None,
        typer.Option("--from", help="A finished run: plan with the token lengths it measured."),
    ] = None
    prompt_set: Annotated[
        str | None,
        typer.Option("--prompt-set", help="Prompts of the roles for --data: a name, or a folder."),
    ] = None

    def order(self, **more: Any) -> Order:
        """The search that is asked for.

        Args:
            **more: further top-level keys of the configuration, None where nothing was said.

        Raises:
            ConfigError: neither a configuration nor enough options, or something in them is wrong.
        """
        questions = Questions(
            **{name: getattr(self, name) for name in Questions.__dataclass_fields__}
        )
        order = read_order(
            self.config,
            questions,
            Models(self.model, self.price, self.api_key_env, self.fleet),
            seed=self.seed,
            searcher=self.searcher,
            graph_budget=self.graph_budget,
            search_budget=self.search_budget,
            prices=self.prices,
            **more,
        )
        if self.lengths_from is None:
            return order
        return order._replace(spec=_with_lengths(order.spec, self.lengths_from))


def _with_lengths(spec: "Spec", run: str) -> "Spec":
    """The configuration with the token lengths that a finished run measured."""
    from graphsearch.spec import ProfileSpec

    told = {} if spec.task.profile is None else spec.task.profile.model_dump()
    lengths = {"from": str(Path(run).resolve()), "models": None}
    profile = ProfileSpec(**{**told, **lengths})
    return spec.model_copy(update={"task": spec.task.model_copy(update={"profile": profile})})


def takes_search(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose first argument is a `SearchOptions`, with an option for each field of it."""
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    shared = [
        inspect.Parameter(
            f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=f.type
        )
        for f in fields(SearchOptions)
    ]

    def asked(**given: Any) -> None:
        rest = {parameter.name: given.pop(parameter.name) for parameter in own}
        command(SearchOptions(**given), **rest)

    own = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    asked.__name__, asked.__doc__ = command.__name__, command.__doc__
    asked.__signature__ = inspect.Signature([*shared, *own])  # type: ignore[attr-defined]
    return asked
