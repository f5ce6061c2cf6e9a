"""Reading what was recorded of real models: the layouts of a record's folder."""

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from graphsearch.errors import FleetError

__all__ = ["Record", "Sample", "read_record"]

_UNREAD: Final = "-"
"""Stands for an answer that could not be read, where answers are single letters."""

_FILES: Final = ("records", "questions", "completions")
_MODELS: Final = "models.json"


@dataclass(frozen=True, slots=True)
class Sample:
    """A recorded reply.

    Attributes:
        text: what it said; None where it could not be read.
        characters: length of the full reply.
        score: that it carries, None where it carries none.
        correct: whether it was judged right when it was recorded, None where that is not told.
    """

    text: str | None
    characters: int
    score: float | None = None
    correct: bool | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """All that was recorded.

    Attributes:
        samples: by model and question.
        models: names of the models, in the order of their first line.
        questions: the rows of `questions.jsonl` by id, with `question`; where there is no such
            file the id stands for the question.
        mark: a digest of the files.
    """

    samples: Mapping[tuple[str, str], tuple[Sample, ...]]
    models: tuple[str, ...]
    questions: Mapping[str, Mapping[str, Any]]
    mark: str


def read_record(path: Path, *, field: str | None = None, score: str | None = None) -> Record:
    """Read a record's folder, or its file of records; the latest few are remembered unchanged.

    Args:
        path: the folder or file.
        field: field of a sample that is its reply; None for its `text`, or else its `answer`.
        score: field of a sample that is its score, None for none.

    Raises:
        FleetError: it cannot be read, with file and line.
    """
    states = [(str(file), file.stat()) for file in _files(path).values()]
    seen = tuple((name, state.st_mtime_ns, state.st_size) for name, state in states)
    return _read(path, field, score, seen)


@lru_cache(maxsize=4)
def _read(
    path: Path, field: str | None, score: str | None, seen: tuple[tuple[str, int, int], ...]
) -> Record:
    mark = blake2b(digest_size=16)
    files = _files(path)
    reader = _Reader(field, score, files, mark)
    samples: dict[tuple[str, str], tuple[Sample, ...]] = {}
    questions: dict[str, Mapping[str, Any]] = {}
    for where, row in _rows(files["records"], mark):
        qid = str(row.get("qid"))
        questions.setdefault(qid, {**_facts(row), "qid": qid, "question": qid})
        for model, found in reader.of(row, where):
            if (model, qid) in samples:
                raise FleetError(f"{model!r} answers {row['qid']!r} twice", where=where)
            samples[model, qid] = found
    if "questions" in files:
        questions = {str(row["qid"]): row for _, row in _rows(files["questions"], mark)}
    models = tuple(dict.fromkeys(model for model, _ in samples))
    return Record(samples, models, questions, mark.hexdigest())


