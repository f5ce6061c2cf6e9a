"""Grades a file: gold and answer in, verdicts out, one JSON object a line each.

python examples/grade_file.py --grader math answers.jsonl
python examples/grade_file.py --grader f1 --options metric=em - < answers.jsonl

A line has `gold` and `answer`, and may have `id`, `question` and what the grader needs of an item
(`choices`, `numbers`, ...). Ends with 0, with 1 where a verdict is missing because the grader's own
machinery failed, and with 2 at a line or an option that is no good, after the verdicts before it.
"""

import argparse
import json
import os
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, TextIO

from graphsearch import GraderFailed, Item, TaskError, Verdict, get_grader, grader_names

OWN_FIELDS = ("gold", "answer", "id", "question")
AHEAD = 64


def options(words: list[str]) -> dict[str, Any]:
    """`key=value` words; a value is JSON where it can be read as such, else a text."""
    found: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not (equals and key):
            raise TaskError(f"{word!r} is not of the form key=value", where="--options")
        if key in found:
            raise TaskError(f"{key!r} is given twice", where="--options")
        try:
            found[key] = json.loads(value)
        except (ValueError, RecursionError):
            found[key] = value
    return found


def grader_of(name: str, words: list[str]) -> Any:
    try:
        grader = get_grader(name, **options(words))
    except TaskError as error:
        # Elsewhere options stand in a configuration; here they are words of a command.
        raise TaskError(str(error).replace("task.options.grader_options", "--options", 1)) from None
    if hasattr(grader, "judge"):
        raise TaskError(f"grader {name!r} asks a model; give it to a search instead")
    return grader


def read(line: str, number: int) -> tuple[Item, str]:
    """The item and the answer of a line."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise TaskError(f"is no JSON: {error}") from None
    if not isinstance(row, dict):
        raise TaskError(f"is no JSON object, but {shown(row)}")
    for name in ("gold", "answer"):
        if name not in row:
            raise TaskError(f"has no field {name!r}; its fields: {', '.join(row) or 'none'}"[:500])
        if row[name] is None:
            raise TaskError(f"its field {name!r} is null")
    for name, value in {"id": str(number), "question": "?"}.items():
        row.setdefault(name, value)
    if isinstance(row["id"], int):
        row["id"] = str(row["id"])
    for name in ("answer", "question", "id"):
        if not isinstance(row[name], str):
            raise TaskError(f"its field {name!r} is {shown(row[name])}, must be a text")
    meta = {name: value for name, value in row.items() if name not in OWN_FIELDS}
    return Item(row["id"], row["question"], row["gold"], meta=meta), row["answer"]


def shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def verdict(grader: Any, item: Item, answer: str) -> dict[str, Any]:
    """What the grader says, as JSON; a score of None where its machinery failed."""
    try:
        said: Verdict = grader.grade(item, answer)
    except GraderFailed as error:
        return {"score": None, "outcome": error.outcome.value, "reason": str(error)}
    return {
        "score": said.score,
        "outcome": said.outcome.value,
        "parsed": said.parsed,
        "reason": said.reason,
    }


class Grading:
    """Verdicts in the order of the lines; those of graders that block are made side by side.

    A line that is no good is told of after the verdicts on those before it.
    """

    def __init__(self, grader: Any, where: str) -> None:
        self.grader = grader
        self.where = where
        self.workers = (os.cpu_count() or 1) if getattr(grader, "blocking", False) else 1
        self.waiting: deque[tuple[int, str, Future[dict[str, Any]]]] = deque()

    def verdicts(self, lines: TextIO) -> Iterator[dict[str, Any]]:
        number = 0
        with ThreadPoolExecutor(self.workers) as threads:
            try:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        self.submit(threads, number, line)
                    if len(self.waiting) > AHEAD:
                        yield self.next()
            except UnicodeDecodeError:
                problem = TaskError("is not UTF-8 text", where=f"{self.where}:{number + 1}")
            except _BadLine as error:
                problem = error.args[0]
            else:
                problem = None
            while self.waiting:
                yield self.next()
        if problem is not None:
            raise problem

    def submit(self, threads: ThreadPoolExecutor, number: int, line: str) -> None:
        try:
            item, answer = read(line, number)
            check = getattr(self.grader, "check", None)
            if check is not None:
                check(item)
        except TaskError as error:
            raise _BadLine(self.at(number, error)) from None
        self.waiting.append((number, item.id, threads.submit(verdict, self.grader, item, answer)))

    def next(self) -> dict[str, Any]:
        number, item, made = self.waiting.popleft()
        try:
            return {"line": number, "id": item, **made.result()}
        except TaskError as error:
            for _, _, future in self.waiting:
                future.cancel()
            raise self.at(number, error) from None

    def at(self, number: int, error: TaskError) -> TaskError:
        return TaskError(str(error), where=f"{self.where}:{number}")


class _BadLine(Exception):
    """A line that cannot be graded; holds what is to be said of it."""


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--grader", required=True, help=", ".join(grader_names()))
    parser.add_argument("--options", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("file", help="a JSONL file, or - for standard input")
    given = parser.parse_args(words)
    try:
        return grade(given.grader, given.options, given.file)
    except TaskError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def grade(name: str, words: list[str], file: str) -> int:
    grader = grader_of(name, words)
    seen = unmade = 0
    with ExitStack() as stack:
        stack.callback(getattr(grader, "close", lambda: None))
        lines: TextIO = sys.stdin
        if file != "-":
            try:
                lines = stack.enter_context(open(file, encoding="utf-8-sig"))
            except OSError as error:
                raise TaskError(f"cannot be read: {error.strerror}", where=file) from None
        for row in Grading(grader, file).verdicts(lines):
            seen += 1
            unmade += row["score"] is None
            print(json.dumps(row), flush=True)
    if not seen:
        raise TaskError("holds no line to grade", where=file)
    return 1 if unmade else 0


if __name__ == "__main__":
    sys.exit(main())
