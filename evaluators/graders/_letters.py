"""Reads the letter of a choice in a sentence. All letters are read alike.

A capital on its own is taken for a letter only by what stands beside it, since `A` is an article,
`I` a pronoun, and `D` a vitamin: at the end of a clause, or before a word that no article has after
it. What is denied is not chosen, and two letters side by side are no choice.
"""

import re
import unicodedata
from typing import Final

from graphsearch.evaluators.graders.base import LETTER, UNSPACED

__all__ = [
    "chosen",
    "concluded",
    "is_no_choice",
    "last_letter",
    "marked_letter",
    "remaining",
    "upright",
]

_L: Final = rf"(?<!{LETTER})(?<!['’.-])(?P<letter>[A-Z])(?!{LETTER})(?!['’]|-\w|\.\w)"
_END: Final = r"(?=[\s\"”)\]*]*(?:$|[.,;:!?()。、\n]|[–—]|-\s))"
_VERB: Final = (
    r"(?=\s+(?:is|was|are|because|since|as|which|that|but|would\s+be|must\s+be|seems?|fits?|matches"
    r"|over|instead|for|with|if|when|where)(?![\w-]))"
)
_AFTER: Final = rf"(?:{_END}|{_VERB})"
_CUE: Final = (
    r"(?:\b(?:is|be|it's|option|choice|answer|letter|choose|chose|pick|select|say|with|for|hence"
    rf"|therefore|thus)|[:{UNSPACED}])[\s\"“'(\[,]*$"
)
_STANDS: Final = re.compile(rf"{_L}{_AFTER}", re.MULTILINE)
_BRACKETED: Final = re.compile(r"[(\[](?P<letter>[A-Z])[)\]]")
_SHORT: Final = r"[\s\"“'(\[:,]*"
_CALLED: Final = r"\b(?i:option|choice|answer|letter)\b"
_NAMED: Final = (
    rf"{_CALLED}\s+(?i:is|was|must\s+be|should\s+be|would\s+be|has\s+to\s+be)\b{_SHORT}"
    rf"(?:(?i:the\s+)?{_CALLED}{_SHORT})?"
)
_TAKEN: Final = (
    rf"\b(?i:(?:choose|chose|pick|select|take|opt\s+for|go\s+with)\s+"
    rf"(?:(?:option|choice|answer|letter)\s+)?){_SHORT}"
)
_SO: Final = (
    rf"\b(?i:(?:therefore|hence|thus|so)\b,?\s*(?:(?:it|this)\s+(?:is|must\s+be)\s+)?)"
    rf"(?i:(?:option|choice|answer|letter)\s+)?{_SHORT}"
)
_RIGHT: Final = (
    r"[)\]\"”']*\s+(?:is|must\s+be|seems(?:\s+to\s+be)?)\s+(?:therefore\s+|thus\s+|indeed\s+)?"
    r"(?:the\s+)?(?:(?:only|most)\s+)?(?:correct|right|best|true|answer|accurate|appropriate)\b"
)
_CONCLUSIONS: Final = (
    re.compile(rf"{_NAMED}{_L}{_AFTER}", re.MULTILINE),
    re.compile(rf"{_CALLED}{_SHORT}{_L}[)\]\"”]*[.!]?\s*$", re.MULTILINE),
    re.compile(rf"{_TAKEN}{_L}{_AFTER}", re.MULTILINE),
    re.compile(rf"{_SO}{_L}{_END}", re.MULTILINE),
    re.compile(rf"{_L}{_RIGHT}"),
)
_DENIED: Final = re.compile(
    r"\b(?:not|cannot|never|wrong|incorrect|false|except|unlike|neither|nor|eliminat\w*|exclud\w*"
    r"|rul(?:e|es|ed|ing)\s+out|than)\b|n['’]t\b",
    re.IGNORECASE,
)
_CLAUSE: Final = re.compile(r"[.;!?\n]|,\s|\b(?:but|because|since|and|so)\b")
_PAIR: Final = re.compile(
    rf"(?<!{LETTER})(?P<first>[A-Z])[)\]]*\s*(?:\bor\b|\band\b|&|/)\s*[(\[]*(?P<second>[A-Z])"
    rf"(?!{LETTER})(?!['’])"
)
_SEVERAL: Final = re.compile(
    rf"^\W*[A-Z]\W{{0,3}}\s*(?:,|\bor\b|\band\b|&|/)\s*\W{{0,3}}[A-Z](?!{LETTER})(?!['’])"
    rf"(?=[\s)\]*]*(?:$|[.,;:/(]|\b(?:or|and|are)\b))"
)
_DENIES: Final = re.compile(rf"^\W*(?:not|neither)\s+(?:{_SHORT})[A-Z](?!{LETTER})", re.IGNORECASE)
_NOT_BUT: Final = re.compile(r"^\W*not\s+\W*[A-Z]\W*?[\s,]+but(?:\s+rather)?\s+", re.IGNORECASE)
_REMAINING: Final = re.compile(
    r"(?:\b(?:wrong|incorrect|false|out|eliminated|excluded|impossible|not\s+(?:right|correct|true))"
    rf"|\b(?i:not|neither|nor|eliminating|excluding)\b[^.;\n]{{0,60}}?(?<!{LETTER})[A-Z](?!{LETTER}))"
    rf"[\s,;.)]*(?:and\s+)?(?:(?:so|hence|thus|therefore|which|that|this)\b[\s,]*)+"
    rf"(?:(?:we|it|the\s+answer|the\s+choice)\b\s*)?"
    rf"(?:(?:is|must\s+be|has\s+to\s+be|leaves?|leaving)(?:\s+(?:us|only|with|the|option|answer))*"
    rf"[\s:]*)?{_SHORT}(?:(?i:option|choice|answer)\s+)?{_SHORT}{_L}{_END}",
    re.MULTILINE,
)
_ALONE: Final = re.compile(r"^\W*([A-Za-z])\W*$")
_MARKED: Final = re.compile(rf"^\W*(?:\(([A-Za-z])\)|\[([A-Za-z])\]|([A-Za-z])[).:\]])(?!{LETTER})")
_LEADING: Final = re.compile(rf"^\W*{_L}{_AFTER}")
_TITLE: Final = re.compile(
    r"^\W*(?:the\s+)?(?:correct\s+|right\s+|best\s+)?(?:option|choice|answer|letter)\b\s*(?:is)?\W*",
    re.I,
)


