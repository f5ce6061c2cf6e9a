"""Finding the files of a benchmark in whatever form its user has it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from graphsearch.evaluators.tasks._repeats import Contradictions
from graphsearch.evaluators.tasks.fields import Draft
from graphsearch.evaluators.tasks.source import Source
from graphsearch.records.calls import digest
from graphsearch.records.errors import TaskError
from graphsearch.rows import ENDINGS, Faults, Row, read_rows

__all__ = ["Benchmark"]

_SAVED = ("{part}-*.parquet", "{part}.parquet", "*-{part}.arrow", "*-{part}-*-of-*.arrow")
"""Names that `datasets` and its hub give to the files of a part."""
_ABOUT = ("state.json", "dataset_info.json")
"""Files that stand beside those of a data set that `save_to_disk` wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark(Source):
    """A published benchmark, read from the files that its user has; nothing is downloaded.

    Attributes:
        path: a file, or a folder: of the original release, of a Hugging Face data set saved by
            `save_to_disk`, or of the hub's cache.
        part: the part of the benchmark to use (`test`, `train`, ...), or `all` of them. Search,
            selection and test splits are made of it.
        contradictions: left out unless told otherwise: who downloaded a benchmark cannot mend it.
    """

    contradictions: Contradictions = "leave-out"
    part: str = "test"

    benchmark: ClassVar[str]
    home: ClassVar[str]
    """Where the benchmark is found, for people."""
    parts: ClassVar[tuple[str, ...]] = ("test", "train")
    names: ClassVar[tuple[str, ...]]
    """Patterns of the release's own files, `{part}` standing for the part."""
    aliases: ClassVar[Mapping[str, str]] = {}
    """Other names of parts: `validation` for `dev`."""
    configs: ClassVar[tuple[str, ...]] = ()
    """Folders of the hub's data set, of which the first that is there is read."""

    @property
    def title(self) -> str:
        """The benchmark's name."""
        return self.benchmark

    @property
    def needs(self) -> str:
        """What is to be said where nobody told the path."""
        return (
            f"task {self.benchmark!r} needs the file or folder that holds it ({self.home}); "
            "nothing is downloaded"
        )

    def check_options(self) -> None:
        """Refuse options that no file can make right."""
        Source.check_options(self)
        known = (*self.parts, "all")
        if self.part not in known:
            raise TaskError(
                f"is {self.part!r}, must be one of {', '.join(known)}", where="task.options.part"
            )

    def rows(self, faults: Faults) -> Iterator[Row]:
        """All rows that can be read."""
        for path in self.files():
            yield from self.rows_of(path, faults)

    def rows_of(self, path: Path, faults: Faults) -> Iterator[Row]:
        """The rows of one file."""
        return read_rows(path, faults)

    def files(self) -> list[Path]:
        """The files to read.

        Raises:
            TaskError: none is there.
        """
        path = Path(self.origin)
        if not path.is_dir():
            return [path]
        # The folder within a hub's cache or a data set of several that holds this benchmark.
        path = _snapshot(path)
        folder = next((path / name for name in self.configs if (path / name).is_dir()), path)
        parts = self.parts if self.part == "all" else (self.part,)
        found = sorted({file for part in parts for file in self._part(folder, part)})
        if not found:
            names = ", ".join(name.format(part=self.part) for name in self.names)
            raise TaskError(
                f"holds no {self.benchmark}; looked for {names} and for what the package datasets "
                "saves",
                where=str(path),
            )
        return found

    def _part(self, folder: Path, part: str) -> Sequence[Path]:
        """The files of a part: the release's own names first, then those of `datasets`."""
        for name in self.names:
            found = [
                path
                for path in sorted(folder.glob(name.format(part=part)))
                if path.is_file()
                and path.name not in (*_ABOUT, "dataset_infos.json")
                and set(ENDINGS) & {*path.suffixes}
            ]
            if found:
                return found
        if part in self.aliases and (found := [*self._part(folder, self.aliases[part])]):
            return found
        saved = folder / part if (folder / part).is_dir() else folder
        if any((saved / name).is_file() for name in _ABOUT):
            return sorted(saved.glob("*.arrow"))
        for pattern in _SAVED:
            found = sorted(folder.rglob(pattern.format(part=part)))
            if found:
                return found
        return []

    def identified(self, draft: Draft) -> Draft:
        """A draft with an id of its content, for benchmarks that give none.

        Of all of its content: some benchmarks pose one question with two answers, or in two
        subjects.
        """
        if draft.id:
            return draft
        return draft._replace(id=digest([draft.question, draft.gold, dict(draft.meta)], size=8))


def _snapshot(path: Path) -> Path:
    """The newest snapshot of a hub's cache folder; any other folder as it is."""
    snapshots = path / "snapshots"
    if not snapshots.is_dir():
        return path
    ref = path / "refs" / "main"
    if ref.is_file():
        name = ref.read_text(encoding="ascii", errors="replace").strip()
        if re.fullmatch(r"[0-9a-zA-Z_.-]+", name) and (snapshots / name).is_dir():
            return snapshots / name
    known = sorted(snapshots.iterdir())
    if len(known) == 1:
        return known[0]
    raise TaskError(
        f"holds {len(known)} snapshots; name one of them as the path", where=str(snapshots)
    )
