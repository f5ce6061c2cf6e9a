r"""Mathematics as text: the final answer of a reply, cleaned, in canonical form.

Everything here is cheap and safe on any text; nothing is evaluated.
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import Final

from graphsearch.evaluators.graders._final import Extract, final_answer, last_line
from graphsearch.evaluators.graders._math_limits import LONGEST
from graphsearch.evaluators.graders._math_numbers import read_number, with_fractions

__all__ = ["canonical", "clean", "final_math", "words_of"]


# -- where the answer is ---------------------------------------------------------------------------

_MATH: Final = re.compile(r"\$\$([^$]+)\$\$|\$([^$]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_JOINT: Final = re.compile(r"(?:\s|,|;|\.|and|or|&)*", re.IGNORECASE)
_PROSE: Final = re.compile(r"^.*\b(?:is|are|be|equals)\b[:\s]*(?=\S)")
_CHINESE: Final = re.compile(  # and Japanese
    r"^.*(?:答案|答え|结果|結果)\s*(?:就|应该|應該)?(?:[是为為は][:：]?|[:：])\s*"
    r"(?P<said>[^\u3040-\u30ff\u3400-\u9fff。．]++)(?:です)?[。．]?\s*\Z"
)


def final_math(text: str, how: Extract) -> str | None:
    r"""The final answer of a reply as it stands there.

    Where the reply marks none, it is the mathematics (`$...$`, `\(...\)`, `\[...\]`) of its last
    line, and where there is none, the words after that line's last `is`, or the line.
    """
    found = final_answer(text, how)
    if found is None and how == "auto":
        found = last_line(text)
    return _math_in(found) if found else None


def _math_in(line: str) -> str:
    if len(line) > 4 * LONGEST:
        return line
    found = list(_MATH.finditer(line))
    if not found:
        chinese = _CHINESE.match(line)
        if chinese and chinese["said"].strip():
            return chinese["said"].strip()
        if "\\" not in line and len(re.findall(r"[^\W\d_]{2,}", line)) > 2:
            return _PROSE.sub("", line)
        return line
    chosen = [found[-1]]
    for match in reversed(found[:-1]):
        if not _JOINT.fullmatch(line[match.end() : chosen[0].start()]):
            break
        chosen.insert(0, match)
    after = line[chosen[-1].end() :]
    unit = after if re.match(r"\s*(?:\\?%|percent|°|degrees)", after, re.I) else ""
    return ", ".join(_inside(match) for match in chosen) + unit


def _inside(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group is not None)


# -- cleaning --------------------------------------------------------------------------------------

_CONTROL: Final = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u200b-\u200f\u202a-\u202e]"
)
_REPLACED: Final = {
    "−": "-",
    "–": "-",
    "×": r"\times ",
    "·": r"\cdot ",
    "÷": "/",
    "π": r"\pi ",
    "∞": r"\infty ",
    "√": r"\sqrt ",
    "≤": r"\le ",
    "≥": r"\ge ",
    "≠": r"\ne ",
    "±": r"\pm ",
    "∪": r"\cup ",
    "∩": r"\cap ",
    "∈": r"\in ",
    "∅": r"\emptyset ",
    "ℝ": r"\mathbb{R}",
    "°": r"^\circ ",
    "²": "^2",
    "³": "^3",
    "½": r"\frac{1}{2}",
    "¼": r"\frac{1}{4}",
    "¾": r"\frac{3}{4}",
    "’": "'",
    "\u00a0": " ",
    "\u202f": " ",
    "\u2009": " ",
    r"\varnothing": r"\emptyset",
    r"\leqslant": r"\le",
    r"\geqslant": r"\ge",
    r"\displaystyle": "",
    r"\limits": "",
    r"\$": "",
    "$": "",
    "**": "^",
}
_NEGATIVE_SPACE: Final = re.compile(r"\\!\s*")
_REPLACE: Final = re.compile("|".join(re.escape(k) for k in sorted(_REPLACED, key=len)[::-1]))
_MARKED_THOUSANDS: Final = re.compile(r"(?<=\d)(?:\{,\}|\\,|\\ )\s?(?=\d{3}(?!\d))")
_THOUSANDS: Final = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?!\d|,)|^\d{1,3}(?: \d{3})+$")
_ROMAN: Final = re.compile(r"\\(?:mathrm|mathbf|mathit|operatorname|rm)\s*\{\s*([A-Za-z])\s*\}")
_TILDE_TEXT: Final = re.compile(r"\\(?:mathrm|textrm|textbf|textit|mathbf|mbox)\s*\{")
_LEFT_RIGHT: Final = re.compile(r"\\(?:left|right|bigl?|bigr?|Bigl?|Bigr?)(?![A-Za-z])\s*\.?")
_SQRT_CALL: Final = re.compile(r"(?:\\sqrt|(?<![\\A-Za-z])sqrt)\s*\(([^()]*)\)")
_BARE: Final = re.compile(r"(?<![\\A-Za-z{])(sqrt|pi|infinity|infty)(?![A-Za-z])")
_ENDS: Final = ("\\,", "\\;", "\\:", "\\ ", "\\")
_UNIT: Final = re.compile(
    r"(?P<number>[-+]?(?:\d+\s+(?=[1-9]\d?\s*/))?(?:\d[\d,]*\.?\d*|\.\d+)(?:\s*/\s*\d+)?)\s*"
    r"(?P<words>[A-Za-z]+\.?(?:[ /]+[A-Za-z]+\.?){0,4})(?:\^\{?[23]\}?)?"
)
_MARKED_UNIT: Final = re.compile(
    r"(?P<before>.*[\d)}])\s*(?:\\ )?\s*\\text\s*\{(?P<words>[^{}]*)\}(?:\s*\^\s*\{?[23]\}?)?"
)
_NO_UNIT: Final = frozenset(
    {"and", "or", "plus", "minus", "times", "squared", "cubed", "choose", "factorial", "mod"}
    | {"pi", "sqrt", "sin", "cos", "tan", "ln", "log", "exp", "infinity", "pct", "percent"}
    | {"half", "halves", "third", "thirds", "quarter", "quarters", "percentage", "dozen"}
    | {"hundred", "thousand", "million", "billion", "trillion"}
    | set("abcdefiknpqrtuvwxyz")
)
_DEGREES: Final = re.compile(r"^([-+]?[\d.]+)\s*\^\s*\{?\s*\\circ\s*\}?$")
_PER_CENT: Final = re.compile(r"\s*(?:\\?%|\\text\s*\{\s*percent\s*\}|percent(?:age)?|pct)", re.I)
_SCALES: Final = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_SCALE_TEXT: Final = re.compile(rf"\\text\s*\{{\s*({'|'.join(_SCALES)})\s*\}}", re.IGNORECASE)
_SCALED: Final = re.compile(rf"([-+]?\d+(?:\.\d+)?)\s*({'|'.join(_SCALES)})", re.IGNORECASE)


@lru_cache(maxsize=1024)
def clean(text: str) -> str:
    """The text in one spelling: signs, thousands separators, units, percent, brackets, roots."""
    text = _NEGATIVE_SPACE.sub("", _CONTROL.sub("", text))
    text = _REPLACE.sub(lambda match: _REPLACED[match[0]], text).replace("~", " ")
    text = " ".join(_LEFT_RIGHT.sub("", text).split())
    text = _ROMAN.sub(r"\1", text)
    text = _TILDE_TEXT.sub(r"\\text{", text)
    text = _without_end(text).strip(" *_`")
    text = _join_thousands(text)
    text = _PER_CENT.sub(r"\\%", _DEGREES.sub(r"\1", text))
    text = with_fractions(_without_unit(text))
    text = _BARE.sub(r"\\\1", _SQRT_CALL.sub(r"\\sqrt{\1}", text)).replace(r"\infinity", r"\infty")
    return text.strip()


def _without_end(text: str) -> str:
    """Without the blanks and the punctuation that a sentence puts after it."""
    before = None
    while text != before:
        before, text = text, text.rstrip(" .;,")
        for end in _ENDS:
            text = text.removesuffix(end)
    return text


def _join_thousands(text: str) -> str:
    """Numbers without separators; inside brackets a plain comma separates entries, (3,150)."""
    text = _MARKED_THOUSANDS.sub("", text)
    joined = _THOUSANDS.sub(lambda match: re.sub(r"[, ]", "", match[0]), text)
    return text if "," in joined or re.search(r"[\[(].*,|\\\{", text) else joined


def _without_unit(text: str) -> str:
    marked = _MARKED_UNIT.fullmatch(text)
    if marked and not _NO_UNIT & set(re.findall(r"[a-z]{2,}", marked["words"].lower())):
        return marked["before"]
    text = _SCALE_TEXT.sub(r" \1", text)
    scaled = _SCALED.fullmatch(text)
    if scaled:
        return str(Fraction(scaled[1]) * 10 ** _SCALES[scaled[2].lower()])
    match = _UNIT.fullmatch(text)
    if match is None:
        return text
    words = re.findall(r"[a-z]+", match["words"].lower())
    if any(word in _NO_UNIT for word in words) or not any(len(word) > 1 for word in words):
        return text
    return match["number"].strip()


# -- words -----------------------------------------------------------------------------------------

_TEXT: Final = re.compile(r"\\text\s*\{([^{}]*)\}")
_WORDY: Final = re.compile(r"[A-Za-z][A-Za-z' ,&-]*")
_ARTICLE: Final = re.compile(r"^(?:the|an|a)\s+(?=\w{2})")


def words_of(text: str) -> tuple[str, ...] | None:
    r"""A cleaned answer that is words and no mathematics: the words, sorted where it lists some.

    Words are what stands in `\text{}`, and letters alone where one of the words has four or more.
    """
    plain, marked = _TEXT.subn(r" \1 ", text)
    plain = plain.replace("\\ ", " ").strip(" ()[].!?\"'")
    if not _WORDY.fullmatch(plain) or (not marked and not re.search(r"[A-Za-z]{4}", plain)):
        return None
    parts = [" ".join(part.split()) for part in re.split(r",|&|\band\b|\bor\b", plain.casefold())]
    return tuple(sorted(_ARTICLE.sub("", part) for part in parts if part)) or None


# -- canonical form -------------------------------------------------------------------------------

# A blank stays where it ends a command (\pi r) or parts two numbers.
_BLANKS: Final = re.compile(r"(\\[A-Za-z]+)\s+(?=[A-Za-z])|(?<=\d)(\s+)(?=\d)|\s+")
_MOST_ROUNDS: Final = 8


@lru_cache(maxsize=1024)
def canonical(cleaned: str) -> str:
    """Equal for answers that are equal by rules of spelling; the input of votes.

    Numbers become reduced fractions, words lose case and articles, mathematics its blanks. It is
    itself an answer: what it gives for its own output is that output.
    """
    said = _respelled(cleaned)
    for _ in range(_MOST_ROUNDS):
        again = _respelled(clean(said))
        if again == said:
            break
        said = again
    return said


def _respelled(cleaned: str) -> str:
    number = read_number(cleaned)
    if number is not None:
        return f"{number.value}" + (r"\%" if number.percent else "")
    words = words_of(cleaned)
    if words is not None:
        return r"\text{" + ",".join(words) + "}"
    text = re.sub(r"\\[dtc]frac", r"\\frac", cleaned)
    text = re.sub(r"\\frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}", text)
    text = re.sub(r"\\sqrt\s*(\d)", r"\\sqrt{\1}", text)
    text = re.sub(r"\\(?:[,;: ]|quad|qquad)(?![A-Za-z])", " ", text)
    text = re.sub(r"\\([lg])eq(?![A-Za-z])", r"\\\1e", text)
    text = re.sub(r"\^\s*\{\s*(\w)\s*\}", r"^\1", text)
    text = re.sub(r"\^\{?\\circ\s*\}?", "", text)
    return _BLANKS.sub(lambda match: f"{match[1] or ''} " if match[1] or match[2] else "", text)
