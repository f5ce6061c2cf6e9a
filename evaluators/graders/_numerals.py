"""Numbers as people and models write them: where they stand in a text, and what they are.

What looks like a number and cannot be read for sure is no gap: it is found, with no value, so that
nobody takes the number before it for the answer.
"""

import re
import sys
import unicodedata
from fractions import Fraction
from typing import Final, NamedTuple

__all__ = ["Numeral", "find_numerals", "one_number", "plainly"]


class Numeral(NamedTuple):
    """A number in a text.

    Attributes:
        begin: where it begins, its sign and its currency with it.
        end: where it ends, its unit left out unless it is written without a blank.
        value: what it is; None where that cannot be told.
    """

    begin: int
    end: int
    value: Fraction | None


_LONGEST: Final = 1_000

# -- one spelling ----------------------------------------------------------------------------------

_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SPELLINGS: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r"\\([$%#&])", r"\1"),
        (r"[−‒﹣－]|–(?=[ \t]*[$€£¥₹]?\d)", "-"),
        (r"=[ \t]*-[ \t]+(?=[$€£¥₹]?\d)", "= -"),
        (r"\\![ \t]*", ""),
        (r"(?<=\d)\{,\}(?=\d)", ","),
        (r"(?<=\d)(?:\\,|[\u00a0\u2009\u202f])(?=\d{3}(?!\d))", ","),
        (r"\\[,;: ]|\\q?quad\b|~(?=\S)", " "),
        (r"\\(?:text|mathrm|mathbf|textbf|mathit|textit|mbox)\s*\{([^{}]*)\}", r" \1 "),
        (r"\\(?:left|right)\b", ""),
        (r"\\[dtc]frac\b|\\[dtc]frac(?=\d)", r"\\frac"),
        (r"\\times\b|\\cdot\b|[×·⋅∗]", "*"),
        (r"\\div\b", "÷"),
        (r"\\approx\b|\\simeq\b", "≈"),
        (r"\^\s*(?:\{\s*\\circ\s*\}|\\circ)|\\degree\b", "°"),
        (r"(?<!\d)\*\*|\*\*(?!\d)", ""),
        (r"\b(USD|EUR|GBP|INR|CAD|AUD|CNY|RMB|JPY|CHF|Rs\.?)(?=\d)", r"\1 "),
    )
)


def plainly(text: str) -> str:
    """A text with one spelling for minus signs, products, thousands and what else LaTeX spells."""
    for pattern, by in _SPELLINGS:
        text = pattern.sub(by, text)
    return re.sub(r"(?<=\d)[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+", lambda m: f"^{m[0].translate(_SUPERSCRIPTS)}", text)


# -- numbers in it ---------------------------------------------------------------------------------

_NO_BLANKS: Final = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff"
)
"""Letters of scripts that put no blanks between words and numbers."""
_VULGAR: Final = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"

