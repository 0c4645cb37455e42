"""How a picture of any size becomes the pixels that a net reads: what is resized, what is cut out.

Framing(64, 64)                                    # the middle square, resized to 64x64
Framing(224, 224, before=256, resample="bicubic")  # shorter side to 256, the middle 224x224
Framing(224, 224, before=(224, 224))               # stretched to 224x224
"""

from dataclasses import dataclass
from typing import Literal

from PIL import Image

from robustlens.errors import InputError, UnknownName

RESAMPLES = {
    "nearest": Image.Resampling.NEAREST,
    "lanczos": Image.Resampling.LANCZOS,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
}
"""Pillow's filters by name; what makes a picture smaller averages over what it covers."""


@dataclass(frozen=True)
class Framing:
    """How a picture becomes `height` x `width` pixels.

    Raises `InputError` for a side under 1, `UnknownName` for another filter.
    """

    height: int
    width: int
    before: int | tuple[int, int] | None = None
    """What a picture is resized to before its middle is cut out: its shorter side, or (height,
    width) whatever its shape; None: its largest middle part of the right shape, then resized."""
    resample: str = "lanczos"
    channels: Literal[1, 3] | None = None  # grey or colour; None: as the pictures are

    def __post_init__(self) -> None:
        sides = self.before if isinstance(self.before, tuple) else (self.before or 1,)
        if min(self.height, self.width, *sides) < 1:
            raise InputError(f"{self}", "sides of at least 1 pixel", "change --size")
        if self.resample not in RESAMPLES:
            raise UnknownName("filter", self.resample, RESAMPLES)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in Pillow's order."""
        return self.width, self.height

    @property
    def cuts(self) -> bool:
        """Whether pictures that have the size already are changed all the same."""
        if isinstance(self.before, int):
            return self.before != min(self.height, self.width)
        return self.before not in (None, (self.height, self.width))

    def __str__(self) -> str:
        """Return what is done with each picture, in words."""
        goal, by = f"{self.width}x{self.height}", self.resample.capitalize()
        if self.before is None:
            part = "square" if self.width == self.height else f"part of the shape {goal}"
            return f"the middle {part} of each, resized to {goal} ({by})"
        if isinstance(self.before, int):
            first = f"the shorter side of each resized to {self.before} ({by})"
        else:
            first = f"each stretched to {self.before[1]}x{self.before[0]} ({by})"
            if self.before == (self.height, self.width):
                return first
        return f"{first}, the middle {goal} cut out"


Size = int | Framing | None
"""To which size pictures are brought: a side of a square, a framing, or as they are."""


def framing_of(size: Size) -> Framing | None:
    """Return the framing that is meant: a number is the side of a square."""
    return Framing(size, size) if isinstance(size, int) else size


def framed(image: Image.Image, how: Framing) -> Image.Image:
    """Return the picture in its frame; where it is smaller than what is cut out, black is added."""
    resample = RESAMPLES[how.resample]
    if how.before is None:
        # Cut first: ImageOps.fit lets what is cut away bleed into the border.
        width = min(image.width, max(1, image.height * how.width // how.height))
        height = min(image.height, max(1, image.width * how.height // how.width))
        return _middle(image, width, height).resize(how.size, resample)
    if isinstance(how.before, tuple):
        height, width = how.before
    else:
        short = min(image.size)
        width, height = (max(1, side * how.before // short) for side in image.size)
    if image.size != (width, height):
        image = image.resize((width, height), resample)
    return image if image.size == how.size else _middle(image, *how.size)


def _middle(image: Image.Image, width: int, height: int) -> Image.Image:
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))
