"""Questions that are nearly the same.

A question's *normal form* is the list of its words and signs, in small letters, without the marks
that end or quote sentences. In a text of ten words or more, every number stands for any number:
there the words pose the problem and the numbers are but its values, so two such questions have one
derivation and are one problem for whoever learns from them. In a shorter text ("17 * 23 =") the
numbers are the question, and stay.

Chinese, Japanese, Thai, Lao, Khmer and Burmese put no blanks between words. Where their letters
stand side by side, in a text of any language, a "word" is each run of as many letters as a word has
there (`_LETTERS`), so that three neighbours are about as much text as three words are elsewhere.

Two questions are near when the sets of three neighbours in their normal forms overlap by a share
of `threshold` (Jaccard). Pairs are found exactly, not by luck: two sets that overlap so much must
share one of the rarest members of each (prefix filtering: Chaudhuri, Ganti, Kaushik 2006), so only
questions that share a rare member are compared (`_join_near`). What is found depends on the set of
questions alone, not on their order.
"""

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import accumulate, groupby
from typing import Final, NamedTuple

__all__ = ["THRESHOLD", "Groups", "near_groups", "normal_form"]

THRESHOLD: Final = 0.8
"""Share of neighbours in common from which on two questions count as one."""

WORDS_FOR_VALUES: Final = 10
"""Words beside numbers from which on numbers are but values."""

_SIZE: Final = 3
_LONGEST: Final = 3000
"""Words of a text that are compared, so that long documents fit into memory."""
_BITS: Final = 32
_EPS: Final = 1e-9
"""Counts are whole; what is added up to compare with them is not."""
_TOKEN: Final = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+|[^\w\s]|_")
_MARKS: Final = frozenset(".,;:!?'\"`´‘’“”…")

_LETTERS: Final = {
    # Han, with its signs for "again" and "zero"; Hiragana; Katakana.
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af\u3005\u3007"
    r"\u3041-\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff": 2,
    # Thai, Lao, Burmese, Khmer: letters with what stands above and below them, no digits.
    r"\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf"
    r"\u1000-\u103f\u1050-\u108f\u109a-\u109d\u1780-\u17d3\u17d7\u17dc\u17dd": 4,
}
"""Letters of a word in scripts that put no blanks between words."""
_CLOSE: Final = re.compile(f"[{''.join(_LETTERS)}]")
_KINDS: Final = [(re.compile(f"[{letters}]"), size) for letters, size in _LETTERS.items()]
_CLOSE_TOKEN: Final = re.compile(
    rf"{_CLOSE.pattern}|\d+(?:[.,]\d+)*|(?:(?!{_CLOSE.pattern})[^\W\d_])+|[^\w\s]|_"
)
_CLOSE_MARKS: Final = _MARKS | frozenset("。、「」『』\u104a\u104b\u17d4\u17d5\u200b")


