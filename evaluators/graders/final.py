"""Finds the final answer in a reply that reasons first, in thoughts or in plain sight."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple, get_args

from graphsearch.evaluators.boxed import last_box, last_boxed

__all__ = [
    "Extract",
    "after_thoughts",
    "answer_or_last_line",
    "final_answer",
    "last_line",
    "unlabelled",
]

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
    r"""(?P<quote>["'])(?:final[_ ]?)?answer(?P=quote)\s*:\s*"""
    r"""(?P<found>"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^"'\s,}][^,}\n]*)""",
    re.I,
)
_CODE: Final = ("```", "{")
"""What follows `Answer:` where a block of JSON or code is the answer."""

_ENDED: Final = re.compile(
    r"""(?<!["'`])(?:<[|｜](?:im_end|endoftext|end▁of▁sentence|end_of_text|eot_id|eom_id|end|return)[|｜]>
    |<end_of_turn>|</s>\s*\Z)""",
    re.VERBOSE,
)
"""Marks of the end that some servers leave in a text; what a model writes after one is no reply."""

_TEMPLATE: Final = re.compile(
    r"[\s_.…?*#-]*|<[A-Za-z_ ]+>"
    r"|[\[({]\s*(?:your|the|insert|put|final|number|answer|value)\b[^\])}]*[\])}]"
    r"|(?:your|the)\s+(?:final\s+)?(?:answer|number|value|result)(?:\s+here)?",
    re.IGNORECASE,
)
"""A form that nobody has filled in: `___`, `<answer>`, `[your answer here]`."""

_LABEL: Final = re.compile(
    r"""["'*_`\s]*(?:the\s+)?(?:final\s+)?answer["'*_`]*\s*(?:\bis\b\s*:?|[:=])[\s"*_`]*(?=\S)""",
    re.I,
)
_LABEL_TEXT: Final = re.compile(
    r"\A\\text\w*\s*\{[^{}]*\banswer\b\s*(?:is)?\s*[:=]?\s*\}\s*[:=]?\s*(?=\S)", re.IGNORECASE
)
_TEXT: Final = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mbox)\s*\{([^{}]*)\}")
_QUOTED: Final = re.compile(r"""(["“'])([^"“”'\n]+)["”']""")

_LATEX: Final = (
    "backslash|bar|because|begin|beta|big[lr]?|bigcup|bigg|binom|bmod|boldsymbol|bot|boxed|bullet"
    "|fbox|flat|forall|frac|nabla|neg|neq|ne|ni|nmid|not|notin|nu"
    "|rangle|rceil|rfloor|rho|right|rightarrow|rm|root"
    "|tan|tanh|tau|text|textbf|textit|textrm|tfrac|therefore|theta|tilde|times|to|top|triangle"
)
_LATEX_IN_JSON: Final = re.compile(
    rf"""\\(?:(?P<kept>[\\"/])|(?=(?:{_LATEX})(?![A-Za-z]))|(?![bfnrtu])|(?=u(?![0-9a-fA-F]{{4}})))"""
)
"""A backslash that JSON would read as an escape, or not at all, and LaTeX as a command."""
_LOST: Final = {"\b": "b", "\f": "f", "\t": "t", "\r": "r"}
_LOST_LATEX: Final = re.compile(
    r"[\b](?=(?:ar|eta|egin|inom|mod|oxed|ullet)(?![A-Za-z]))|\f(?=(?:box|lat|orall|rac)(?![A-Za-z]))"
    r"|\t(?=(?:heta|imes|au)(?![A-Za-z])|(?:ext|extbf|extit|extrm|frac)\s*\{|frac\d)"
    r"|\r(?=(?:ho|ight|angle)(?![A-Za-z]))"
)
"""What is left of a command whose beginning somebody has read as an escape."""


