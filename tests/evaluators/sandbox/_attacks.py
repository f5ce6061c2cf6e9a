"""Reads the corpus of attacks.

A file of `attacks/` holds one kind. A line `# --- NAME: ESCAPE` begins an attack and says what
would be an escape; `# --- NAME (quick): ESCAPE` marks those that every test run takes. What comes
before the first such line comes before every attack of the file.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

EVERYTHING = os.environ.get("GRAPHSEARCH_ATTACKS") == "all"
"""Whether this run takes all attacks, as `make test-sandbox` does."""

HERE = Path(__file__).parent / "attacks"
_HEAD = re.compile(
    r"^# --- (?P<name>[\w -]+?)(?P<quick> \(quick\))?: (?P<escape>.+)$", re.MULTILINE
)


@dataclass(frozen=True)
class Attack:
    kind: str
    name: str
    escape: str
    quick: bool
    program: str

    @property
    def id(self):
        return f"{self.kind}-{self.name.replace(' ', '-')}"


def read(kind):
    """All attacks of a file."""
    text = (HERE / f"{kind}.txt").read_text(encoding="utf-8")
    heads = list(_HEAD.finditer(text))
    shared = text[: heads[0].start()]
    ends = [head.start() for head in heads[1:]] + [len(text)]
    return [
        Attack(
            kind,
            head["name"],
            head["escape"],
            head["quick"] is not None,
            shared + text[head.end() : end].strip("\n") + "\n",
        )
        for head, end in zip(heads, ends, strict=True)
    ]


def chosen(*kinds):
    """The attacks of these kinds that this run takes: all of them in `make test-sandbox`."""
    found = [attack for kind in kinds for attack in read(kind)]
    return [attack for attack in found if attack.quick or EVERYTHING]
