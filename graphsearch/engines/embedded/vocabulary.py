"""The words of the embedded fleet, and the pure text functions that go with them.

Every model of the fleet shares one vocabulary: one token per word, words separated by white space.
So a tokenizer is a dictionary, a token count is a word count, and a message can be rewritten
without a model.

Answers are step traces. A solver labels its steps ``A B C``; a candidate shown to a refiner or a
fuser carries labels of its own (``a1 a2 a3`` for the candidate with tag ``a``), so that copying one
of them is one look-up for an induction head. `relabel` makes a candidate of a message, `normalise`
makes a message of a reply.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = [
    "CANDIDATE_TAGS",
    "CLAIM",
    "DENIAL",
    "EOS",
    "IDS",
    "MAX_NUMBER",
    "PAD",
    "STEP_LABELS",
    "UNKNOWN",
    "WORDS",
    "candidate",
    "candidate_label",
    "decode",
    "encode",
    "normalise",
    "relabel",
]

PAD: Final = "<pad>"
EOS: Final = "<eos>"
UNKNOWN: Final = "<unk>"
CLAIM: Final = "="
DENIAL: Final = "~"
MAX_NUMBER: Final = 49
STEP_LABELS: Final = ("A", "B", "C")
CANDIDATE_TAGS: Final = tuple("abcdefgh")
OPERATION_COUNT: Final = 144  # 128 with facts, 16 blank ones for training rows that teach reading
STATE_COUNT: Final = 32


def candidate_label(tag: str, step: int) -> str:
    """Label of one step of a candidate: tag ``b``, step 0 -> ``b1``."""
    return f"{tag}{step + 1}"


def _words() -> tuple[str, ...]:
    labels = [
        candidate_label(tag, step) for tag in CANDIDATE_TAGS for step in range(len(STEP_LABELS))
    ]
    return (
        *(PAD, EOS, UNKNOWN),
        *("P", "E", "S", "R", "F", ">", ":", CLAIM, DENIAL, "|", "+", "-", "*", "/"),
        *STEP_LABELS,
        *CANDIDATE_TAGS,
        *labels,
        *(str(number) for number in range(MAX_NUMBER + 1)),
        *(f"o{index}" for index in range(OPERATION_COUNT)),
        *(f"s{index}" for index in range(STATE_COUNT)),
    )


WORDS: Final = _words()
IDS: Final = {word: index for index, word in enumerate(WORDS)}
_STEP_OF_LABEL: Final = {
    candidate_label(tag, step): label
    for tag in CANDIDATE_TAGS
    for step, label in enumerate(STEP_LABELS)
}


def encode(text: str) -> list[int]:
    """Token ids of a text; words outside the vocabulary become the id of ``<unk>``."""
    return [IDS.get(word, IDS[UNKNOWN]) for word in text.split()]


def decode(ids: Sequence[int]) -> str:
    """Text of token ids, cut at the first ``<eos>``; padding is left out.

    Raises:
        IndexError: An id is outside the vocabulary.
    """
    words: list[str] = []
    for index in ids:
        word = WORDS[index]
        if word == EOS:
            break
        if word != PAD:
            words.append(word)
    return " ".join(words)


def normalise(text: str) -> str:
    """Message of a reply: no pointer, no end mark, step labels ``A B C``.

    The pointer is the first token of a refiner's or fuser's puzzle answer: the tag of the candidate
    it copies, or ``~`` when it writes a new answer. A text without pointer is returned as it is, up
    to white space; so the function may be applied twice.
    """
    words = text.split()
    if EOS in words:
        words = words[: words.index(EOS)]
    if words and (words[0] in CANDIDATE_TAGS or words[0] == DENIAL):
        words = words[1:]
    return " ".join(_STEP_OF_LABEL.get(word, word) for word in words)


def relabel(message: str, tag: str, *, verdict: bool = True) -> str:
    """Candidate of a message: its step labels ``A B C`` become those of candidate `tag`.

    Args:
        message: A message as `normalise` returns it.
        tag: One of `CANDIDATE_TAGS`.
        verdict: False leaves out the closing ``=`` or ``~``, so that the reader has to check for
            itself.

    Raises:
        ValueError: `tag` is not a candidate tag.
    """
    if tag not in CANDIDATE_TAGS:
        raise ValueError(f"tag {tag!r} is not one of {' '.join(CANDIDATE_TAGS)}")
    words = message.split()
    if not verdict and words and words[-1] in (CLAIM, DENIAL):
        words = words[:-1]
    steps = {label: candidate_label(tag, step) for step, label in enumerate(STEP_LABELS)}
    return " ".join(steps.get(word, word) for word in words)


def candidate(message: str, place: int) -> str:
    """A message as a refiner or fuser reads it (``a a1 ... a`` for place 0).

    Raises:
        ValueError: `place` is not below the number of tags; these models read eight candidates at
        most.
    """
    if not 0 <= place < len(CANDIDATE_TAGS):
        raise ValueError(f"candidate {place + 1} of a prompt; there may be {len(CANDIDATE_TAGS)}")
    tag = CANDIDATE_TAGS[place]
    return f"{tag} {relabel(message, tag)} {tag}"
