"""From people's pictures to a picture for them: read, brought to the net, made, and put back.

work = Work(FORMS["translate"], painter, Translate(to="church"))
done = work.done(image=photo)
done.picture, done.walk, done.outcome, done.how
"""

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from PIL import Image
from torch import Tensor

from robustlens.errors import InputError
from robustlens.types import Images
from robustlens.vision.canvas import Fit, Placed, changed, filled, place, shrunk_mask, without_hole
from robustlens.vision.forms import Form
from robustlens.vision.makers import make
from robustlens.vision.outcome import Given, Outcome
from robustlens.vision.painter import Painter
from robustlens.vision.photo import Photo, drawn, pixels
from robustlens.vision.sheet import enlarged_whole, sheet
from robustlens.vision.starts import enlarged

FRAMES = 25
LARGEST_FRAME = 480
"""Pixels along a frame at most: animations are to be sent to people."""
VALUES = 3_000_000
"""Numbers in what is cut into tiles at most: a net keeps a hundred times as many in memory."""


class Done(NamedTuple):
    """A picture for people, those it consists of, the walk in frames, and what was done."""

    picture: Image.Image
    parts: tuple[Image.Image, ...]  # one by one, as large as the net makes them
    walk: tuple[Image.Image, ...]
    outcome: Outcome
    how: str  # to the picture, in words


@dataclass(frozen=True, eq=False)
class Work:
    """A tool, a painter and settings, to be used on a person's pictures."""

    form: Form
    painter: Painter
    ask: Any
    tiles: bool = False  # work on a large picture tile by tile
    moving: bool = False  # keep frames of the walk

    def done(
        self, image: Photo | None = None, second: Photo | None = None, mask: Tensor | None = None
    ) -> Done:
        """Return what the tool makes of pictures; `mask` (h, w) is of the size of `image`.

        Raises:
            InputError: as `makers.make`, a mask that covers nothing, or everything of what is to
                be filled, tiles for a tool that has none, or too large a picture.
        """
        if self.tiles and not (self.form.tiles and image is not None):
            raise InputError(
                f"{self.form.id} in tiles", "a tool that works on any part", "leave out --tiles"
            )
        if image is None:
            return self._free()
        self._check(mask)
        if self.form.back == "hole" and mask is not None:
            image = image._replace(image=without_hole(image.image, mask))
        placed = self._placed(image.image)
        given = Given(
            placed.x,
            None if second is None else self._like(second.image, placed),
            None if mask is None else shrunk_mask(mask, placed),
            FRAMES if self.moving else 0,
        )
        outcome = make(self.form.id, self.painter, self.ask, given)
        return self._returned(placed, outcome, mask)

    def _check(self, mask: Tensor | None) -> None:
        if mask is not None and not bool(mask.any()):
            raise InputError(
                "a mask that covers nothing",
                "white pixels, where the picture may change",
                "is it inverted?",
            )
        if mask is not None and self.form.back == "hole" and bool(mask.all()):
            raise InputError(
                "a mask that covers everything",
                "black pixels, where the picture is known",
                "make a whole picture with generate or translate",
            )

    def _placed(self, image: Image.Image) -> Placed:
        """Return the picture as the net takes it; what will be enlarged is not resized."""
        factor = getattr(self.ask, "factor", 1.0)
        large = round(image.width * factor), round(image.height * factor)
        fit: Fit = "tiles" if self.tiles else "whole"
        if factor != 1.0 and not self.tiles:
            near = max(large) <= 1.5 * max(self.painter.shape[1:])
            fit = "as it is" if near else "tiles"
        values = math.prod(large) * self.painter.shape[0]
        if values > VALUES and fit != "whole":
            raise InputError(
                f"{large[0]} x {large[1]} pixels in tiles of {self.painter.shape[2]}",
                f"at most {VALUES / self.painter.shape[0] / 1e6:.1f} million pixels",
                f"make the picture smaller, or {'--factor' if factor != 1.0 else 'no --tiles'}",
            )
        return place(image, self.painter, fit=fit, shrink=factor)

    def _like(self, image: Image.Image, placed: Placed) -> Images:
        """Return a second picture, its middle cut and resized to what the net sees of the first."""
        h, w = placed.x.shape[2:]
        other = replace(self.painter, shape=(self.painter.shape[0], h, w))
        return place(image, other, fit="square").x

    def _free(self) -> Done:
        """Make pictures out of nothing."""
        given = Given(frames=FRAMES if self.moving else 0)
        outcome = make(self.form.id, self.painter, self.ask, given)
        x, frames = outcome.made.images, outcome.made.frames
        h, w = x.shape[2:]
        how = f"{len(x)} picture{'s' * (len(x) > 1)} of {w} x {h} pixels"
        walk = () if frames is None else tuple(sheet(f) for f in frames)
        return Done(sheet(x), tuple(map(drawn, x)), walk, outcome, how)

    def _returned(self, placed: Placed, outcome: Outcome, mask: Tensor | None) -> Done:
        made, back = outcome.made, self.form.back
        if back == "row":
            parts = tuple(map(drawn, made.images))
            row = tuple(map(enlarged_whole, parts))
            walk = (*row, *row[-2:0:-1]) if self.moving else ()
            h, w = made.images.shape[2:]
            how = f"{len(parts)} pictures of {w} x {h} pixels"
            picture = sheet(made.images, outcome.points)
            return Done(picture, parts, walk, outcome, f"{placed.how.split(' and back')[0]}; {how}")
        if back == "whole":
            blank = Image.new(placed.image.mode, placed.image.size)
            placed = placed._replace(image=blank)
            start = torch.zeros_like(made.start)
        else:
            start = made.start
        if getattr(self.ask, "factor", 1.0) != 1.0:
            placed = _enlarged(placed, self.ask.factor)

        def put(x: Images) -> Image.Image:
            if back == "hole":
                assert mask is not None
                return filled(placed, x, mask)
            return changed(placed, x - start, mask)

        picture = put(made.images)
        placed = _small(placed)  # for the frames
        frames = () if made.frames is None else tuple(enlarged_whole(put(f)) for f in made.frames)
        return Done(picture, tuple(map(drawn, made.images)), frames, outcome, placed.how)


def _enlarged(placed: Placed, factor: float) -> Placed:
    """Return a picture in large, as `upscale` begins, with its boxes."""
    image = drawn(enlarged(pixels(placed.image), factor, "bicubic")[0])
    boxes = []
    for left, top, right, bottom in placed.boxes:
        x, y = round(left * factor), round(top * factor)
        size = (round((right - left) * factor), round((bottom - top) * factor))
        boxes.append((x, y, min(x + size[0], image.width), min(y + size[1], image.height)))
    w, h = placed.image.size
    how = f"{w} x {h} enlarged to {image.width} x {image.height}, {placed.how}"
    return placed._replace(image=image, boxes=tuple(boxes), how=how)


def _small(placed: Placed) -> Placed:
    """Return a picture of a size to be sent, with its boxes; a small one as it is."""
    times = LARGEST_FRAME / max(placed.image.size)
    if times >= 1:
        return placed
    w, h = (max(1, round(side * times)) for side in placed.image.size)
    across, down = w / placed.image.width, h / placed.image.height
    boxes = tuple(
        (round(left * across), round(top * down), round(right * across), round(bottom * down))
        for left, top, right, bottom in placed.boxes
    )
    image = placed.image.resize((w, h), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return placed._replace(image=image, boxes=boxes)
