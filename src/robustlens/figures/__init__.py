"""Pictures drawn: data of `pictures` in, crisp PNG files out, light and dark.

    save_pictures(result.figures, Path("runs/robust-erm"))   # attack-light.png, attack-dark.png
    figure = draw(picture, THEMES["dark"])                   # a matplotlib Figure

Nothing else in the package imports matplotlib. No pyplot, no global state: the same picture gives
the same bytes.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from robustlens.errors import InputError
from robustlens.figures.bars import draw_bars
from robustlens.figures.curves import draw_curves
from robustlens.figures.gallery import draw_gallery
from robustlens.figures.plane import draw_plane
from robustlens.figures.surfaces import draw_surfaces
from robustlens.figures.theme import DARK, LIGHT, THEMES, Theme
from robustlens.files import AnyPath, as_path, replacing
from robustlens.pictures import Bars, Drawn, Gallery, Picture, Plane, Surfaces

__all__ = ["DARK", "LIGHT", "THEMES", "Theme", "draw", "save_pictures"]


def draw(picture: Picture, theme: Theme) -> Figure:
    """Return the picture drawn in the colours of `theme`.

    Raises:
        InputError: what cannot be drawn, such as images that are not (1 or 3, h, w), series whose
            lengths differ, or a plane without sheets.
    """
    if isinstance(picture, Gallery):
        return draw_gallery(picture, theme)
    if isinstance(picture, Surfaces):
        return draw_surfaces(picture, theme)
    if isinstance(picture, Plane):
        return draw_plane(picture, theme)
    if isinstance(picture, Bars):
        return draw_bars(picture, theme)
    return draw_curves(picture, theme)


def save_pictures(pictures: Sequence[Picture | Drawn], folder: AnyPath) -> None:
    """Write <name>-light.png and <name>-dark.png for each picture, each file whole or not at all.

    What is drawn already is copied.

    Raises:
        InputError: as `draw`; two pictures of one name; a name that is no file name; a file that
            is not there.
    """
    _check_names([picture.name for picture in pictures])
    for picture in pictures:
        for name in THEMES:
            _save(picture, name, as_path(folder) / f"{picture.name}-{name}.png")


def _save(picture: Picture | Drawn, theme: str, path: Path) -> None:
    if isinstance(picture, Drawn):
        content = picture.file(theme).read_bytes()
        with replacing(path) as temporary:
            temporary.write_bytes(content)
        return
    figure = draw(picture, THEMES[theme])
    with replacing(path) as temporary:
        # Without "Software" the file does not tell the version of matplotlib: bytes are a function
        # of the picture.
        figure.savefig(temporary, format="png", dpi="figure", metadata={"Software": None})


def _check_names(names: Sequence[str]) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise InputError(f"{times} pictures named {name!r}", "a name of its own for each")
        if Path(name).name != name:
            raise InputError(f"a picture named {name!r}", "a plain file name", "leave folders out")
