"""Print the JSON Schema of configurations, or write it to the file named."""

import json
import sys
from pathlib import Path

from graphsearch.spec import json_schema


def main(arguments: list[str]) -> None:
    """Write the schema to `arguments[0]`, or to standard output."""
    text = json.dumps(json_schema(), indent=2) + "\n"
    if arguments:
        Path(arguments[0]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
