"""How things of several names differ: by colour, and by dashes or marks, never by colour alone.

looks = Looks(LIGHT)
looks.take("a rule", "good", "line")      # Look(colour="#0b5c9e", style="-", ...)
looks.take("a rule", "good", "line")      # the same again
"""

from collections import Counter
from typing import Literal, NamedTuple

from robustlens.errors import InputError
from robustlens.figures.theme import Theme

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
