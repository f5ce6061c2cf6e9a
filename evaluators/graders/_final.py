"""Finds the final answer in a reply that reasons first, in thoughts or in plain sight."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple, get_args

from graphsearch.evaluators._boxed import last_box, last_boxed

__all__ = ["Extract", "after_thoughts", "answer_or_last_line", "final_answer", "last_line"]

Extract = Literal[
    "auto", "tags", "line", "hashes", "json", "boxed", "sentence", "last-line", "whole"
]
"""Where a reply's final answer is looked for; see `final_answer`."""

_TAIL: Final = 100_000
"""Characters at the end of a reply that are looked at: a final answer comes last."""

_THOUGHT: Final = r"<(?:%s)(?:think|thinking|thoughts?|reasoning)\s{0,3}>"
_THOUGHT_TAG: Final = re.compile(
    # In quotes it is spoken of: `"</think>"`, `r"<think>.*?</think>\s*"`.
    rf"""(?P<quote>["'`])(?:{_THOUGHT % "/?"}|{_THOUGHT % ""}[^\n"'`<]{{0,100}}{_THOUGHT % "/"}
    (?:\\[ns][*+?]?)?)(?P=quote) | (?P<tag>{_THOUGHT % "(?P<end>/)?"})""",
    re.IGNORECASE | re.VERBOSE,
)

_TAG: Final = re.compile(r"<(/?)answer>", re.IGNORECASE)
_LINE: Final = re.compile(
    r"(?:^|\n)[ \t>*_#]*(?:the\s+)?(?:final\s+)?answer(?:\s+is)?"
    r"[*_ \t]*[:=][*_ \t]*(?:\r?\n[ \t]*){0,3}(?P<found>[^\n]+)",
    re.IGNORECASE,
)
_SENTENCE: Final = re.compile(r"\banswer\s+is\s*(?::\s*)?(?P<found>[^\n]+)", re.IGNORECASE)
_HASHES: Final = re.compile(r"####\s*(?P<found>[^\n]+)")
_FIELD: Final = re.compile(
    r'"(?:final[_ ]?)?answer"\s*:\s*(?P<found>"(?:[^"\\\n]|\\.)*"|[^"\s,}][^,}\n]*)', re.I
)
_CODE: Final = ("```", "{")
"""What follows `Answer:` where a block of JSON or code is the answer."""


def after_thoughts(text: str) -> str:
    """What a reply says outside its thoughts, which is all that a grader may read.

    Thoughts stand between `<think>` and `</think>` (also `<thinking>`, `<thought>`, `<reasoning>`).
    Where only the end is there, the prompt began the thought, and all before it is thought. A
    thought that begins a line and never ends was cut off: the reply answers nothing. Tags in
    quotes, and a `<think>` within a line that nothing ends, are spoken of. Other texts come back
    as they are.
    """
    said: list[str] = []
    begin, opened, is_cut = 0, None, False
    for found in _THOUGHT_TAG.finditer(text):
        if found["tag"] is None:
            continue
        if found["end"]:
            if opened is None:
                said.clear()
            begin, opened, is_cut = found.end(), None, False
            continue
        line = text[max(begin, found.start() - 100) : found.start()].rpartition("\n")[2]
        is_cut = is_cut or not line.strip()
        if opened is None:
            opened = found.start()
            said.append(text[begin:opened])
    if is_cut:
        return ""
    said.append(text[begin if opened is None else opened :])
    return said[0] if said[0] == text else "".join(said).strip("\r\n")


