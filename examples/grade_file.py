"""Grades a file: gold and answer in, verdicts out, one JSON object a line each.

python examples/grade_file.py --grader math answers.jsonl
python examples/grade_file.py --grader f1 --options metric=em - < answers.jsonl

A line has `gold` and `answer`, and may have `id`, `question` and what the grader needs of an item
(`choices`, `numbers`, ...). Ends with 0, with 1 where a verdict is missing because the grader's own
machinery failed, and with 2 at a line or an option that is no good.
"""

import argparse
import json
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from os import cpu_count
from typing import Any, TextIO

from graphsearch.errors import GraderFailed, TaskError
from graphsearch.evaluators.graders import get_grader, grader_names
from graphsearch.tasks import BlockingGrader, Grader, Item, Verdict

OWN_FIELDS = ("gold", "answer", "id", "question")
AHEAD = 64


def options(words: list[str]) -> dict[str, Any]:
    """`key=value` words; a value is JSON where it can be read as such, else a text."""
    found: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise TaskError(f"{word!r} is not of the form key=value", where="--options")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found


def read(line: str, number: int) -> tuple[Item, str]:
    """The item and the answer of a line."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise TaskError(f"is no JSON: {error}") from None
    if not isinstance(row, dict):
        raise TaskError("is no JSON object")
    missing = [name for name in ("gold", "answer") if row.get(name) is None]
    if missing:
        raise TaskError(f"has no field {missing[0]!r}")
    if not isinstance(row["answer"], str):
        raise TaskError(f"its answer is {row['answer']!r}, must be a text")
    meta = {name: value for name, value in row.items() if name not in OWN_FIELDS}
    item = Item(str(row.get("id", number)), str(row.get("question", "?")), row["gold"], meta=meta)
    return item, row["answer"]


def verdict(grader: Grader, item: Item, answer: str) -> dict[str, Any]:
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


def verdicts(grader: Grader, lines: TextIO, where: str) -> Iterator[dict[str, Any]]:
    """Verdicts in the order of the lines; those of graders that block are made side by side."""
    workers = (cpu_count() or 1) if isinstance(grader, BlockingGrader) else 1
    waiting: deque[tuple[int, str, Future[dict[str, Any]]]] = deque()
    check = getattr(grader, "check", None)
    with ThreadPoolExecutor(workers) as threads:
        number = 0
        try:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    item, answer = read(line, number)
                    if check is not None:
                        check(item)
                    waiting.append((number, item.id, threads.submit(verdict, grader, item, answer)))
                if len(waiting) > AHEAD:
                    yield result(*waiting.popleft())
        except UnicodeDecodeError:
            yield from (result(*one) for one in waiting)
            raise TaskError("is not UTF-8 text", where=f"{where}:{number + 1}") from None
        except TaskError as error:
            yield from (result(*one) for one in waiting)
            raise TaskError(str(error), where=f"{where}:{number}") from None
        yield from (result(*one) for one in waiting)


def result(number: int, item: str, made: Future[dict[str, Any]]) -> dict[str, Any]:
    return {"line": number, "id": item, **made.result()}


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--grader", required=True, help=", ".join(grader_names()))
    parser.add_argument("--options", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("file", help="a JSONL file, or - for standard input")
    given = parser.parse_args(words)
    unmade = 0
    try:
        grader = get_grader(given.grader, **options(given.options))
        if hasattr(grader, "judge"):
            raise TaskError(f"grader {given.grader!r} asks a model; give it to a search instead")
        with ExitStack() as stack:
            lines: TextIO = sys.stdin
            if given.file != "-":
                lines = stack.enter_context(open(given.file, encoding="utf-8-sig"))
            for row in verdicts(grader, lines, given.file):
                unmade += row["score"] is None
                print(json.dumps(row), flush=True)
        getattr(grader, "close", lambda: None)()
    except (TaskError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 1 if unmade else 0


if __name__ == "__main__":
    sys.exit(main())