_RUN: Final = r"(?:\d+(?:[.,'’_:]\d+)*|\.\d+)(?:[eE][-+]?\d+)?"
_PLAIN: Final = r"(?:\d+(?:,\d+)*(?:\.\d+)?|\.\d+)"
_NUMERAL: Final = re.compile(
    rf"(?<![^\W{_NO_BLANKS}])(?<!\w\.)(?<!\^)(?<![_^]\{{)(?<!\^-)(?<!\^\{{-)"
    r"(?:(?P<sign>[-+])(?P<apart>[ \t]*))?(?P<money>[$€£¥₹]?)(?P<inner>[-+]?)"
    r"(?:"
    rf"(?P<whole>\d+)?[ \t]?(?P<vulgar>[{_VULGAR}])"
    r"|(?:(?P<units>\d+)[ \t]*)?\\frac[ \t]*(?:"
    rf"(?:\{{[ \t]*(?P<above>-?{_PLAIN})[ \t]*\}}|(?P<above1>\d))[ \t]*"
    rf"(?:\{{[ \t]*(?P<below>{_PLAIN})[ \t]*\}}|(?P<below1>\d)))"
    r"|(?P<odd>(?:\d+[ \t]*)?\\frac(?:[ \t]*\{[^{}\n]{0,80}\}[ \t]*\{[^{}\n]{0,80}\})?)"
    r"|(?P<mixed>\d+)[ \t]+(?P<over>\d+)/(?P<under>\d+)(?![\d.,/])"
    rf"|(?P<run>{_RUN})(?:[ \t]*/[ \t]*(?P<by>{_RUN}))?"
    r")"
)
_VALUE: Final = re.compile(
    r"(?:\d+|[1-9]\d{0,2}(?:,\d{3})+)?(?:\.\d+|(?<=\d))(?:[eE][-+]?\d{1,3})?"
)
_FULL_HOUR: Final = re.compile(r"^(\d{1,2}):00$")
_POWER_OF_TEN: Final = re.compile(
    r"[ \t]*[*xX][ \t]*10[ \t]*\^[ \t]*(?:\{[ \t]*([-+]?\d{1,3})[ \t]*\}|([-+]?\d{1,3}))"
)
_MORE: Final = re.compile(
    r"[ \t]*+[$%]?+[ \t]*+(?:\*\*|[-+*/÷^xX])[ \t]*[$({]*[-+]?(?=[\d.]*\d|\\frac|\\sqrt|√)"
    r"|(?:[ \t]\d{3})+(?!\d)|\)?\(\$?(?=\d)"
    r"|[ \t]+(?:plus|minus|times|divided by|multiplied by|modulo|mod|choose|over)[ \t]+(?=\$?\d)"
)
"""What makes one number a part of something bigger: an operator, groups of digits, a product."""
_UNREADABLE_AFTER: Final = re.compile(
    r"[ \t]*(?:\\(?:sqrt|pi|log|ln|sin|cos|tan|pm|frac|binom|theta|overline)|√|π|±)"
    r"|\.?\\overline|\.\(\d|[½¼¾_]"
    r"|[ \t-]*(?:hundred|tausend|Tausend|Million\w+|Mio|Milliarde\w*|Mrd|mill[oó]n\w*|mil)\b"
    r"|[ \t]*(?:тыс|млн|млрд|милли)"
    r"|[ \t]*(?:[万萬亿億兆百十만억천백십]|千(?![克米瓦]))"
    r"|(?:[ \t]+[^\W\d_]++)?[ \t]+and[ \t]+(?:(?:a|an|one|two|three)[ \t-]+)?"
    r"(?:half|third|quarter|fifth|eighth)"
    r"|[ \t]+(?:squared|cubed|halves|thirds|fifths|eighths)\b"
    r"|[ \t]+to[ \t]+the[ \t]+power\b"
)
_UNREADABLE_BEFORE: Final = re.compile(
    r"(?:\b(?:minus|negative|минус)|负|負|マイナス|√|\\(?:sqrt|log|ln|sin|cos|tan|binom|overline)(?![A-Za-z])"
    r"|\b(?:sqrt|log|ln|sin|cos|tan)[ \t]*(?:_\d+[ \t]*)?\(|\\pm\b|±)"
    r"[ \t]*(?:_?(?:\{\d*\}|\[\d*\]|\d+))?[ \t]*[({]?[ \t]*$"
)
_SHARE_OF: Final = re.compile(r"[ \t]*%?[ \t]+of[ \t]+\$?\d")
_WORD_AFTER: Final = re.compile(rf"[^\W\d_{_NO_BLANKS}{_VULGAR}]+")
_LARGE: Final = re.compile(r"[ \t-]*(thousand|million|billion|trillion|lakh|crore)s?\b(?!-)")
_LARGE_VALUES: Final = {
    "thousand": 10**3,
    "lakh": 10**5,
    "million": 10**6,
    "crore": 10**7,
    "billion": 10**9,
    "trillion": 10**12,
}
_MONEY_LETTERS: Final = {"k": 10**3, "K": 10**3, "M": 10**6}
_UNIT_POWER: Final = re.compile(r"\^(?:[23](?!\d)|\{[23]\})")
_UNIT_WORDS: Final = """
mm cm dm m km kms in ft yd mi mg g kg kgs lb lbs oz ml cl l s sec secs min mins h hr hrs ms am pm
mph kmh kph kmph kwh kw w v st nd rd th pts usd eur gbp inr cad aud cny rmb meter meters
metre metres mile miles foot feet inch inches yard yards kilometer kilometers kilometre
kilometres centimeter centimeters gram grams kilogram kilograms pound pounds ounce ounces
liter liters litre litres second seconds minute minutes hour hours day days week weeks
month months year years dollar dollars cent cents euro euros percent degrees people
"""
_UNITS: Final = frozenset(_UNIT_WORDS.split())

_VARIABLE_BEFORE: Final = re.compile(r"(?<![^\W\d_])[a-z](?:\^\{?\d+\}?)?[ \t]*$")
"""With a sign after it: `x - 80`, `x^2 + 1`."""


def find_numerals(text: str, *, joined: bool = True, most: int = sys.maxsize) -> list[Numeral]:
    """The numbers of a text that `plainly` has spelt, in order.

    Args:
        text: what is searched.
        joined: `3 * 6` is one number, without a value; else they are two.
        most: how many are wanted, from the first.
    """
    found: list[Numeral] = []
    at = 0
    while len(found) < most and (match := _NUMERAL.search(text, at)):
        begin, at = match.span()
        value, sign = _value(match), _sign(text, match)
        ten = _POWER_OF_TEN.match(text, at)
        if ten and match["run"] and not match["by"]:
            at = ten.end()
            if value is not None:
                value *= Fraction(10) ** int(ten[1] or ten[2])
        at, factor = _factor(text, at, money=bool(match["money"]))
        # A part of something bigger has no value of its own.
        is_part = bool(_SHARE_OF.match(text, at)) and ("/" in match[0] or text.startswith("%", at))
        while joined and (more := _MORE.match(text, at)):
            operand = _NUMERAL.match(text, more.end()) if not more[0][-1:].isdigit() else None
            at, is_part = operand.end() if operand else more.end(), True
        before = text[max(0, begin - 24) : begin]
        if (
            value is None
            or factor is None
            or sign is None
            or is_part
            or _UNREADABLE_AFTER.match(text, at)
            or _UNREADABLE_BEFORE.search(before)
            or (match["sign"] and _VARIABLE_BEFORE.search(before))
        ):
            found.append(Numeral(begin, at, None))
        else:
            found.append(Numeral(begin, at, sign * value * factor))
    return found


