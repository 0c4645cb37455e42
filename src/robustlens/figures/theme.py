"""Colours: one light theme, one dark, both legible and safe for colour-blind eyes.

THEMES["dark"].tone("bad")      # "#f0935f"
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from robustlens.errors import UnknownName


@dataclass(frozen=True, kw_only=True)
class Theme:
    """Colours of a picture. A tone has several shades, for several series of one tone."""

    background: str
    text: str
    muted: str
    grid: str
    good: tuple[str, ...]
    bad: tuple[str, ...]
    plain: tuple[str, ...]

    def tone(self, name: str, shade: int = 0) -> str:
        """Return a shade of a tone; shades repeat. Raise `UnknownName` for another tone."""
        tones = {"good": self.good, "bad": self.bad, "plain": self.plain}
        if name not in tones:
            raise UnknownName("tone", name, tones)
        return tones[name][shade % len(tones[name])]


# Blue against vermilion stays apart in every common kind of colour blindness; contrast with the
# background is at least 4.5 to 1, so that words may wear these colours too.
LIGHT = Theme(
    background="#fcfbf8",
    text="#1d1f23",
    muted="#5f636b",
    grid="#dddad3",
    good=("#0b5c9e", "#2f78b7"),
    bad=("#b23a0c", "#95541f"),
    plain=("#3d4148", "#7a4b96", "#5c6b1e", "#6b6f78"),
)
DARK = Theme(
    background="#15171b",
    text="#e9e7e2",
    muted="#a3a6ad",
    grid="#34373e",
    good=("#6db3ee", "#a2d0f7"),
    bad=("#f0935f", "#f5bd8a"),
    plain=("#d3d1cb", "#c9a3e0", "#bcc878", "#9da1a9"),
)

THEMES: Mapping[str, Theme] = MappingProxyType({"light": LIGHT, "dark": DARK})
"""The themes by name; the name becomes part of the file name."""
