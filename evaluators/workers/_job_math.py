"""The job of the math grader: are two cleaned answers equal? Runs in a worker.

math-verify reads LaTeX and compares; what it is known to get wrong is set right here, rule by rule
(`design/graders.md` has the list and an example of each).
"""

import cmath
import gc
import logging
import re
import resource
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, Final

__all__ = ["start"]

_GARBAGE: Final = 20_000
_DIGITS: Final = 40
_FLOAT_ERROR: Final = 1e-5
_DOTS: Final = re.compile(r"\\[lc]?dots|\.\.\.|…")
_RATIO: Final = re.compile(r"\d\s*:\s*\d")
_DEGREES: Final = re.compile(r"(-?\d+(?:\.\d+)?)\s*\^\s*\{?\s*\\circ\s*\}?")
_TRIGONOMETRY: Final = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)")


_OURS: Final = (ImportError, MemoryError, OSError, SystemError)
"""What no text brings about: these leave the job, and say nothing about an answer."""

Equal = bool | str | None
"""Whether two answers are equal; None where only equal texts would be; else why nobody can tell."""


def start(setup: Any) -> Callable[[Any], Equal]:
    """The function that compares; loads math-verify.

    Args:
        setup: nothing.

    Raises:
        RuntimeError: math-verify is there, but does not do its work.
    """
    logging.disable(logging.CRITICAL)  # it warns that its own time limits are off
    compare = _Comparison()
    # One pair that is equal, and one that is not: a library that fails says the same of both. And
    # what is built on first use is built now, and never looked through again.
    gold = r"\frac{x}{2}+1"
    found = [_judged(compare, gold, said) for said in ("1+x/2", r"1+\sqrt{2}")]
    if found != [True, False]:
        raise RuntimeError(f"math-verify does not tell equal from unequal answers: {found}")
    gc.freeze()
    gc.set_threshold(_GARBAGE)
    return lambda request: _judged(compare, str(request[0]), str(request[1]))


def _judged(compare: "_Comparison", gold: str, answer: str) -> Equal:
    found: Equal
    try:
        found = compare.equal(gold, answer)
    except _OURS:
        raise
    except Exception as error:  # a text that the library trips over
        found = f"{type(error).__name__}: {error}"[:300]
    # The library takes an error within it for "not equal", want of memory too.
    if found is not True and _is_filled():
        raise MemoryError
    return found


def _is_filled() -> bool:
    """Whether the process has ever had more than half of the memory it may have."""
    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    if most == resource.RLIM_INFINITY:
        return False
    with suppress(OSError):  # where the system does not tell
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmPeak:"):
                return int(line.split()[1]) * 1024 > most / 2
    return False


