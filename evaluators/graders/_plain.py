"""What many graders share."""

from typing import Any

from graphsearch.calls import canonical_json
from graphsearch.tasks import Item

__all__ = ["NoClaims", "fingerprint", "shown"]

_LONGEST_SHOWN = 200


class NoClaims:
    """Base of graders of answers that say nothing about their own success."""

    def claims(self, item: Item, text: str) -> bool | None:
        """Replies make no claim about themselves."""
        return None


def fingerprint(name: str, rules: int, **options: Any) -> str:
    """What the verdicts of a grader depend on, beside item and answer.

    Args:
        name: of the grader.
        rules: raised with every change of the grader that may change a verdict.
        **options: JSON values.
    """
    return f"{name} {rules} {canonical_json(options)}"


def shown(text: str) -> str:
    """A text short enough for a sentence."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."