def upright(text: str) -> str:
    """The text with plain letters for full-width and circled ones."""
    return unicodedata.normalize("NFKC", text)


def is_no_choice(final: str) -> bool:
    """Whether an answer denies a letter and names no other, or names several."""
    final = _bare(final)
    return _DENIES.match(final) is not None or _SEVERAL.match(final) is not None


def remaining(text: str, known: str) -> str | None:
    """The letter that is left where all others are denied: `A, B and D are wrong, so C`."""
    found = [match["letter"] for match in _REMAINING.finditer(text) if match["letter"] in known]
    return found[-1] if found else None


def chosen(final: str, known: str) -> str | None:
    """The letter that a marked answer is, or begins with."""
    final = _bare(final)
    for form in (_ALONE, _MARKED):
        match = form.match(final)
        letter = None if match is None else next(g for g in match.groups() if g).upper()
        if letter is not None and letter in known:
            return letter
    match = _LEADING.match(final)
    if match is not None and match["letter"] in known and _is_letter(match, led=True):
        return match["letter"]
    return None


def _bare(final: str) -> str:
    final = _TITLE.sub("", final) or final
    return _NOT_BUT.sub("", final)


def marked_letter(line: str, known: str) -> tuple[str, bool] | None:
    """The letter at the beginning of a line, `B` or `B) ...`, and whether it stands there alone."""
    for form in (_ALONE, _MARKED):
        match = form.match(line)
        if match is not None:
            letter = next(group for group in match.groups() if group).upper()
            return (letter, form is _ALONE) if letter in known else None
    return None


def concluded(text: str, known: str) -> str | None:
    """The letter of the last sentence that says that one is right: `So option B is correct`."""
    found = [
        match
        for pattern in _CONCLUSIONS
        for match in pattern.finditer(text)
        if match["letter"] in known and _is_letter(match) and not _is_denied(text, match)
    ]
    return _last(text, found)


def last_letter(text: str, known: str) -> str | None:
    """The last letter in brackets, else the last that stands for a choice, and is not denied."""
    for pattern in (_BRACKETED, _STANDS):
        found = [
            match
            for match in pattern.finditer(text)
            if match["letter"] in known
            and (pattern is _BRACKETED or _is_letter(match))
            and not _is_denied(text, match)
        ]
        letter = _last(text, found)
        if found:
            return letter
    return None


def _last(text: str, found: list[re.Match[str]]) -> str | None:
    """The letter of the last match; None where it is one of two side by side."""
    if not found:
        return None
    last = max(found, key=lambda match: match.start("letter"))
    at = last.start("letter")
    pairs = _PAIR.finditer(text, max(0, at - 20), at + 20)
    if any(at in (pair.start("first"), pair.start("second")) for pair in pairs):
        return None
    return last["letter"]


def _is_letter(match: re.Match[str], *, led: bool = False) -> bool:
    """Whether an `I` is no pronoun: only beside words that speak of choices."""
    if match["letter"] != "I":
        return True
    text, at = match.string, match.start("letter")
    if re.match(
        r"(?:\s+(?:is|fits|matches|seems)|,?\s+(?:because|since))\b", text[at + 1 : at + 30]
    ):
        return True
    if re.match(r"\s+\w|,", text[at + 1 : at + 30]):
        return False
    return led or re.search(_CUE, text[max(0, at - 40) : at], re.IGNORECASE) is not None


def _is_denied(text: str, match: re.Match[str]) -> bool:
    """Whether the clause around a letter denies it."""
    at = match.start("letter")
    before = _CLAUSE.split(text[max(0, at - 120) : at])[-1]
    after = _CLAUSE.split(text[at + 1 : at + 60])[0]
    return _DENIED.search(f"{before} _ {after}") is not None
