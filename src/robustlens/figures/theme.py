"""Colours, light and dark, safe for colour-blind eyes; and looks: never by colour alone.

THEMES["dark"].tone("bad")                       # "#f0935f"
Looks(LIGHT).take("a rule", "good", "line")      # Look(colour="#0b5c9e", style="-", ...)
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

from robustlens.errors import InputError, UnknownName


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

Style = Literal["-", "--", "-.", ":"]
Kind = Literal["line", "dots", "arrow"]

_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_STYLES: tuple[Style, ...] = ("-", "--", "-.", ":")


class Look(NamedTuple):
    """A colour, the dashes of lines and of arrows' shafts, and the marker of points."""

    colour: str
    style: Style
    shaft: Style
    marker: str


class Looks:
    """Hands out looks in the order of the names; a name keeps its look."""

    def __init__(self, theme: Theme) -> None:
        self._theme = theme
        self._colours: dict[str, tuple[str, str]] = {}  # name: tone, colour
        self._shades: Counter[str] = Counter()
        self._order: dict[Kind, dict[str, int]] = {"line": {}, "dots": {}, "arrow": {}}

    def take(self, name: str, tone: str, *kinds: Kind) -> Look:
        """Return the look of a name. Each kind uses up its own dashes or markers.

        Raises:
            InputError: a tone other than the one this name came with before.
            UnknownName: an unknown tone.
        """
        if name not in self._colours:
            self._colours[name] = (tone, self._theme.tone(tone, self._shades[tone]))
            self._shades[tone] += 1
        known, colour = self._colours[name]
        if known != tone:
            raise InputError(
                f"{name!r} in the tones {known!r} and {tone!r}",
                "one tone for a name",
                "change a tone or a name",
            )
        for kind in kinds:
            self._order[kind].setdefault(name, len(self._order[kind]))
        line, dots, arrow = (self._order[kind].get(name, 0) for kind in ("line", "dots", "arrow"))
        return Look(
            colour,
            _STYLES[line % len(_STYLES)],
            _STYLES[arrow % len(_STYLES)],
            _MARKERS[dots % len(_MARKERS)],
        )
