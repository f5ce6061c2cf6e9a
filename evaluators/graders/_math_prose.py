r"""Where the mathematics stands in a sentence: the last number or formula of it.

`Each ticket is $3, so all cost $9.` says 9, `There are **4** solutions.` 4, and `The probability is
\frac{1}{2}.` a half. A sentence without any has at most a word or two for an answer.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from graphsearch.evaluators.graders._math_limits import LONGEST
from graphsearch.evaluators.graders._math_numbers import with_small_digits
from graphsearch.evaluators.graders.base import UNSPACED
from graphsearch.evaluators.graders.numeric import last_number

__all__ = ["formula_in"]

_FUNCTIONS: Final = frozenset(
    {"sqrt", "pi", "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "log"}
    | {"ln", "exp", "lim", "max", "min", "gcd", "lcm", "mod", "det", "deg", "infinity", "infty"}
    | {"and", "or"}
)
"""Words that stand in formulas, and do not make a sentence."""
_CONSTANTS: Final = frozenset({"pi", "infinity", "infty"})
_SIGNS: Final = frozenset("+-−–*/^=<>≤≥≠≈±×·⋅÷_|()[]{}√∪∩∈π∞")
_MONEY: Final = frozenset("$€£¥₹%°!~&'")

_BOLD: Final = re.compile(
    r"(?<![\w)}\]*])(\*\*\*|\*\*|__|\*|`)(?=[^\s*_`])([^\n]{0,200}?[^\s*_`])\1(?![\w({\[*])"
)
_OPENED: Final = re.compile(r"(?<!\\)\$\$?|\\\(|\\\[")
_CLOSED: Final = {
    "$$": re.compile(r"\$\$"),
    "$": re.compile(r"(?<!\\)\$"),
    r"\(": re.compile(r"\\\)"),
    r"\[": re.compile(r"\\\]"),
}
_JOINT: Final = re.compile(r"(?:\s|,|;|\.|and|or|&)*", re.IGNORECASE)
_SET_APART: Final = re.compile(r"\\[A-Za-z]+\s*(?:\{[^{}]*\})?")
_WORD: Final = re.compile(r"(?<![\w^_{(*/+=-])[^\W\d_]{2,}(?![\w^_({*/+=\\])")
_UNIT_AFTER: Final = re.compile(r"\s*(?:\\?%|percent|°|degrees)", re.IGNORECASE)
_PER_CENT: Final = re.compile(r"\s*(?:per ?cent|pct)\b", re.IGNORECASE)
_ASIDE: Final = re.compile(
    r",\s+(?!(?:as|since|because|where|when|if|for|by|with|which|from|using|see|and|or|but)\b)"
)
_CHINESE: Final = re.compile(  # and Japanese
    r"^.*(?:答案|答え|结果|結果)\s*(?:就|应该|應該)?(?:[是为為は][:：]?|[:：])\s*"
    r"(?P<said>[^\u3040-\u30ff\u3400-\u9fff。．]++)(?:です)?[。．]?\s*\Z"
)
_UNSPACED: Final = re.compile(f"[{UNSPACED}]")
_REASON: Final = re.compile(
    r"\s*(?:,\s*)?(?:\b(?:because|since|where|given that|so that|as (?:we|it|they|there))\b|\()"
)
_TITLE: Final = re.compile(r"^\W{0,4}[A-Za-z][A-Za-z ]{0,40}:\s+(?=\S)")
_QUANTITY: Final = re.compile(
    r"\W{0,3}(?:\d+ +)?(?:\d[\d,]*\.?\d*|\.\d+)(?:\s*/\s*\d+)?"
    r"\s*[A-Za-z]+\.?(?:[ /]+[A-Za-z]+\.?){0,4}\W*"
)
"""A number with its unit: no sentence."""
_IS: Final = re.compile(r"^.*\b(?:is|are|be|equals)\b[:\s]*(?=\S)")
_DENIED: Final = re.compile(r"(?:\bnot|n['’]t|\bnever|≠|\\neq?)\s*$", re.IGNORECASE)
_DENIES: Final = re.compile(r"\W*(?:not|never|neither)\b", re.IGNORECASE)
_LISTED: Final = re.compile(
    r"\b(?:are|were|be|solutions?|roots?|values?|answers?|numbers?|equals?|either)\b"
    r"[^.!?\d\\]{0,20}$"
)
_RANGE: Final = re.compile(r"\bbetween\s*$", re.IGNORECASE)
_BETWEEN: Final = re.compile(r"\s*(?:,\s+(?:and\s+|or\s+)?|and\s+|or\s+)", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[-+]?\s*[$€£¥₹]?\s*[-+]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)\s*%?")
_CLOSING: Final = re.compile(
    r"\W*(?:i hope|hope (?:this|that)|let me know|that['’]s all|that is all|thank|please"
    r"|feel free)\b",
    re.IGNORECASE,
)
_UNIT_LETTER: Final = re.compile(r"=[^=]*\d\s*([gmslhL])\s*$")
_ALIGNED: Final = re.compile(
    r"\\(?:begin|end)\s*\{(?:align|aligned|equation|gather|gathered|multline|split|array)\*?\}"
    r"|(?<!\\)&(?=\s*=)|\\\\\s*\Z|\[/?asy\]"
)
"""What only sets lines of mathematics one under the other."""
_LEADING: Final = re.compile(
    r"(?:(?:=+>|[⇒→∴=≈~]|\\(?:Rightarrow|rightarrow|implies|therefore|approx)(?![A-Za-z]))\s*)+"
)
"""Signs that lead to an answer: `=> 42`."""
_FRAME: Final = re.compile(r"\\[\[\]()]|\$\$?|`{3,}\w*|[-=_*#\s]*")
"""A line that only opens or closes what is set apart."""
_MOST_WORDS: Final = 3
_MOST_MARKED_WORDS: Final = 6
_LONGEST_LINE: Final = 4 * LONGEST

_TOKEN: Final = re.compile(
    r"(?P<command>\\(?:text|textbf|textrm|mathrm|mathbf|mbox)\s*\{[^{}]*\}|\\[A-Za-z]+|\\\S)"
    r"|(?P<number>\d+(?:,\d{3})*(?:\.\d+)?(?::\d+)*|\.\d+)"
    r"|(?P<word>[^\W\d_]{2,}(?:['’][^\W\d_]+)?)|(?P<letter>[^\W\d_])|(?P<blank>\s+)|(?P<sign>.)",
    re.DOTALL,
)


class _Run(NamedTuple):
    """A part of a line that is mathematics, and where it stands."""

    begin: int
    end: int
    said: str


def formula_in(line: str, *, marked: bool) -> str | None:
    """The last number or formula of a line; all of one that is no sentence.

    Args:
        line: a line of a reply, or what it marks as its answer.
        marked: whether it is that; then it may also be a few words.
    """
    if len(line) > _LONGEST_LINE:
        return line
    line = with_small_digits(_BOLD.sub(r"\2", line)).strip()
    line = _ALIGNED.sub(" ", line).strip()
    line = line[leading.end() :] if (leading := _LEADING.match(line)) else line
    if _FRAME.fullmatch(line) or (not marked and _CLOSING.match(line)):
        return None
    parts = list(_set_apart(line))
    if parts:
        chosen = _listed_last(line, parts, _JOINT)
        after = line[chosen[-1].end :]
        if _ASIDE.match(after) and (found := _last_run(after)):  # Since $x = 3$, there are 12 ways.
            return found
        unit = match[0] if (match := _UNIT_AFTER.match(after)) else ""
        return ", ".join(part.said for part in chosen) + unit
    if _UNSPACED.search(line):
        chinese = _CHINESE.match(line)
        return chinese["said"].strip() or None if chinese else None
    line = _TITLE.sub("", line)
    words = [w for w in _WORD.findall(_SET_APART.sub(" ", line)) if w.lower() not in _FUNCTIONS]
    has_formula = re.search(r"[\d=\\¼½¾±×÷·−π∞√≤≥≠∪∩∈∅²³]", line) is not None
    if not words or (len(words) < 3 and not has_formula) or _QUANTITY.fullmatch(line):
        return line or None
    if marked:  # 12, since it is a half of 24
        reason = _REASON.search(line)
        if reason is not None and (head := _last_run(line[: reason.start()])):
            return head
    found = _last_run(line)
    if found is not None:
        unsure = marked and len(words) <= _MOST_MARKED_WORDS and not _DENIES.match(line)
        return found or (line if unsure else "")
    if marked:
        return line if len(words) <= _MOST_MARKED_WORDS else None
    said = _IS.sub("", line)
    return said if len(_WORD.findall(said)) <= _MOST_WORDS else None


def _set_apart(line: str) -> Iterator[_Run]:
    """What stands between delimiters of mathematics; a sign of dollars is none."""
    at = 0
    while (opened := _OPENED.search(line, at)) is not None:
        at = opened.end()
        closed = _CLOSED[opened[0]].search(line, at)
        if closed is None:
            continue
        inside, after = line[at : closed.start()], line[closed.end() : closed.end() + 1]
        if opened[0] == "$":
            # As Pandoc has it, no digit follows; and `$3, so all cost $` is a price and words.
            words = _WORD.findall(_SET_APART.sub(" ", inside))
            spelt = len([word for word in words if word.lower() not in _FUNCTIONS])
            price = inside[:1] == "/" or (
                inside[:1].isdigit() and (inside[-1:].isspace() or spelt > 2)
            )
            if after.isdigit() or price or spelt > 3:
                continue
        if inside.strip():
            yield _Run(opened.start(), closed.end(), inside)
        at = closed.end()


def _listed_last(line: str, runs: list[_Run], joint: re.Pattern[str]) -> list[_Run]:
    """The last run, with those before it that it stands in a list with."""
    listed = [runs[-1]]
    for run in reversed(runs[:-1]):
        if not joint.fullmatch(line[run.end : listed[0].begin]):
            break
        listed.insert(0, run)
    return listed


def _last_run(line: str) -> str | None:
    """The last number or formula of a sentence: None without any, empty where it is unsure."""
    runs = list(_runs(line))
    if not runs:
        return None
    last = runs[-1]
    if _DENIED.search(line[: last.begin]):
        return ""
    listed = _listed_last(line, runs, _BETWEEN)
    if len(listed) > 1 and _LISTED.search(line[: listed[0].begin]):
        return ", ".join(run.said for run in listed)
    if len(listed) > 1 and _RANGE.search(line[: listed[0].begin]):
        return ""
    said = last.said
    unit = _UNIT_LETTER.search(said)
    if unit is not None and re.search(rf"\d\s*{unit[1]}\b", said[: said.rindex("=")]):
        said = re.sub(rf"(?<=\d)\s*{unit[1]}\b", "", said)  # 60g + 20g = 80g
    left, equal, right = said.rpartition("=")
    if _NUMBER.fullmatch(right.strip()) and not (equal and re.search(r"[A-Za-z\\]", left)):
        right = right.strip()
        if _PER_CENT.match(line, last.end):
            return rf"{right}\%"
        number = last_number(line)
        if number is None:
            return ""
        # A plain decimal is quoted as it stands: that it may be rounded counts.
        return right if "%" in right or last_number(right) == number else str(number)
    return said


def _runs(line: str) -> Iterator[_Run]:
    """Formulas of a line: numbers, letters and commands, with the signs between them."""
    tokens = list(_TOKEN.finditer(line))
    begin: int | None = None
    end = depth = 0
    for i, token in enumerate(tokens):
        kind, said = token.lastgroup, token[0]
        depth = max(0, depth + (said == "{") - (said == "}"))
        if kind == "blank":
            continue
        if depth or kind in ("command", "number"):
            inside = True
        elif kind == "word":
            inside = said in _FUNCTIONS - {"and", "or"}
        elif kind == "letter":
            inside = _is_variable(tokens, i)
        elif said == ",":  # a list in brackets
            before = "" if begin is None else line[begin : token.start()]
            inside = sum(map(before.count, "([")) > sum(map(before.count, ")]"))
        else:
            inside = said in _SIGNS or said in _MONEY
        if kind == "number" and begin is not None and i >= 2:
            # A number after another one is a part of it in 350 000 and 3 1/2 alone.
            follows = [t.lastgroup for t in tokens[i - 2 : i]] == ["number", "blank"]
            if follows and len(said) != 3 and not (tokens[i + 1 :] and tokens[i + 1][0] == "/"):
                yield from _trimmed(line, begin, end)
                begin = None
        if inside:
            begin, end = token.start() if begin is None else begin, token.end()
        elif begin is not None:
            yield from _trimmed(line, begin, end)
            begin = None
    if begin is not None:
        yield from _trimmed(line, begin, end)


def _is_variable(tokens: list[re.Match[str]], i: int) -> bool:
    """Whether a letter alone is part of a formula, and not `a`, `I` or a name."""
    before = next((t for t in reversed(tokens[:i]) if t.lastgroup != "blank"), None)
    after = next((t for t in tokens[i + 1 :] if t.lastgroup != "blank"), None)
    if (
        tokens[i][0] in "xX"
        and before
        and after
        and {before.lastgroup, after.lastgroup} == {"number"}
    ):
        return True  # 3 x 4
    if i and tokens[i - 1].lastgroup in ("number", "command"):
        return True
    return any(one is not None and one[0] in _SIGNS for one in (before, after))


def _trimmed(line: str, begin: int, end: int) -> Iterator[_Run]:
    """A run without the signs around it, where it says anything."""
    said = line[begin:end]
    while True:
        lead = re.match(r"[\s,=*/+:;.&<>~!'≈≤≥×·÷)\]}_^%]+|-(?=\s)|[(\[|](?=\s*$)", said)
        trail = re.search(r"(?:[\s,=*/+:;.&<>~!'≈≤≥×·÷(\[_^-]|(?<!\\)\{|\\)+$", said)
        opened, closed = (sum(map(said.count, signs)) for signs in ("([", ")]"))
        if said[-1:] in (")", "]") and closed > opened:
            trail = trail or re.search(r".$", said)
        elif said[:1] in ("(", "[") and opened > closed:
            lead = lead or re.match(r".", said)
        if lead:
            said, begin = said[lead.end() :], begin + lead.end()
        elif trail:
            said = said[: trail.start()]
        else:
            break
    bare = _SET_APART.sub("1", said) if re.search(r"\\[A-Za-z]", said) else said
    atoms = re.findall(r"\d+|[^\W\d_]+", bare)
    if re.search(r"\d", bare) or len(atoms) > 1 or _CONSTANTS & set(atoms):
        yield _Run(begin, begin + len(said), said)