def after_thoughts(text: str) -> str:
    """What a reply says outside its thoughts, which is all that a grader may read.

    Thoughts stand between `<think>` and `</think>` (also `<thinking>`, `<thought>`, `<reasoning>`).
    Where only the end is there, the prompt began the thought, and all before it is thought. A
    thought that begins a line and never ends was cut off: the reply answers nothing. Tags in
    quotes, and a `<think>` within a line that nothing ends, are spoken of. What stands after a mark
    of the end (`<|im_end|>`) is no reply any more. Other texts come back as they are.
    """
    ended = _ENDED.search(text)
    if ended is not None:
        text = text[: ended.start()]
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
    tail = _LOST_LATEX.sub(lambda lost: f"\\{_LOST[lost[0]]}", text[-_TAIL:])
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
    if found is not None or how != "auto":
        return found
    return unlabelled(last_line(text) or "") or None


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
            said = "" if match["found"].startswith(_CODE) else unlabelled(match["found"])
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
            said = unlabelled(text[tag.end() : end])
            if said:
                return _Found(said, tag.end(), end, holds=True)
            end = None
    return None


def _field(text: str) -> _Found | None:
    """The field `answer` of an object of JSON, of the last one that is filled in."""
    for match in reversed(list(_FIELD.finditer(text))[-_MOST_FIELDS:]):
        said = unlabelled(_value(text, match))
        if not said:
            continue
        # The object ends where it can be read; else at the last brace, or with the text.
        begin, end = text.rfind("{", 0, match.start()), len(text)
        if begin >= 0:
            try:
                end = json.JSONDecoder(strict=False).raw_decode(text, begin)[1]
            except (ValueError, RecursionError):
                last = text.rfind("}", match.end())
                end = last if last >= 0 else end
        return _Found(said, match.start(), end, holds=True)
    return None


def _value(text: str, field: re.Match[str]) -> str:
    """What a field holds, as a text; of an object its value, of a list its parts."""
    said: str = field["found"]
    if said[0] == "'":
        return said[1:-1]
    if said[0] == '"':
        try:
            return str(json.loads(_escaped(said), strict=False))
        except ValueError:
            return said[1:-1]
    if said[0] not in "{[":
        return said
    begin = field.start("found")
    given = _escaped(text[begin : begin + _LONGEST_VALUE])
    try:
        found = _AS_WRITTEN.raw_decode(given)[0]
    except (ValueError, RecursionError):
        return said
    if isinstance(found, dict):
        plain = [one for one in found.values() if isinstance(one, str)]
        named = (found[key] for key in _VALUES if isinstance(found.get(key), str))
        return next(named, plain[0] if len(plain) == 1 else "")
    return ", ".join(one for one in found if isinstance(one, str))


def _escaped(given: str) -> str:
    r"""JSON whose backslashes of LaTeX are escaped: `"\frac1"` would be a form feed and `rac1`."""
    return _LATEX_IN_JSON.sub(lambda m: m[0] if m["kept"] else r"\\", given)


_MOST_FIELDS: Final = 20
_LONGEST_VALUE: Final = 2_000
_VALUES: Final = ("value", "answer", "final_answer", "result", "number", "expression", "text")
_AS_WRITTEN: Final = json.JSONDecoder(strict=False, parse_int=str, parse_float=str)


def _boxed(text: str) -> _Found | None:
    found = last_box(text)
    said = "" if found is None else unlabelled(found[1])
    return None if found is None or not said else _Found(said, found[0], found[0])


def unlabelled(text: str) -> str:
    """An answer out of its box, its marks of Markdown, its quotes and its own label.

    Empty where it is a form that nobody has filled in.
    """
    boxed = last_boxed(text)
    text = _LABEL_TEXT.sub("", _trim(text if boxed is None else boxed), count=1)
    for _ in range(_MOST_LABELS):
        within = _TEXT.fullmatch(text)
        inner = text if within is None else within[1].strip()
        label = _LABEL.match(inner)
        if label is None:
            break
        text = _trim(inner[label.end() :].rstrip('"”'))
    quoted = _QUOTED.fullmatch(text)
    text = quoted[2].strip() if quoted else text
    return "" if _TEMPLATE.fullmatch(text) else text


_MOST_LABELS: Final = 4


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
