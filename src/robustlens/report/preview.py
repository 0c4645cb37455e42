"""The picture that stands for the page where people share its address."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from robustlens.files import AnyPath, as_path, replacing
from robustlens.pictures import Drawn
from robustlens.result import Result

PREVIEW = "preview.png"
SIZE = (1200, 630)
"""As the sites that show previews ask for."""
PAPER = "#fcfbf8"
FIRST = ("generation", "sketch-to-image", "perception-alignment", "representation-inversion")
"""The studies whose pictures say most by themselves, the best first."""


def write_preview(folders: Sequence[AnyPath], path: Path) -> None:
    """Write the picture of the most telling run, whole on its ground; nothing without pictures."""
    results = sorted((Result.read(as_path(folder)) for folder in folders), key=_place)
    figures = (figure for result in results for figure in result.figures)
    figure = next((one for one in figures if isinstance(one, Drawn)), None)
    if figure is None:
        return
    with Image.open(figure.file("light")) as opened:
        picture = opened.convert("RGB")
    scale = min(SIZE[0] / picture.width, SIZE[1] / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    ground = Image.new("RGB", SIZE, PAPER)
    corner = ((SIZE[0] - size[0]) // 2, (SIZE[1] - size[1]) // 2)
    ground.paste(picture.resize(size, Image.Resampling.LANCZOS), corner)
    with replacing(path) as temporary:
        ground.save(temporary, format="PNG", optimize=True)


def _place(result: Result) -> int:
    return FIRST.index(result.study) if result.study in FIRST else len(FIRST)
