"""What many graders share."""

from graphsearch.tasks import Item

__all__ = ["NoClaims", "shown"]

_LONGEST_SHOWN = 200


class NoClaims:
    """Base of graders of answers that say nothing about their own success."""

    def claims(self, item: Item, text: str) -> bool | None:
        """Replies make no claim about themselves."""
        return None


def shown(text: str) -> str:
    """A text short enough for a sentence."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."