class _Comparison:
    """math-verify with its time limits (signals) off: the worker's parent holds the clock."""

    def __init__(self) -> None:
        import math_verify.grader
        import sympy

        self._sympy = sympy
        # Most of the library's time is the simplification of differences that are not zero. Two
        # expressions that differ clearly at a point differ; only those that do not are simplified.
        simplified = math_verify.grader.sympy_symbolic_eq
        math_verify.grader.sympy_symbolic_eq = lambda one, other: (
            not self._differ(one, other) and simplified(one, other)
        )
        self._config = [math_verify.LatexExtractionConfig()]
        self._library = math_verify
        self._read = lru_cache(maxsize=2048)(self._parse)

    def _differ(self, one: Any, other: Any) -> bool:
        """Whether two expressions have clearly different finite values at some point."""
        sympy = self._sympy
        if not all(isinstance(x, sympy.Expr) for x in (one, other)):
            return False
        names = sorted(one.free_symbols | other.free_symbols, key=str)
        # Without a pattern that an expression could meet by chance.
        point = {name: sympy.Float(0.7390851 + 0.4142135 * i) for i, name in enumerate(names)}
        try:
            values = [complex(sympy.N(x.subs(point), 15)) for x in (one, other)]
        except (TypeError, ValueError, OverflowError, AttributeError, NotImplementedError):
            return False  # not a number there
        size = max(abs(value) for value in values)
        return cmath.isfinite(values[0] - values[1]) and abs(values[0] - values[1]) > 1e-6 * size

    def equal(self, gold: str, answer: str) -> bool | None:
        """Whether the answer is right; not symmetric, the gold answer goes first."""
        if _DOTS.search(gold) or _DOTS.search(answer):
            return None  # a pattern: only its own text is equal, and that is compared before
        if _RATIO.search(gold) or _RATIO.search(answer):
            return self._ratios_equal(gold, answer)
        if self._verified(gold, answer):
            return True
        if r"\%" in gold or r"\%" in answer:
            bare = gold.replace(r"\%", ""), answer.replace(r"\%", "")
            return (r"\%" in gold) != (r"\%" in answer) and self._verified(*bare)
        return False

    def _ratios_equal(self, gold: str, answer: str) -> bool | None:
        """3:4 is 6:8; where a part is zero (times of day) only the same text is equal: None."""
        parts = [re.split(r"\s*:\s*", text) for text in (gold, answer)]
        if len(parts[0]) != len(parts[1]):
            return False
        numbers = [[self._read(part) for part in side] for side in parts]
        if any(n is None or not getattr(n, "is_number", False) or n == 0 for n in chain(*numbers)):
            return None
        (first, *golds), (other, *answers) = numbers
        return all(
            self._sympy.simplify(g * other - a * first) == 0
            for g, a in zip(golds, answers, strict=True)
        )

    def _verified(self, gold: str, answer: str) -> bool:
        """math-verify's verdict on what could be read as a whole, checked where it is lenient."""
        known, said = self._read(gold), self._read(answer)
        if known is None or said is None:
            return False
        if not self._verify(known, said):
            return self._equal_as_complex(known, said)
        return self._not_just_close(known, said)

    def _verify(self, gold: Any, answer: Any) -> bool:
        try:
            found = self._library.verify(
                gold,
                answer,
                allow_set_relation_comp=True,
                timeout_seconds=None,
                raise_on_error=True,
            )
        except _OURS:
            raise
        except Exception:  # two things that it cannot compare are not equal to it
            return False
        return bool(found)

    def _parse(self, text: str) -> Any:
        """One expression for the whole text, or None.

        The library would go on and take a number from within a formula that it cannot read, so that
        two such formulas were equal when they share a number: only LaTeX is tried, once.
        """
        if _TRIGONOMETRY.search(text):
            text = _DEGREES.sub(r"{(\1\\cdot\\frac{\\pi}{180})}", text)
        try:
            found = self._library.parse(
                f"${text}$",
                extraction_config=self._config,
                fallback_mode="no_fallback",
                extraction_mode="first_match",
                parsing_timeout=None,
                raise_on_error=True,
            )
        except _OURS:
            raise
        except Exception:  # a text that it cannot read
            return None
        return found[0] if found else None

    def _equal_as_complex(self, gold: Any, answer: Any) -> bool:
        """The letter i, which is read as a variable, taken for the imaginary unit."""
        if not all(isinstance(x, self._sympy.Expr) for x in (gold, answer)):
            return False
        letters = {s for x in (gold, answer) for s in x.free_symbols if s.name == "i"}
        if not letters or (gold.free_symbols | answer.free_symbols) - letters:
            return False
        unit = dict.fromkeys(letters, self._sympy.I)
        difference = self._sympy.N((gold - answer).subs(unit), _DIGITS, chop=True)
        return bool(difference == 0)

    def _not_just_close(self, gold: Any, answer: Any) -> bool:
        """False for numbers that are equal only because both are tiny, or nearly so.

        The library rounds to six decimals where one is a decimal, else to 15 digits; a relative
        error is what counts.
        """
        pair = [self._number(x) for x in (gold, answer)]
        if pair[0] is None or pair[1] is None:
            return True
        known, said = pair
        if self._has_float(known) or self._has_float(said):
            return self._within(known, said, _FLOAT_ERROR)
        if known.is_Rational and said.is_Rational:
            return bool(known == said) or self._per_cent(gold, answer)
        return self._within(known, said, 10.0 ** (10 - _DIGITS))

    def _within(self, gold: Any, answer: Any, error: float) -> bool:
        known, said = (self._sympy.N(x, _DIGITS) for x in (gold, answer))
        if not (known.is_finite and said.is_finite):
            return bool(known == said)
        size = self._sympy.Abs(known)
        off = self._sympy.Abs(known - said)
        return bool(off <= error * size) or self._per_cent(gold, answer)

    def _per_cent(self, gold: Any, answer: Any) -> bool:
        """9 % and 9, which the library calls equal."""
        return any(
            isinstance(part, self._sympy.UnevaluatedExpr)
            for x in (gold, answer)
            for part in self._sympy.preorder_traversal(x)
        )

    def _number(self, expression: Any) -> Any:
        if not isinstance(expression, self._sympy.Expr) or not expression.is_number:
            return None
        return expression.doit() if not self._per_cent(expression, expression) else expression

    def _has_float(self, expression: Any) -> bool:
        return bool(expression.has(self._sympy.Float))
