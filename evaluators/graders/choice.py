"""Answers that are one letter of several choices."""

import re
from collections.abc import Sequence
from string import ascii_uppercase
from typing import Final

from graphsearch.calls import Outcome
from graphsearch.errors import TaskError
from graphsearch.evaluators.graders._final import final_answer
from graphsearch.tasks import Item, Verdict

__all__ = ["ChoiceGrader"]

_ALONE: Final = re.compile(r"^\W*([A-Za-z])(?:\W|$)")
_BRACKETED: Final = re.compile(r"\(([A-Z])\)")
_CAPITAL: Final = re.compile(r"(?<![\w'])([A-Z])(?![\w'])")


class ChoiceGrader:
    """Right when the chosen letter is the gold one.

    Choices are the item's `choices` (a list of texts in `item.meta`), else the letters of
    `letters`. A gold answer is a letter, the text of a choice, or its number counted from 0.

    Args:
        letters: letters in use where an item lists no choices.
    """

    name = "choice"

    def __init__(self, *, letters: str = "ABCDE") -> None:
        if not letters or any(letter not in ascii_uppercase for letter in letters):
            raise TaskError(f"letters {letters!r} of the choice grader are not capitals A to Z")
        self._letters = letters

    def parse(self, item: Item, text: str) -> str | None:
        """The chosen letter."""
        known = self._known(item)
        final = final_answer(text)
        if final is not None:
            alone = _ALONE.match(final)
            if alone and alone[1].upper() in known:
                return alone[1].upper()
            named = self._by_text(item, final)
            if named is not None:
                return named
        return self._last(final if final is not None else text, known)

    def claims(self, item: Item, text: str) -> bool | None:
        """Replies make no claim about themselves."""
        return None

    def grade(self, item: Item, text: str) -> Verdict:
        """Score 1 when the letter is right.

        Raises:
            TaskError: the gold answer is none of the choices.
        """
        gold = self._gold(item)
        said = self.parse(item, text)
        if said is None:
            return Verdict(0.0, Outcome.UNPARSED, None, "no choice in the answer")
        return Verdict(float(said == gold), Outcome.ANSWERED, said, f"{said}, gold is {gold}")

    def check(self, item: Item) -> None:
        """Raise `TaskError` when an item cannot be graded."""
        self._gold(item)

    @staticmethod
    def _last(text: str, known: Sequence[str]) -> str | None:
        for find in (_BRACKETED, _CAPITAL):
            found = [match[1] for match in find.finditer(text) if match[1] in known]
            # "I" and "A" are words too; alone in a sentence they are no choice.
            if found and (find is _BRACKETED or len(text.split()) == 1 or found[-1] not in "AI"):
                return found[-1]
        return None

    def _known(self, item: Item) -> str:
        choices = item.meta.get("choices")
        return ascii_uppercase[: len(choices)] if isinstance(choices, list) else self._letters

    def _by_text(self, item: Item, text: str) -> str | None:
        choices = item.meta.get("choices")
        if not isinstance(choices, list):
            return None
        wanted = text.strip(" .").casefold()
        for letter, choice in zip(ascii_uppercase, choices, strict=False):
            if str(choice).strip(" .").casefold() == wanted:
                return letter
        return None

    def _gold(self, item: Item) -> str:
        known = self._known(item)
        gold = item.gold
        if isinstance(gold, int) and not isinstance(gold, bool) and 0 <= gold < len(known):
            return known[gold]
        if isinstance(gold, str):
            letter = gold.strip(" ().").upper()
            if len(letter) == 1 and letter in known:
                return letter
            named = self._by_text(item, gold)
            if named is not None:
                return named
        raise TaskError(f"item {item.id!r}: the gold answer {gold!r} is none of {', '.join(known)}")
