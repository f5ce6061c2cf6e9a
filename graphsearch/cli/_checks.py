"""The checks of `graphsearch doctor`."""

import importlib.metadata
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from graphsearch.cli._probe import ModelReport, ServerReport, State
from graphsearch.records.errors import TaskError

__all__ = ["Check", "machine_checks", "model_checks", "package_checks", "server_check"]

LEAST_PYTHON = (3, 11)
LEAST_DISK = 500_000_000


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.

    Attributes:
        name: what was looked at.
        state: `ok`, `poor` (works, but badly) or `bad`.
        found: what was found.
        advice: what to do, "" when all is well.
    """

    name: str
    state: State
    found: str
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        """All fields by name."""
        return asdict(self)


def machine_checks() -> Iterator[Check]:
    """Checks of what every search needs: Python, packages, cores, disk, sandbox."""
    from graphsearch.evaluators.sandbox import level_fault, level_names, open_sandbox

    found = f"{platform.python_version()} at {sys.executable}"
    least = ".".join(map(str, LEAST_PYTHON))
    if sys.version_info[:2] >= LEAST_PYTHON:
        yield Check("python", "ok", found)
    else:
        yield Check("python", "bad", found, f"install Python {least} or newer")
    yield from package_checks()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if cores is None or cores >= 2:
        yield Check("cores", "ok", "unknown" if cores is None else str(cores))
    else:
        yield Check("cores", "poor", "1", "searches on the embedded fleet want two cores or more")
    free = shutil.disk_usage(Path.cwd()).free
    found = f"{free / 1e9:.1f} GB free in {Path.cwd()}"
    if free >= LEAST_DISK:
        yield Check("disk", "ok", found)
    else:
        yield Check("disk", "poor", found, f"free {LEAST_DISK / 1e6:.0f} MB for run folders")
    try:
        name = open_sandbox().name
        others = [n for n in level_names() if n != name and level_fault(n) is None]
        found = f"{name} for programs that models write (by name also: {', '.join(others)})"
        yield Check("sandbox", "ok", found)
    except TaskError as error:
        weak = level_fault("process")
        found = f"{error}" if weak is None else f"{error}; process: {weak}"
        advice = "tasks of code want it: install bubblewrap (Debian, Fedora: package bubblewrap)"
        yield Check("sandbox", "poor", found, advice)


def package_checks() -> Iterator[Check]:
    """Checks of the packages that this one is installed with."""
    for text in importlib.metadata.requires("graphsearch") or ():
        if "extra ==" in text:
            continue
        name = text.split(";")[0].strip()
        bare = re.split(r"[=><!~]", name, maxsplit=1)[0].strip()
        try:
            yield Check(f"package {bare}", "ok", importlib.metadata.version(bare))
        except importlib.metadata.PackageNotFoundError:
            yield Check(f"package {bare}", "bad", "not installed", f"pip install '{name}'")


def model_checks(report: ModelReport) -> list[Check]:
    """A model as a line, and one more for each problem beyond the first."""
    name = f"model {report.name}"
    rest = report.findings
    parts = [f"answers in {report.seconds or 0:.2f} s"]
    if report.tokens_per_second is not None:
        parts.append(f"{report.tokens_per_second:,.0f} tokens/s")
    if report.context is not None:
        parts.append(f"context {report.context:,}")
    if report.input_price is not None and report.output_price is not None:
        dated = f" ({report.price_source})" if report.price_source else ""
        parts.append(f"USD {report.input_price}/{report.output_price} per Mtok{dated}")
    else:
        parts.append("price unknown")
    if report.weights:
        parts.append(f"weights {report.weights[:12]}")
    head = Check(name, "ok", ", ".join(parts))
    if not report.answers and rest:
        (first, *rest) = rest
        head = Check(name, first.state, first.found, first.advice)
    return [head, *(Check(f"{name}: {f.about}", f.state, f.found, f.advice) for f in rest)]


def server_check(report: ServerReport) -> Check:
    """A server as a line."""
    name = f"server {report.url}"
    if report.serves is None:
        return Check(name, "bad", report.found, report.advice)
    names = [f"{n} (context {c:,})" if c else n for n, c in report.serves.items()]
    if not names:
        advice = "load a model there; some servers answer to names all the same: try URL#NAME"
        return Check(name, "poor", "answers, but lists no model", advice)
    return Check(name, "ok", f"serves {', '.join(names)}")
