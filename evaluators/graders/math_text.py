r"""Mathematics as text: the final answer of a reply, cleaned.

Everything here is cheap and safe on any text; nothing is evaluated.
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import Final

from graphsearch.evaluators.graders._math_numbers import with_fractions, with_small_digits
from graphsearch.evaluators.graders._math_prose import formula_in
from graphsearch.evaluators.graders.final import Extract, final_answer, unlabelled

__all__ = ["clean", "final_math", "words_of"]


# -- where the answer is ---------------------------------------------------------------------------

_TAIL: Final = 20_000
_MOST_LINES: Final = 30


def final_math(text: str, how: Extract) -> str | None:
    r"""The final answer of a reply as it stands there.

    Where the reply marks none, it is the last number or formula of its last line, or a word or two
    of it; where there is nothing of the kind, the last number or formula before it.
    """
    found = final_answer(text, how)
    if found is not None:
        return formula_in(found, marked=True) or None
    if how != "auto":
        return None
    lines = [line for line in text[-_TAIL:].splitlines() if line.strip()][-_MOST_LINES:]
    for line in reversed(lines):
        said = formula_in(unlabelled(line), marked=False)
        if said == "":
            return None
        if said and (line is lines[-1] or re.search(r"[\d\\]", said)):
            return said
    return None


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
    **dict.fromkeys("$€£¥₹", ""),
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
    text = with_small_digits(text)
    text = _REPLACE.sub(lambda match: _REPLACED[match[0]], text).replace("~", " ")
    text = " ".join(_LEFT_RIGHT.sub("", text).split())
    text = _ROMAN.sub(r"\1", text)
    text = _TILDE_TEXT.sub(r"\\text{", text)
    before = None
    while text != before:  # without the blanks and the punctuation that a sentence puts after it
        before, text = text, text.rstrip(" .;,")
        for end in _ENDS:
            text = text.removesuffix(end)
    text = _MARKED_THOUSANDS.sub("", text.strip(" *_`"))
    joined = _THOUSANDS.sub(lambda match: re.sub(r"[, ]", "", match[0]), text)
    # Inside brackets a plain comma separates entries, (3,150).
    listed = "," in joined or re.search(r"[\[(].*,|\\\{", text)
    text = text if listed else joined
    text = _PER_CENT.sub(r"\\%", _DEGREES.sub(r"\1", text))
    text = with_fractions(_without_unit(text))
    text = _BARE.sub(r"\\\1", _SQRT_CALL.sub(r"\\sqrt{\1}", text)).replace(r"\infinity", r"\infty")
    return text.strip()


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
