"""Colours of the report: Okabe and Ito's palette, which colour-blind readers can tell apart."""

from collections.abc import Sequence

__all__ = ["BASELINE", "UNKNOWN_MODEL", "WINNER", "assigned", "shade", "tint"]

WINNER = "#1b4f9c"
BASELINE = "#c2571a"
UNKNOWN_MODEL = "#5b6470"

_OKABE_ITO = (
    "#56b4e9",
    "#009e73",
    "#e69f00",
    "#cc79a7",
    "#0072b2",
    "#d55e00",
    "#b8a800",
    "#5b6470",
)


def assigned(names: Sequence[str], *, skip: int = 0) -> dict[str, str]:
    """A colour per name, in order, beginning at colour `skip`; repeats after eight."""
    return {name: _OKABE_ITO[(index + skip) % len(_OKABE_ITO)] for index, name in enumerate(names)}


def tint(colour: str, share: float = 0.14) -> str:
    """The colour mixed into white: `share` of it."""
    return _mixed("#ffffff", colour, share)


def shade(share: float) -> str:
    """A step of the one-hue ramp from white (0) to deep blue (1), for probabilities."""
    share = min(max(share, 0.0), 1.0)
    if share < 0.5:
        return _mixed("#f3f6fa", "#6ba3d6", share * 2)
    return _mixed("#6ba3d6", "#0b2f66", share * 2 - 1)


def _mixed(a: str, b: str, share: float) -> str:
    pairs = zip(bytes.fromhex(a[1:]), bytes.fromhex(b[1:]), strict=True)
    return "#" + "".join(f"{round(x + (y - x) * share):02x}" for x, y in pairs)
