"""BIG-Bench Hard (Suzgun et al. 2022): up to 27 subtasks, one file each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Any, ClassVar, Final

from graphsearch.evaluators.tasks import fields
from graphsearch.evaluators.tasks.benchmark import Benchmark
from graphsearch.evaluators.tasks.fields import Draft
from graphsearch.records.errors import TaskError
from graphsearch.rows import Row

__all__ = ["Bbh"]

_LETTER: Final = re.compile(r"\(([A-Z])\)")
_OPTION: Final = re.compile(r"^\(([A-Z])\)[ \t]*(.*)$", re.MULTILINE)
_NUMBER: Final = re.compile(r"-?\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bbh(Benchmark):
    """BIG-Bench Hard: a folder of `<subtask>.json`, one such file, or the hub's files.

    The canary of a file is no part of any question. Each question says in `item.meta["form"]` how
    it is judged: `choice` where the answer is a letter in brackets, `numeric` where it is a number,
    else `exact`.

    Near-duplicates are not looked for unless asked: the questions of a subtask are made from few
    templates on purpose, so that whole subtasks would count as one question. Two questions of
    causal_judgement are there twice, once with the answer Yes and once with No: they are left out.

    Attributes:
        subtasks: subtasks to ask, such as `navigate`; None for all that are there.
    """

    near_duplicates: float | None = None
    subtasks: Sequence[str] | None = None

    benchmark: ClassVar[str] = "bbh"
    home: ClassVar[str] = "the folder bbh of github.com/suzgunmirac/BIG-Bench-Hard"
    parts: ClassVar[tuple[str, ...]] = ("test",)
    names: ClassVar[tuple[str, ...]] = ("*.json", "bbh/*.json")
    usual_grader: ClassVar[str] = "bbh"
    answer_tokens: ClassVar[int] = 200

    def files(self) -> list[Path]:
        """The files to read.

        Raises:
            TaskError: none is there, or a subtask has none.
        """
        found = {path: _subtask(path) for path in Benchmark.files(self)}
        if self.subtasks is None:
            return list(found)
        known = sorted(set(found.values()))
        for name in self.subtasks:
            if name not in known:
                raise TaskError(
                    f"holds {name!r}; there are {', '.join(known)}", where="task.options.subtasks"
                )
        return [path for path, name in found.items() if name in self.subtasks]

    def draft(self, row: Row) -> Draft | None:
        """What a row says."""
        asked = fields.text(row, "input")
        target = fields.text(row, "target")
        meta: dict[str, Any] = {"subtask": _subtask(row.path)}
        if not _LETTER.fullmatch(target):
            meta["form"] = "numeric" if _NUMBER.fullmatch(target) else "exact"
            return self.identified(Draft(asked, target, meta=meta))
        target, meta["form"] = target[1], "choice"
        listed = _OPTION.findall(asked)
        letters = "".join(letter for letter, _ in listed)
        if not ascii_uppercase.startswith(letters) or target not in letters:
            raise TaskError(
                f"the answer ({target}) is none of the choices that the question lists",
                where=row.where,
            )
        if len(listed) > 1:  # snarks has a question that was cut off after its first choice
            meta["choices"] = [text.strip() for _, text in listed]
        return self.identified(Draft(asked, target, meta=meta))


def _subtask(path: Path) -> str:
    """A file's subtask: its name, or the folder's in a data set of the hub."""
    stem = path.name.partition(".")[0]
    return path.parent.name if re.match(r"(test|train)(-|$)", stem) else stem
