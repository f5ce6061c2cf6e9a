r"""The form of a cleaned answer: equation or value, list, sum; and the form that votes count.

Everything here is cheap and safe on any text; nothing is evaluated.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from graphsearch.evaluators.graders._math_limits import LONGEST
from graphsearch.evaluators.graders._math_numbers import read_number
from graphsearch.evaluators.graders.math_text import clean, words_of

__all__ = ["Solved", "canonical", "entries", "solved"]

_EQUALS: Final = re.compile(r"(?<![<>!=:\\])=(?!=)")
_ROUNDED: Final = re.compile(r"\\approx|≈|\\simeq")
_NAME: Final = re.compile(
    r"""\s*(?:
    (?:[A-Za-z]
       |\\(?:var)?(?:alpha|beta|gamma|delta|theta|lambda|mu|phi|omega|sigma|rho|tau|psi|Delta)
       |\\(?:text|overline|overrightarrow|vec|hat|bar|mathbf)\s*\{[^{}]*\}|\\ell)
      (?:\s*_\s*(?:\w|\{[^{}]*\}))?'*(?:\s*\^\s*\{\s*-\s*1\s*\})?(?:\s*\([^()=]*\))?
    |(?:\\angle|\\triangle|m\s*\\angle)?\s*[A-Z]{1,4}
    |\\(?:sin|cos|tan|cot|sec|csc)\s*(?:\{?\(?\s*(?:[A-Z]|\\[a-z]+)\s*\)?\}?)
    |\\frac\s*\{\s*d\s*\w?\s*\}\s*\{\s*d\s*\w\s*\}
    |\(\s*[A-Za-z](?:\s*,\s*[A-Za-z])+\s*\)
    )\s*""",
    re.VERBOSE,
)
"""What may be given a value: x, x_1, \\theta, f(x), P(A), AB, \\angle ABC, \\sin A, (x, y)."""
_CONSTANTS: Final = re.compile(
    r"\\(?:[dtc]?frac|sqrt|cdot|times|div|pi|log|ln|binom|left|right|circ|pm|sin|cos|tan|gcd|lcm|max"
    r"|min|bmod|mod|infty|overline|%|text\s*\{[^{}]*\})|(?<=[\d)])\s*[xX]\s*(?=[\d(.])|(?<![A-Za-z\\])i(?![A-Za-z])"
)
_OR: Final = re.compile(
    r"\\text\s*\{\s*,?\s*(?:or|and)\s*\}|\\(?:lor|land|vee)(?![A-Za-z])|\b(?:or|and)\b"
)
_WHOLE: Final = re.compile(r"(\(|\[|\\\{|)(.*?)(\)|\]|\\\}|)", re.DOTALL)
_LETTER: Final = re.compile(r"\(?\s*([A-Za-z]{1,3})\s*\)?")
"""Up to three letters alone: to math-verify their case and brackets count for nothing."""
_DOTS: Final = re.compile(r"\\[lc]?dots|\.\.\.|…")
# A blank stays where it ends a command (\pi r) or parts two numbers.
_BLANKS: Final = re.compile(r"(\\[A-Za-z]+)\s+(?=[A-Za-z])|(?<=\d)(\s+)(?=\d)|\s+")
_UNIT: Final = re.compile(r"\d\s*[A-Za-z]{2}")
_SUM: Final = re.compile(r"[\w.\\^{}()+\- ]*")
_MOST_ROUNDS: Final = 8


class Solved(NamedTuple):
    """An answer as a value.

    Attributes:
        value: of `x = 5` the 5, of `2 + 3 = 5` too, of `x = 2 or x = 3` the list; else the answer.
        names: what has the value; empty where nothing is named.
        open: whether it is an equation that gives no value (`2x + 1 = 3`).
    """

    value: str
    names: frozenset[str] = frozenset()
    open: bool = False


@lru_cache(maxsize=1024)
def solved(cleaned: str) -> Solved:
    """What an answer gives as its value."""
    if len(cleaned) > LONGEST or not (_EQUALS.search(cleaned) or _ROUNDED.search(cleaned)):
        return Solved(cleaned)
    found = [_value(part) for part in entries(_OR.sub(",", cleaned))]
    if any(one.open for one in found):
        return Solved(cleaned, open=True)
    names = frozenset[str]().union(*(one.names for one in found))
    if len(names) > 1:  # a = 1, b = 2
        return Solved(cleaned, names)
    return Solved(", ".join(one.value for one in found), names)


def _value(part: str) -> Solved:
    """The value of one equation."""
    sides = [side.strip(" &") for side in _split(part, _EQUALS)]
    sides = sides[not sides[0] :]  # a line of an alignment begins with its sign
    if len(sides) == 1:
        sides = [side.strip() for side in _ROUNDED.split(sides[0])]
        named = len(sides) > 1 and _NAME.fullmatch(sides[0])
        return Solved(sides[1], frozenset({sides[0]})) if named else Solved(sides[0])
    if not all(sides):
        return Solved(part, open=True)
    exact = [_ROUNDED.split(side)[0].strip() or side for side in sides]
    for name, rest in ((sides[0], exact[1:]), (sides[-1], exact[-2::-1])):
        if _NAME.fullmatch(name):
            return Solved(rest[-1 if name is sides[0] else 0], frozenset({"".join(name.split())}))
    letters = [set(re.findall(r"[A-Za-z]", _CONSTANTS.sub(" ", side))) for side in exact]
    # A chain of numbers; a + b = -1 + 5 = 4, which works something out; or one that respells it.
    is_chain = not any(letters[:-1])
    is_worked_out = len(exact) > 2 and not any(letters[1:-1])
    is_respelt = len(exact) > 2 and set() < letters[-1] <= letters[0]
    return Solved(exact[-1]) if is_chain or is_worked_out or is_respelt else Solved(part, open=True)


def entries(text: str) -> list[str]:
    """The parts of a list, where commas stand within no brackets."""
    return [part for one in _split(text, _COMMA) if (part := one.strip())]


_COMMA: Final = re.compile(r",")


def _split(text: str, by: re.Pattern[str]) -> list[str]:
    """A text cut at signs that stand within no brackets."""
    depths, depth = [0] * (len(text) + 1), 0
    for at in range(len(text)):
        depth += (text[at] in "({[") - (text[at] in ")}]")
        depths[at + 1] = depth
    cuts = [match.span() for match in by.finditer(text) if depths[match.start()] == 0]
    begins, ends = [0, *(end for _, end in cuts)], [*(begin for begin, _ in cuts), len(text)]
    return [text[begin:end] for begin, end in zip(begins, ends, strict=True)]


# -- the form that votes count ---------------------------------------------------------------------


@lru_cache(maxsize=1024)
def canonical(cleaned: str) -> str:
    """Equal for answers that are equal by rules of spelling; the input of votes.

    Numbers become reduced fractions without percent signs, words lose case and articles,
    mathematics its blanks; a name before a value goes; lists and sums have one order, as long as
    brackets do not give them one. It is itself an answer: what it gives for its own output is that
    output.
    """
    said = _respelled(solved(cleaned).value)
    for _ in range(_MOST_ROUNDS):
        again = _respelled(solved(clean(said)).value)
        if again == said:
            break
        said = again
    return said


def _respelled(cleaned: str, *, within: bool = False) -> str:
    number = read_number(cleaned)
    if number is not None:
        return str(number.value)
    letter = _LETTER.fullmatch(cleaned)
    if letter is not None and not within:
        return letter[1].lower()
    words = words_of(cleaned)
    if words is not None:
        return r"\text{" + ",".join(words) + "}"
    if not within and len(cleaned) <= LONGEST and not _DOTS.search(cleaned):
        listed = _list(cleaned)
        if listed is not None:
            return listed
    text = re.sub(r"\\[dtc]frac", r"\\frac", cleaned)
    text = re.sub(r"\\frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}", text)
    text = re.sub(r"\\sqrt\s*(\d)", r"\\sqrt{\1}", text)
    text = re.sub(r"\\(?:[,;: ]|quad|qquad)(?![A-Za-z])", " ", text)
    text = re.sub(r"\\([lg])eq(?![A-Za-z])", r"\\\1e", text)
    text = re.sub(r"\^\s*\{\s*(\w)\s*\}", r"^\1", text)
    text = re.sub(r"\^\{?\\circ\s*\}?", "", text)
    text = re.sub(r"\s*(?:\\times|\\cdot|\*)(?![A-Za-z])\s*", "*", text)
    text = re.sub(r"(?<=\d)\*(?=[A-Za-z\\])", "", text)
    text = _BLANKS.sub(lambda match: f"{match[1] or ''} " if match[1] or match[2] else "", text)
    # Letters of a sum before its numbers, so that 1 + x is x + 1.
    if not _SUM.fullmatch(text) or not re.search(r"[+-]", text[1:]):
        return text
    joined = [""]
    for term in re.split(r"(?=[+-])", text):  # cut within brackets, or after a power: it goes on
        whole = joined[-1].count("(") + joined[-1].count("{") == (
            joined[-1].count(")") + joined[-1].count("}")
        )
        if whole and joined[-1] and joined[-1][-1] not in "^_+-":
            joined.append(term)
        else:
            joined[-1] += term
    signed = [term if term[:1] in "+-" else f"+{term}" for term in joined]
    signed.sort(key=lambda term: (not re.search(r"[A-Za-z]", term), term[1:], term[0]))
    return "".join(signed).removeprefix("+")


def _list(cleaned: str) -> str | None:
    """A list with its parts respelled, in one order where no brackets give it one."""
    whole = _WHOLE.fullmatch(cleaned)
    assert whole is not None
    opened, inside, closed = whole.groups()
    if len(entries(_OR.sub(",", cleaned))) > 1:
        opened, inside, closed = "", cleaned, ""
    elif not (opened and closed):
        return None
    inside = _OR.sub(",", inside)
    if _UNIT.search(inside):
        return None
    parts = [_respelled(part, within=True) for part in entries(inside)]
    if len(parts) < 2:
        return None
    if opened in ("", r"\{"):
        return ",".join(sorted(set(parts)))
    return opened + ",".join(parts) + closed
