"""How things of several names differ: by colour, by dashes and by marker, never by colour alone.

looks = Looks(LIGHT)
looks.take("a rule", "good", line=True)      # Look(colour="#0b5c9e", style="-", marker="o")
looks.take("a rule", "good", line=True)      # the same again
"""

from collections import Counter
from typing import Literal, NamedTuple

from robustlens.errors import InputError
from robustlens.figures.theme import Theme

Style = Literal["-", "--", "-.", ":"]

_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_STYLES: tuple[Style, ...] = ("-", "--", "-.", ":")


class Look(NamedTuple):
    """A colour, a style of lines, a marker of points."""

    colour: str
    style: Style
    marker: str


class Looks:
    """Hands out looks in the order of the names; a name keeps its look."""

    def __init__(self, theme: Theme) -> None:
        self._theme = theme
        self._taken: dict[str, tuple[str, str]] = {}  # name: tone, colour
        self._shades: Counter[str] = Counter()
        self._styles: dict[str, Style] = {}
        self._markers: dict[str, str] = {}

    def take(self, name: str, tone: str, *, line: bool = False, dots: bool = False) -> Look:
        """Return the look of a name. Lines and dots use up styles and markers of their own.

        Raises:
            InputError: a tone other than the one this name came with before.
            UnknownName: an unknown tone.
        """
        if name not in self._taken:
            self._taken[name] = (tone, self._theme.tone(tone, self._shades[tone]))
            self._shades[tone] += 1
        known, colour = self._taken[name]
        if known != tone:
            raise InputError(
                f"{name!r} in the tones {known!r} and {tone!r}",
                "one tone for a name",
                "change a tone or a name",
            )
        if line:
            self._styles.setdefault(name, _STYLES[len(self._styles) % len(_STYLES)])
        if dots:
            self._markers.setdefault(name, _MARKERS[len(self._markers) % len(_MARKERS)])
        style = self._styles.get(name, _STYLES[0])
        return Look(colour, style, self._markers.get(name, _MARKERS[0]))
