r"""Arithmetic expressions: read by a small grammar with limits, worked out exactly.

sum      = product (("+" | "-") product)*
product  = sign (("*" | "/") sign | bracket)*
sign     = "-" sign | atom
atom     = number | bracket | "\frac" "{" sum "}" "{" sum "}"
bracket  = "(" sum ")"
"""

import re
from fractions import Fraction
from typing import Final

__all__ = ["Arithmetic", "ArithmeticFault", "read_arithmetic"]

_LONGEST: Final = 400
_DEEPEST: Final = 30
_LONGEST_NUMBER: Final = 12

_SPELLED: Final = {
    "×": "*",
    "·": "*",
    "∗": "*",
    "⋅": "*",
    "÷": "/",
    "∕": "/",
    "⁄": "/",
    "−": "-",
    "–": "-",
    "[": "(",
    "]": ")",
    r"\times": "*",
    r"\cdot": "*",
    r"\div": "/",
    r"\left": "",
    r"\right": "",
    r"\dfrac": r"\frac",
    r"\tfrac": r"\frac",
    "$": "",
}
_SPELLING: Final = re.compile("|".join(re.escape(k) for k in sorted(_SPELLED, key=len)[::-1]))
_TOKEN: Final = re.compile(r"\s*(\d+|\\frac|[-+*/(){}])")


class ArithmeticFault(ValueError):
    """What keeps a text from being an expression with a value."""


class Arithmetic:
    """An expression that was read.

    Attributes:
        text: its tokens, without blanks.
        numbers: whole numbers in it, in order.
    """

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self.text = "".join(tokens)
        self.numbers = [int(token) for token in tokens if token.isdigit()]

    def value(self) -> Fraction:
        """Its exact value.

        Raises:
            ArithmeticFault: brackets or operators do not fit, it is nested too deeply, or it
                divides by zero.
        """
        return _Reader(self._tokens).all()


def read_arithmetic(text: str) -> Arithmetic:
    """Read numbers, operators and brackets, in the spelling of ASCII, Unicode or LaTeX.

    Raises:
        ArithmeticFault: there is something else, or too much of it.
    """
    if len(text) > _LONGEST:
        raise ArithmeticFault(f"longer than {_LONGEST} characters")
    text = _SPELLING.sub(lambda match: _SPELLED[match[0]], text).strip()
    tokens: list[str] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ArithmeticFault(f"{text[place:].strip()[:20]!r} is no part of an expression")
        if len(match[1]) > _LONGEST_NUMBER:
            raise ArithmeticFault(f"a number of more than {_LONGEST_NUMBER} digits")
        tokens.append(match[1])
        place = match.end()
    if not any(token.isdigit() for token in tokens):
        raise ArithmeticFault("no numbers in it")
    return Arithmetic(tokens)


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0

    def all(self) -> Fraction:
        value = self._sum()
        if self._place < len(self._tokens):
            raise ArithmeticFault(f"{self._tokens[self._place]!r} does not fit where it is")
        return value

    def _sum(self) -> Fraction:
        value = self._product()
        while self._next() in ("+", "-"):
            if self._take() == "+":
                value += self._product()
            else:
                value -= self._product()
        return value

    def _product(self) -> Fraction:
        value = self._sign()
        while self._next() in ("*", "/", "(", "\\frac"):
            if self._next() in ("(", "\\frac"):  # 2(3 + 1)
                value *= self._atom()
            elif self._take() == "*":
                value *= self._sign()
            else:
                value = _divided(value, self._sign())
        return value

    def _sign(self) -> Fraction:
        minus = False
        while self._next() == "-":
            self._take()
            minus = not minus
        value = self._atom()
        return -value if minus else value

    def _atom(self) -> Fraction:
        token = self._take()
        if token.isdigit():
            return Fraction(int(token))
        if token == "(":
            return self._inside(")")
        if token == "\\frac":
            return _divided(self._braces(), self._braces())
        raise ArithmeticFault(f"{token or 'its end'!r} stands where a number should")

    def _braces(self) -> Fraction:
        if self._take() != "{":
            raise ArithmeticFault("\\frac without braces")
        return self._inside("}")

    def _inside(self, closing: str) -> Fraction:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ArithmeticFault(f"nested deeper than {_DEEPEST}")
        value = self._sum()
        if self._take() != closing:
            raise ArithmeticFault("a bracket is not closed")
        self._depth -= 1
        return value

    def _next(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._next()
        self._place += 1
        return token


def _divided(above: Fraction, below: Fraction) -> Fraction:
    if below == 0:
        raise ArithmeticFault("a division by zero")
    return above / below
