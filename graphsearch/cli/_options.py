"""Options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "AsJson",
    "ConfigFile",
    "FleetName",
    "KeyNames",
    "PriceFile",
    "Prices",
    "RunFolder",
    "Seed",
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
Seed = Annotated[int | None, typer.Option("--seed", help="Everything random follows from it.")]
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
