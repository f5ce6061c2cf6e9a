"""What a page shows a reader to run: its Python, its commands, its files."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from tests.support import ROOT

SMALL = "2500 units"
"""Search budget of every search that a page shows, when a test runs it."""


@dataclass(frozen=True)
class Page:
    """README or one page of the documentation."""

    path: Path

    @property
    def name(self):
        return str(self.path.relative_to(ROOT))

    @property
    def text(self):
        return self.path.read_text(encoding="utf-8")

    def blocks(self, language):
        return re.findall(rf"```{language}\n(.*?)```", self.text, flags=re.DOTALL)

    @property
    def prose(self):
        return re.sub(r"```.*?```", "", self.text, flags=re.DOTALL)

    @property
    def commands(self):
        """Indented command lines: those that run here, as words."""
        lines = re.findall(r"^ {4}(\S.*)$", self.prose, flags=re.MULTILINE)
        return [shlex.split(line, comments=True) for line in lines]

    @property
    def links(self):
        found = re.findall(r"\]\(([^)\s]+)\)", self.prose)
        return [link for link in found if "://" not in link and not link.startswith("#")]


README = Page(ROOT / "README.md")
DOCS = [
    Page(path)
    for path in sorted((ROOT / "docs").rglob("*.md"))
    if not {"design", "_build"} & set(path.relative_to(ROOT).parts)
    and path.name != "configuration.md"
]


def small(block):
    """A block of Python whose searches have a small budget."""
    return re.sub(r'(search_budget=)"[^"]*"', rf'\1"{SMALL}"', block)
