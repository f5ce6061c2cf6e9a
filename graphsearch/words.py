"""Words around numbers, for sentences that people read."""

__all__ = ["counted"]


def counted(count: int, noun: str) -> str:
    """A number with its noun: `1 call`, `1,200 calls`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
