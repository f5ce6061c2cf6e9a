"""Options and arguments that several commands share."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from graphsearch.records.errors import ConfigError, InputError

__all__ = [
    "AsJson",
    "ConfigFile",
    "FleetName",
    "GraderOptions",
    "KeyNames",
    "PriceFile",
    "Prices",
    "RunFolder",
    "read_options",
    "task_options",
]

AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object, on the last line of the output.")
]
ConfigFile = Annotated[
    str | None,
    typer.Argument(
        metavar="CONFIG",
        help="A configuration file, or: demo, puzzle, recall.",
        show_default=False,
    ),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
FleetName = Annotated[
    str | None, typer.Option("--fleet", help="Name of a fleet, or a path to one.")
]
Prices = Annotated[
    list[str] | None,
    typer.Option(
        "--price",
        help="Price of a --model, as NAME=IN/OUT in USD per million tokens: qwen-0.5b=0.02/0.06.",
    ),
]
KeyNames = Annotated[
    list[str] | None,
    typer.Option(
        "--api-key-env", help="Environment variable of a --model's key, as NAME=VARIABLE."
    ),
]
PriceFile = Annotated[
    str | None,
    typer.Option("--prices", help="A file of prices, for models whose fleet does not tell them."),
]
GraderOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--grader-option",
        help="An option of the grader, as NAME=VALUE: sandbox=process; once for each.",
    ),
]


def read_options(words: Sequence[str] | None, option: str) -> dict[str, Any]:
    """`NAME=VALUE` words as a mapping, each value read as YAML.

    Args:
        words: what was given, None for nothing.
        option: the option they came with, for errors.

    Raises:
        ConfigError: one is not of that form.
    """
    from graphsearch.yamlfile import parse_yaml

    found: dict[str, Any] = {}
    for word in words or ():
        name, mark, value = (part.strip() for part in word.partition("="))
        if not mark or not name:
            raise ConfigError(f"{word!r} is not NAME=VALUE", where=option)
        if name in found:
            raise ConfigError(f"{name!r} is given twice", where=option)
        try:
            found[name] = parse_yaml(f"value: {value}", option)["value"]
        except ConfigError as error:
            why = str(error).removeprefix(f"{error.where}: ")
            raise ConfigError(
                f"{value!r} cannot be read ({why}); a text is best quoted: {name}='\"...\"'",
                where=option,
            ) from error
    return found


_OWN_OPTIONS = {"path": "--path", "grader": "--grader", "grader_options": "--grader-option"}


@contextmanager
def task_options() -> Iterator[None]:
    """Errors about options of a task, told with the option of the command line that sets them."""
    try:
        yield
    except InputError as error:
        place = (error.where or "").removeprefix(_AT)
        if error.where is None or place == error.where:
            raise
        name, _, rest = place.partition(".")
        option = _OWN_OPTIONS.get(name, f"--option {name}")
        message = str(error).removeprefix(f"{error.where}: ")
        where = f"{option}: {rest}" if rest else option
        raise type(error)(message, where=where) from error


_AT = "task.options."