def _facts(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a line of a record without questions says of the question itself."""
    apart = {"model", "method", "samples", "preds"}
    return {key: value for key, value in row.items() if key not in apart}


class _Reader:
    """Reads the lines of a file of records."""

    def __init__(
        self, field: str | None, score: str | None, files: Mapping[str, Path], mark: blake2b
    ) -> None:
        self._mark = mark
        self._field = field
        self._score = score
        self._files = files
        self._columns: list[str] | None = None
        self._texts: dict[str, list[str]] | None = None

    def of(self, row: Mapping[str, Any], where: str) -> Iterator[tuple[str, tuple[Sample, ...]]]:
        """Models and their samples of one line."""
        model, found = row.get("model"), row.get("samples")
        if isinstance(row.get("preds"), str) and "qid" in row:
            yield from self._letters(row, where)
        elif not isinstance(model, str) or "qid" not in row or not isinstance(found, list):
            raise FleetError("expected a line with qid, model and samples", where=where)
        else:
            named = f"{model}/{row['method']}" if "method" in row else model
            yield named, tuple(self._sample(one, str(row["qid"]), where) for one in found)

    def _letters(
        self, row: Mapping[str, Any], where: str
    ) -> Iterator[tuple[str, tuple[Sample, ...]]]:
        """One letter a model, in the order of models.json."""
        if self._columns is None:
            self._columns = _columns(self._files["records"].parent / _MODELS, self._mark)
        if len(row["preds"]) != len(self._columns):
            count = len(row["preds"])
            raise FleetError(f"has {count} letters for {len(self._columns)} models", where=where)
        for model, letter in zip(self._columns, row["preds"], strict=True):
            text = None if letter == _UNREAD else letter
            right = letter == row.get("gold") if "gold" in row else None
            yield model, (Sample(text, 1, correct=right),)

    def _sample(self, found: Any, qid: str, where: str) -> Sample:
        if not isinstance(found, Mapping):
            raise FleetError("a sample is no object", where=where)
        text = self._text(found, qid, where)
        characters, score = found.get("chars"), found.get(self._score or "")
        if self._score is not None and not isinstance(score, int | float):
            raise FleetError(f"a sample has no number {self._score!r}", where=where)
        return Sample(
            text,
            characters if isinstance(characters, int) else len(text or ""),
            None if score is None else float(score),
            self._verdict(found, where),
        )

    def _text(self, found: Mapping[str, Any], qid: str, where: str) -> str | None:
        if self._field is not None:
            names: Sequence[str] = (self._field,)
        else:
            names = ("text", "answer")
            if "completion" in found and not any(name in found for name in names):
                return self._completion(qid, found["completion"], where)
        name = next((name for name in names if name in found), None)
        if name is None:
            raise FleetError(f"a sample has no {' and no '.join(names)}", where=where)
        return None if found[name] is None else str(found[name])

    def _verdict(self, found: Mapping[str, Any], where: str) -> bool | None:
        """As recorded beside the field that is read (`date_correct` beside `date`)."""
        own = found.get(f"{self._field}_correct", found.get("correct"))
        if own is not None and own not in (True, False):  # also 0, 1, 0.0 and 1.0
            raise FleetError(f"is said to be correct: {own!r}; true or false it is", where=where)
        return None if own is None else bool(own)

    def _completion(self, qid: str, number: Any, where: str) -> str:
        if self._texts is None:
            if "completions" not in self._files:
                raise FleetError("samples name completions; their file is absent", where=where)
            rows = _rows(self._files["completions"], self._mark)
            self._texts = {str(row["qid"]): row["completions"] for _, row in rows}
        try:
            return str(self._texts[qid][number])
        except (KeyError, IndexError, TypeError):
            raise FleetError(f"{qid!r} has no completion {number!r}", where=where) from None


def _columns(file: Path, mark: blake2b) -> list[str]:
    try:
        data = file.read_bytes()
        mark.update(data)
        return [str(row["model"]) for row in json.loads(data)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FleetError(f"does not name the models in order: {error}", where=str(file)) from error


def _files(path: Path) -> dict[str, Path]:
    """The files of a record by name, gzipped or not; only that of records must be there."""
    folder = path.parent if path.is_file() else path
    found = {
        name: file
        for name in _FILES
        for file in (folder / f"{name}.jsonl.gz", folder / f"{name}.jsonl")
        if file.is_file()
    }
    if (folder / _MODELS).is_file():
        found["models"] = folder / _MODELS
    if path.is_file():
        found["records"] = path
    if "records" not in found:
        names = "records.jsonl or records.jsonl.gz"
        raise FleetError(f"is no record: there is no {names}", where=str(path))
    return found


def _rows(file: Path, mark: blake2b) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The lines of a file with their places; what is read goes into the digest too."""
    try:
        data = file.read_bytes()
        data = gzip.decompress(data) if file.suffix == ".gz" else data
    except (OSError, EOFError) as error:
        raise FleetError(f"cannot be read: {error}", where=str(file)) from error
    mark.update(data)
    for number, line in enumerate(data.splitlines(), 1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise FleetError(f"is not JSON: {error}", where=f"{file}:{number}") from error
        if not isinstance(row, Mapping):
            raise FleetError("is no object", where=f"{file}:{number}")
        yield f"{file}:{number}", row