def final_answer(text: str, how: Extract = "auto") -> str | None:
    r"""What the reply says is its answer, or None when it says so in no known way.

    Args:
        text: the reply; its last 100,000 characters count.
        how: `tags`: between `<answer>` and `</answer>`; `line`: a line `Answer: ...`, or the one
            after it; `hashes`: after `####`; `json`: the field `answer` of a JSON object; `boxed`:
            in LaTeX's `\boxed{...}`, or in several that follow each other; `sentence`: `the answer
            is ...`; `last-line`: the last line; `whole`: all of it. Of several the last one counts.
            `auto` takes the last of tags, lines, JSON, boxes and, on the last line, hashes; where
            there is none, the last hashes; where there are none, the last sentence.
    """
    tail = text[-_TAIL:]
    if how in _WHOLE:
        return _WHOLE[how](tail)
    if how != "auto":
        found = _FINDERS[how](tail)
        return None if found is None else found.said
    places = [one for name in _PLAIN_MARKS if (one := _FINDERS[name](tail)) is not None]
    hashes = _FINDERS["hashes"](tail)
    # Elsewhere they are a heading, if there is a plainer mark.
    if hashes is not None and (not places or not tail[hashes.end :].strip()):
        places.append(hashes)
    # What stands within tags or within an object of JSON is theirs.
    places = [
        one
        for one in places
        if not any(o.holds and o.begin < one.begin < o.end for o in places if o is not one)
    ]
    if places:
        return max(places, key=lambda one: one.begin).said
    sentence = _FINDERS["sentence"](tail)
    return None if sentence is None else sentence.said


def answer_or_last_line(text: str, how: Extract) -> str | None:
    """The final answer; the last line where a reply marks none and nobody asks for a mark."""
    found = final_answer(text, how)
    return last_line(text) if found is None and how == "auto" else found


def last_line(text: str) -> str | None:
    """The last line with anything on it."""
    return text[-_TAIL:].rstrip().rpartition("\n")[2].strip() or None


class _Found(NamedTuple):
    """An answer, from where to where it stands, and whether other marks within are its own."""

    said: str
    begin: int
    end: int
    holds: bool = False


def _matched(pattern: re.Pattern[str]) -> Callable[[str], _Found | None]:
    def find(text: str) -> _Found | None:
        for match in reversed(list(pattern.finditer(text))):
            said = "" if match["found"].startswith(_CODE) else _unboxed(match["found"])
            if said:
                return _Found(said, match.start("found"), match.end())
        return None

    return find


def _tagged(text: str) -> _Found | None:
    """What stands between the last pair of tags."""
    end = None
    for tag in reversed(list(_TAG.finditer(text))):
        if tag[1]:
            end = tag.start()
        elif end is not None:
            said = _unboxed(text[tag.end() : end])
            return _Found(said, tag.end(), end, holds=True) if said else None
    return None


def _field(text: str) -> _Found | None:
    match = None
    for match in _FIELD.finditer(text):  # noqa: B007
        pass
    if match is None:
        return None
    value = match["found"]
    if value.startswith('"'):
        try:
            value = json.loads(value)
        except ValueError:  # an escape that JSON does not know, as LaTeX has them
            value = value[1:-1]
    said = _unboxed(value)
    return _Found(said, match.start(), _object_end(text, match), holds=True) if said else None


def _object_end(text: str, field: re.Match[str]) -> int:
    """Where the object ends whose field this is; the end of the text where it cannot be read."""
    begin = text.rfind("{", 0, field.start())
    try:
        return (
            json.JSONDecoder(strict=False).raw_decode(text, begin)[1] if begin >= 0 else len(text)
        )
    except (ValueError, RecursionError):
        last = text.rfind("}", field.end())
        return last if last >= 0 else len(text)


def _boxed(text: str) -> _Found | None:
    found = last_box(text)
    if found is None:
        return None
    said = _trim(found[1])
    return _Found(said, found[0], found[0]) if said else None


def _unboxed(text: str) -> str:
    boxed = last_boxed(text)
    return _trim(text if boxed is None else boxed)


def _trim(text: str) -> str:
    text = text.strip().strip("*_` ").removesuffix(".").strip()
    if text.startswith("$") and text.endswith("$") and text.count("$") == 2:
        text = text.strip("$")
    return text.strip()


_PLAIN_MARKS: Final = ("tags", "line", "json", "boxed")
_FINDERS: Final[Mapping[str, Callable[[str], _Found | None]]] = {
    "tags": _tagged,
    "line": _matched(_LINE),
    "hashes": _matched(_HASHES),
    "json": _field,
    "boxed": _boxed,
    "sentence": _matched(_SENTENCE),
}
_WHOLE: Final[Mapping[str, Callable[[str], str | None]]] = {
    "last-line": last_line,
    "whole": lambda text: text.strip() or None,
}
assert {*_FINDERS, *_WHOLE, "auto"} == set(get_args(Extract))
