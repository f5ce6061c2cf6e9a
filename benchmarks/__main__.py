"""Run the parts by name, all by default, and print one JSON object.

Each part is a module here with `measure() -> dict`; it prints nothing and is timed side by side
with whatever it is compared to. Progress goes to standard error, so standard output stays one
JSON object.
"""

import json
import sys
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import benchmarks


def main(names: list[str]) -> int:
    known = sorted(m.name for m in iter_modules(benchmarks.__path__) if m.name[0] != "_")
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no benchmark named {unknown[0]!r}; known: {', '.join(known)}", file=sys.stderr)
        return 2
    results: dict[str, Any] = {}
    for name in names or known:
        print(f"{name} ...", file=sys.stderr, flush=True)
        results[name] = import_module(f"benchmarks.{name}").measure()
    print(json.dumps(results, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
