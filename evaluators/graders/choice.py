"""Answers that are one letter of several choices."""

import re
from string import ascii_uppercase
from typing import ClassVar, Final

from graphsearch.evaluators.graders._letters import (
    chosen,
    concluded,
    is_no_choice,
    last_letter,
    marked_letter,
    remaining,
    upright,
)
from graphsearch.evaluators.graders.base import ComparesAnswers
from graphsearch.evaluators.graders.final import Extract, final_answer
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Item

__all__ = ["ChoiceGrader"]

_TAIL: Final = 20_000
_LED: Final = re.compile(r"\W*([A-Z])\W{0,2}\s*,?\s*(?:since|because|as)\b")
"""A letter with its reason: `C, since A, B and D are wrong`."""
_DRESS: Final = re.compile(r"\\(?:text|textbf|mathbf|mathrm|boxed)\s*\{|[{}$*_`]")


class ChoiceGrader(ComparesAnswers):
    """Right when the chosen letter is the gold one.

    Choices are the item's `choices` (a list of up to 26 texts in `item.meta`), else the letters of
    `letters`. A gold answer is a letter, the text of a choice, or its number counted from 0; a
    number that is the text of another choice is refused.

    An answer is, in this order: the text of a choice; a letter alone, in brackets, before a
    bracket, colon or full stop, or before `because`, `is` and the like; the one choice whose text
    stands in it; the last letter that stands for a choice. A reply that marks none: what it
    concludes (`So option B is correct`), the letter of its first or last line, the last letter that
    stands for a choice. What is denied is not chosen, and `B or C` is no answer (`_letters.py`).

    Args:
        letters: letters in use where an item lists no choices.
        extract: where in a reply its final answer is; anything but `auto` asks for it there.
    """

    name = "choice"
    nothing = "no choice in the answer"
    prompt_set: ClassVar[str] = "chat-choice"

    def __init__(self, *, letters: str = "ABCDE", extract: Extract = "auto") -> None:
        if not letters or any(letter not in ascii_uppercase for letter in letters):
            raise TaskError(f"letters {letters!r} of the choice grader are not capitals A to Z")
        self._letters = letters
        self._extract: Extract = extract

    def parse(self, item: Item, text: str) -> str | None:
        """The chosen letter."""
        known = self._known(item)
        final = final_answer(text, self._extract)
        if final is None:
            return None if self._extract != "auto" else self._unmarked(item, text, known)
        final = _plain(final)
        found = self._by_text(item, final)
        if found is not None:
            return found
        letters = upright(final)
        left = remaining(letters, known)
        if left is not None:
            return left
        if is_no_choice(letters):
            return None
        return chosen(letters, known) or self._mentioned(item, final) or last_letter(letters, known)

    def compare(self, said: str, golds: str) -> tuple[float, str]:
        """Whether the letter is right."""
        return said == golds, f"{said}, gold is {golds}"

    def _unmarked(self, item: Item, text: str, known: str) -> str | None:
        """The choice of a reply that marks no answer."""
        tail = _plain(text[-_TAIL:])
        whole = self._by_text(item, tail)
        if whole is not None:
            return whole
        lines = [line for line in upright(tail).splitlines() if line.strip()]
        if not lines:
            return None
        by_text = self._by_text(item, lines[-1])
        if by_text is not None:
            return by_text
        left = remaining(lines[-1], known)
        if left is not None:
            return left
        if len(lines) == 1:
            led = _LED.match(lines[0])
            if led is not None and led[1] in known:
                return led[1]
            if is_no_choice(lines[0]):
                return concluded(lines[0], known)
        begun = [found for line in lines if (found := marked_letter(line, known))]
        if marked_letter(lines[-1], known) in [(letter, True) for letter in known]:
            return begun[-1][0]
        said = concluded("\n".join(lines), known)
        if said is not None:
            return said
        if len({letter for letter, _ in begun}) > 1:  # the choices, gone through one by one
            return self._mentioned(item, lines[-1]) if not marked_letter(lines[-1], known) else None
        for line in (lines[0], lines[-1]):
            found = marked_letter(line, known)
            if found is not None:
                return found[0]
        return last_letter("\n".join(lines), known) or self._mentioned(item, lines[-1])

    def _known(self, item: Item) -> str:
        choices = item.meta.get("choices")
        return ascii_uppercase[: len(choices)] if isinstance(choices, list) else self._letters

    @staticmethod
    def _texts(item: Item) -> list[str]:
        choices = item.meta.get("choices")
        return [_folded(str(c)) for c in choices] if isinstance(choices, list) else []

    def _by_text(self, item: Item, text: str) -> str | None:
        """The choice whose text this is; a letter in use means its own choice."""
        wanted = _folded(text)
        if len(wanted) == 1 and wanted.upper() in self._known(item):
            return None
        found = [
            letter
            for letter, choice in zip(ascii_uppercase, self._texts(item), strict=False)
            if choice == wanted
        ]
        return found[0] if len(found) == 1 else None

    def _mentioned(self, item: Item, text: str) -> str | None:
        """The choice whose text stands in a text that holds that of no other."""
        where = _folded(text)
        found = [
            (letter, choice)
            for letter, choice in zip(ascii_uppercase, self._texts(item), strict=False)
            if choice and re.search(rf"(?<!\w){re.escape(choice)}(?!\w)", where)
        ]
        longest = max((choice for _, choice in found), key=len, default="")
        letters = [letter for letter, choice in found if choice == longest]
        inside = all(choice in longest for _, choice in found)
        return letters[0] if inside and len(letters) == 1 else None

    def golds(self, item: Item) -> str:
        """The letter of the gold answer."""
        known = self._known(item)
        choices = item.meta.get("choices")
        if isinstance(choices, list) and not 1 <= len(choices) <= len(ascii_uppercase):
            raise TaskError(f"item {item.id!r}: {len(choices)} choices; 1 to 26 can be graded")
        gold = item.gold
        if isinstance(gold, int) and not isinstance(gold, bool) and 0 <= gold < len(known):
            named = self._by_text(item, str(gold))
            if named not in (None, known[gold]):
                raise TaskError(
                    f"item {item.id!r}: the gold answer {gold} is choice {known[gold]} by its "
                    f"place and choice {named} by its text; give its letter"
                )
            return known[gold]
        if isinstance(gold, str):
            letter = gold.strip(" ().").upper()
            if len(letter) == 1 and letter in known:
                return letter
            named = self._by_text(item, gold)
            if named is not None:
                return named
        raise TaskError(f"item {item.id!r}: the gold answer {gold!r} is none of {', '.join(known)}")


def _plain(text: str) -> str:
    return _DRESS.sub(" ", text).strip()


def _folded(text: str) -> str:
    return " ".join(text.split()).strip(" .").casefold()
