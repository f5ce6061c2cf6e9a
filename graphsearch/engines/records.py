"""Reading what was recorded of real models: the layouts of a record's folder."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from graphsearch.records.errors import FleetError
from graphsearch.rows import Faults, Row, read_jsonl, read_rows

__all__ = ["Record", "Sample", "read_record"]

_UNREAD: Final = "-"
"""Stands for an answer that could not be read, where answers are single letters."""

_FILES: Final = ("records", "questions", "completions")
_MODELS: Final = "models.json"
_NOT_OF_A_QUESTION: Final = frozenset({"model", "method", "samples", "preds"})


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
        questions: the lines of `questions.jsonl` by id, with `question`; where there is no such
            file the id stands for the question, and the line is the first that names it.
        mark: a digest of the files.
    """

    samples: Mapping[tuple[str, str], tuple[Sample, ...]]
    models: tuple[str, ...]
    questions: Mapping[str, Row]
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
    questions: dict[str, Row] = {}
    for row in _rows(files["records"], mark):
        qid = _qid(row)
        # What a line of a record without questions says of the question itself.
        facts = {key: value for key, value in row.values.items() if key not in _NOT_OF_A_QUESTION}
        facts |= {"qid": qid, "question": qid}
        questions.setdefault(qid, row._replace(values=facts))
        for model, found in reader.of(row, qid):
            if (model, qid) in samples:
                raise FleetError(f"{model!r} answers {qid!r} twice", where=row.where)
            samples[model, qid] = found
    if "questions" in files:
        questions = _by_id(_rows(files["questions"], mark), "question", str)
    models = tuple(dict.fromkeys(model for model, _ in samples))
    return Record(samples, models, questions, mark.hexdigest())


def _by_id(rows: Iterable[Row], field: str, kind: type) -> dict[str, Row]:
    """Lines by their qid, each of which must have one more field of some kind."""
    found: dict[str, Row] = {}
    for row in rows:
        qid = _qid(row)
        if not isinstance(row.values.get(field), kind) or not row.values[field]:
            raise FleetError(f"{qid!r} has no {field!r}", where=row.where)
        first = found.setdefault(qid, row)
        if first is not row:
            raise FleetError(f"{qid!r} is already in {first.seen_from(row)}", where=row.where)
    return found


def _qid(row: Row) -> str:
    found = row.values.get("qid")
    if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
        said = "has no 'qid'" if found is None else f"its 'qid' is {found!r}"
        raise FleetError(f"{said}; a line says by a text or a number whose it is", where=row.where)
    return str(found)


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
        self._texts: dict[str, Row] | None = None

    def of(self, row: Row, qid: str) -> Iterator[tuple[str, tuple[Sample, ...]]]:
        """Models and their samples of one line."""
        values, where = row.values, row.where
        model, found = values.get("model"), values.get("samples")
        if isinstance(values.get("preds"), str):
            yield from self._letters(values, where)
        elif not isinstance(model, str) or not isinstance(found, list):
            raise FleetError("expected a line with qid, model and samples", where=where)
        else:
            named = f"{model}/{values['method']}" if "method" in values else model
            yield named, tuple(self._sample(one, qid, where) for one in found)

    def _letters(
        self, values: Mapping[str, Any], where: str
    ) -> Iterator[tuple[str, tuple[Sample, ...]]]:
        """One letter a model, in the order of models.json."""
        if self._columns is None:
            file = self._files["records"].parent / _MODELS
            if not file.is_file():
                raise FleetError(
                    "is absent; it names the models whose letters were recorded", where=str(file)
                )
            rows = list(read_rows(file, Faults(error=FleetError), tap=self._mark.update))
            for row in rows:
                if not isinstance(row.values.get("model"), str):
                    raise FleetError("does not name its 'model'", where=row.where)
            self._columns = [row.values["model"] for row in rows]
        if len(values["preds"]) != len(self._columns):
            count = len(values["preds"])
            raise FleetError(f"has {count} letters for {len(self._columns)} models", where=where)
        for model, letter in zip(self._columns, values["preds"], strict=True):
            text = None if letter == _UNREAD else letter
            right = letter == values["gold"] if "gold" in values else None
            yield model, (Sample(text, 1, correct=right),)

    def _sample(self, found: Any, qid: str, where: str) -> Sample:
        if not isinstance(found, Mapping):
            raise FleetError("a sample is no object", where=where)
        text = self._text(found, qid, where)
        characters, score = found.get("chars"), found.get(self._score or "")
        if self._score is not None and not isinstance(score, int | float):
            raise FleetError(f"a sample has no number {self._score!r}", where=where)
        if characters is not None and (not isinstance(characters, int) or characters < 0):
            raise FleetError(f"a sample has {characters!r} 'chars'", where=where)
        return Sample(
            text,
            len(text or "") if characters is None else characters,
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
            self._texts = _by_id(_rows(self._files["completions"], self._mark), "completions", list)
        texts = self._texts[qid].values["completions"] if qid in self._texts else []
        if not isinstance(number, int) or not 0 <= number < len(texts):
            raise FleetError(f"{qid!r} has no completion {number!r}", where=where)
        return str(texts[number])


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


def _rows(file: Path, mark: blake2b) -> Iterator[Row]:
    """The lines of a file; what is read goes into the digest too."""
    return read_jsonl(file, Faults(error=FleetError), tap=mark.update)