def _value(match: re.Match[str]) -> Fraction | None:
    """What a number is, without sign, unit or what else follows it."""
    if len(match[0]) > _LONGEST or match["odd"]:
        return None
    if match["vulgar"]:
        part = Fraction(unicodedata.numeric(match["vulgar"])).limit_denominator(10)
        return int(match["whole"] or 0) + part
    if match["run"]:
        return _quotient(match["run"], match["by"] or "1")
    above = match["above"] or match["above1"] or match["over"]
    below = match["below"] or match["below1"] or match["under"]
    part_or_none = _quotient(above, below)
    whole = match["units"] or match["mixed"]
    if whole is None or part_or_none is None:
        return part_or_none
    return int(whole) + part_or_none if 0 < part_or_none < 1 else None


def _quotient(above: str, below: str) -> Fraction | None:
    sign = -1 if above.startswith("-") else 1
    above = above.removeprefix("-")
    above = _FULL_HOUR.sub(r"\1", above)
    if not (_VALUE.fullmatch(above) and _VALUE.fullmatch(below)):
        return None
    divisor = Fraction(below.replace(",", ""))
    return sign * Fraction(above.replace(",", "")) / divisor if divisor else None


def _factor(text: str, end: int, *, money: bool) -> tuple[int, int | None]:
    """Where a number ends with what is written onto it, and by how much that multiplies it."""
    large = _LARGE.match(text, end)
    if large:
        return large.end(), _LARGE_VALUES[large[1]]
    word = _WORD_AFTER.match(text, end)
    if word is None or _MORE.match(text, end):
        return end, 1
    end = word.end()
    if text[end : end + 1].isdigit():
        return end, None
    if money:
        return end, _MONEY_LETTERS.get(word[0])
    unit = word[0].rstrip("²³")
    if unit.lower() not in _UNITS or unit == "M":
        return end, None
    power = _UNIT_POWER.match(text, end)
    return power.end() if power else end, 1


def _sign(text: str, match: re.Match[str]) -> int | None:
    """The sign; None where a dash may be one, or a bullet."""
    said = match["sign"] or match["inner"]
    if said != "-" or (match["sign"] and match["inner"]):
        return None if match["sign"] and match["inner"] else 1
    if not match["apart"]:
        return -1
    before = text[: match.start()].rstrip(" \t$")
    if not before:
        return None
    return -1 if before[-1] in "({[" else 1


# -- texts that are one number ---------------------------------------------------------------------

_LONGEST_ALONE: Final = 300
_AROUND: Final = re.compile(r"^(?:\\[(\[]|[*_`\s])+|(?:\\[)\]]|[*_`.\s])+$")
_DOLLARS: Final = re.compile(r"\$([^$]*)\$")
_CURRENCY_BEFORE: Final = re.compile(
    r"(?:\s|[$€£¥₹≈~]|USD|EUR|GBP|INR|CAD|AUD|CNY|RMB|JPY|CHF|US|Rs\.?)*"
)
_UNIT_AFTER: Final = re.compile(
    r"[ \t]*(?:[$€£¥₹%°\"'’]|/-)?"
    r"(?:[ \t]*+[/(-]?+[ \t]*+[^\W\d_]++(?:\^?[23²³])?\.?\)?){0,4}[ \t]*\$?"
)
_NO_UNIT: Final = re.compile(
    r"\b(?:or|and|to|dozens?|times|plus|minus|over|divided|multiplied|half|point|not|no|more|less|"
    r"oder|und|bis|ou|et|y|o|или|и)\b",
    re.IGNORECASE,
)


def one_number(text: str) -> Fraction | None:
    """What a text is that holds one number, its currency and its unit, and nothing else."""
    if len(text) > _LONGEST_ALONE:
        return None
    text = _AROUND.sub("", plainly(text))
    text = _DOLLARS.sub(r"\1", text) if _DOLLARS.fullmatch(text) else text
    numerals = find_numerals(text, most=1)
    if not numerals or numerals[0].value is None:
        return None
    first = numerals[0]
    after = text[first.end :]
    if not _CURRENCY_BEFORE.fullmatch(text[: first.begin]) or not _UNIT_AFTER.fullmatch(after):
        return None
    return None if _NO_UNIT.search(after) else first.value