def normal_form(text: str) -> tuple[str, ...]:
    """Words and signs of a text, as they are compared."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    if _CLOSE.search(plain) is None:
        tokens = [token for token in _TOKEN.findall(plain) if token not in _MARKS]
        words: float = sum(token[0].isalpha() for token in tokens)
    else:
        parts = [token for token in _CLOSE_TOKEN.findall(plain) if token not in _CLOSE_MARKS]
        tokens = []
        for size, together in groupby(parts, _letters):
            if size == 1:
                tokens.extend(together)
                continue
            # Letters that stand side by side without blanks are overlapping runs.
            run = "".join(together)
            tokens += [run[at : at + size] for at in range(max(1, len(run) - size + 1))]
        words = sum(_share(t) for t in tokens if t[0].isalpha() or _CLOSE.match(t))
    if words >= WORDS_FOR_VALUES:
        tokens = ["#" if token[0].isdecimal() else token for token in tokens]
    return tuple(tokens) or (plain.strip(),)


def _letters(token: str) -> int:
    """Letters of a word in the script that a token begins with; 1 where blanks part words."""
    return next((size for letters, size in _KINDS if letters.match(token)), 1)


def _share(token: str) -> float:
    """Words that a token counts for: one in four where each of four letters begins a run."""
    return 1 / _letters(token)


def near_groups(forms: Sequence[tuple[str, ...]], threshold: float = THRESHOLD) -> list[int]:
    """Which normal forms belong together: near ones do, and those near to one of them.

    Args:
        forms: normal forms, one a question.
        threshold: least overlap, in (0, 1]; 1 asks for equal sets.

    Returns:
        For each form the place of the first form of its group.
    """
    distinct: dict[frozenset[int], int] = {}
    ids: dict[str, int] = {}
    first_of = []
    for i, form in enumerate(forms):
        # Of a long form as much as `_LONGEST` words are; each run of three is one number.
        if len(form) > _LONGEST:
            form = form[: sum(words <= _LONGEST for words in accumulate(map(_share, form)))]
        numbers = [ids.setdefault(token, len(ids) + 1) for token in form]
        numbers += [0] * (_SIZE - len(numbers))  # a shorter form is one run
        runs = zip(numbers, numbers[1:], numbers[2:], strict=False)
        runs_of = frozenset((a << 2 * _BITS) | (b << _BITS) | c for a, b, c in runs)
        first_of.append(distinct.setdefault(runs_of, i))
    joined = Groups(len(forms))
    _join_near(distinct, joined, threshold)
    return [joined.root(first) for first in first_of]


class Groups:
    """Disjoint groups of places; the smallest place stands for its group."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def root(self, place: int) -> int:
        """The place that stands for the group of `place`."""
        above = self._above
        while above[place] != place:
            above[place] = above[above[place]]
            place = above[place]
        return place

    def join(self, one: int, other: int) -> None:
        """Make one group of two."""
        low, high = sorted((self.root(one), self.root(other)))
        self._above[high] = low


class _Met(NamedTuple):
    """Sets met before that have a member in common, as far as one look can tell them apart.

    Attributes:
        size: how many members each has.
        after: how many of them are less rare than the common one.
        groups: the sets by the group that each belonged to when it was met.
    """

    size: int
    after: int
    groups: defaultdict[int, list[tuple[int, frozenset[int]]]]


def _join_near(distinct: dict[frozenset[int], int], joined: Groups, threshold: float) -> None:
    """Join the sets that overlap enough.

    Sets come by size, so that a set meets only smaller ones. Those met before are listed under
    their rare members. The first rare member that two sets share bounds what they can have in
    common: it, and what is less rare in both (Xiao et al. 2008); so most are told apart without
    being compared. Of a group that a set belongs to already, nothing more has to be compared.
    """
    often = Counter(member for found in distinct for member in found)
    met: defaultdict[int, dict[tuple[int, int], _Met]] = defaultdict(dict)
    for found in sorted(distinct, key=len):
        own, size = distinct[found], len(found)
        members = sorted(found, key=lambda member: (often[member], member))
        rare = [
            (member, size - at - 1)
            for at, member in enumerate(members[: size - math.ceil(threshold * size - _EPS) + 1])
            if often[member] > 1
        ]
        compared: set[int] = set()
        for member, after in rare:
            for others in met[member].values():
                least = threshold / (1 + threshold) * (size + others.size) - _EPS
                if 1 + min(after, others.after) >= least:
                    _compare(found, own, others.groups, compared, joined, least)
        for member, after in rare:
            others = met[member].setdefault((size, after), _Met(size, after, defaultdict(list)))
            others.groups[joined.root(own)].append((own, found))


def _compare(
    found: frozenset[int],
    own: int,
    groups: dict[int, list[tuple[int, frozenset[int]]]],
    compared: set[int],
    joined: Groups,
    least: float,
) -> None:
    """Join a set with every group of which one has at least `least` members in common with it."""
    for root, others in groups.items():
        if joined.root(root) == joined.root(own):
            continue
        for other, its in reversed(others):
            if other in compared:
                continue
            compared.add(other)
            if len(found & its) >= least:
                joined.join(own, other)
                break
