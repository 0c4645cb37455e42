"""A picture of any size and a net of one: resized or cut into tiles, and what was made put back.

    placed = place(photo.image, painter)             # or place(photo.image, painter, tiles=True)
    placed.x, placed.how                             # (t, c, h, w), and what was done in words
    changed(photo.image, placed, made.images - made.start)      # a picture of the size it had

At the net's own size nothing is resized. Elsewhere the change is enlarged and added to the picture,
which keeps its detail; a hole is filled with what was made, enlarged.
"""

import math
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from robustlens.types import Images
from robustlens.vision.painter import Painter
from robustlens.vision.photo import pixels

LONGEST = 3.0
"""How many times as long as wide a picture may be to be seen whole; of others the middle is."""
OVERLAP = 0.25

Box = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels of the picture."""


class Placed(NamedTuple):
    """A picture as a net gets it: what part of it each image is, and what was done in words."""

    x: Images  # (t, c, h, w)
    image: Image.Image  # the picture that the boxes are of: enlarged, where it was too small
    boxes: tuple[Box, ...]
    how: str


Fit = Literal["whole", "square", "tiles", "as it is"]


def place(
    image: Image.Image, painter: Painter, *, fit: Fit = "whole", shrink: float = 1.0
) -> Placed:
    """Return a picture as the net takes it.

    Args:
        fit: "whole", resized (Lanczos) so that its shorter side is the net's; "square", its middle
            resized to the net's size, as is also done where the net takes nothing else or the
            picture is very long; "tiles", cut into overlapping squares of the net's size, for
            parts of it each; "as it is". A picture smaller than the net's is enlarged for good.
        shrink: tiles are so many times smaller than the net's: for what will be enlarged by it.
    """
    _, height, width = painter.shape
    if fit == "as it is":
        whole = (0, 0, *image.size)
        return Placed(
            pixels(image).to(painter.device), image, (whole,), "seen by the net as a whole"
        )
    if fit == "tiles":
        found = _cut(image, (round(width / shrink), round(height / shrink)))
        return found._replace(x=found.x.to(painter.device))
    image, enlarged = _at_least(image, (width, height))
    w, h = image.size
    if (w, h) == (width, height):
        how = enlarged or f"its {w} x {h} pixels are what the net takes"
        return Placed(pixels(image).to(painter.device), image, ((0, 0, w, h),), how)
    times = max(width / w, height / h)
    low = (max(width, round(w * times)), max(height, round(h * times)))
    long = max(low[0] / width, low[1] / height)
    if fit == "whole" and long <= LONGEST and painter.takes(low[1], low[0]):
        small = image.resize(low, Image.Resampling.LANCZOS, reducing_gap=3.0)
        how = f"resized to {low[0]} x {low[1]} for the net and back to {w} x {h}"
        box = (0, 0, w, h)
    else:
        box = _middle((w, h), width / height)
        small = image.resize((width, height), Image.Resampling.LANCZOS, box, reducing_gap=3.0)
        size = f"{box[2] - box[0]} x {box[3] - box[1]}"
        how = f"the middle, {size} pixels, resized to {width} x {height} for the net and back"
    how = enlarged if low == image.size else f"{enlarged}, {how}" if enlarged else how
    return Placed(pixels(small).to(painter.device), image, (box,), how)


def shrunk_mask(mask: Tensor, placed: Placed) -> Tensor:
    """Return a mask (h, w) of the picture as the net's: True where any pixel under one is."""
    (left, top, right, bottom), (h, w) = placed.boxes[0], placed.x.shape[2:]
    part = Image.fromarray(mask.numpy().astype(np.uint8) * 255)
    if part.size != placed.image.size:
        part = part.resize(placed.image.size, Image.Resampling.NEAREST)
    part = part.crop((left, top, right, bottom))
    if part.size == (w, h):
        return torch.from_numpy(np.asarray(part) > 0)
    share = np.asarray(part, dtype=np.float32) / 255
    covered = np.asarray(Image.fromarray(share).resize((w, h), Image.Resampling.BOX))
    return torch.from_numpy(covered > 1e-6)


def changed(placed: Placed, change: Tensor, mask: Tensor | None = None) -> Image.Image:
    """Return the picture with a change of each of its images (t, c, h, w) added, enlarged.

    Where several images meet they are mixed, each less towards its edges. With a mask (h, w) of
    the picture, pixels elsewhere stay as they are.
    """
    image = placed.image
    base = np.asarray(image, dtype=np.float32).reshape(image.height, image.width, -1)
    out = np.empty(base.shape, np.uint8)
    weight = _weights(placed)
    where = _mask_of(mask, image)
    for channel in range(base.shape[2]):
        total = np.zeros(base.shape[:2], np.float32)
        for one, box, share in zip(change[:, channel], placed.boxes, weight, strict=True):
            size = (box[2] - box[0], box[3] - box[1])
            part = Image.fromarray(one.detach().float().cpu().numpy())
            part = part if part.size == size else part.resize(size, Image.Resampling.BICUBIC)
            total[box[1] : box[3], box[0] : box[2]] += np.asarray(part) * share
        level = base[:, :, channel] + (255 * total if where is None else 255 * total * where)
        out[:, :, channel] = np.clip(np.rint(level), 0, 255).astype(np.uint8)
    return Image.fromarray(out[:, :, 0] if out.shape[2] == 1 else out)


def filled(placed: Placed, images: Images, mask: Tensor) -> Image.Image:
    """Return the picture with what was made, (1, c, h, w), enlarged and put under the mask."""
    (left, top, right, bottom), image = placed.boxes[0], placed.image.copy()
    blank = placed._replace(
        image=Image.new(image.mode, (right - left, bottom - top)),
        boxes=((0, 0, right - left, bottom - top),),
    )
    where = _mask_of(mask, image)
    assert where is not None
    part = Image.fromarray((where * 255).astype(np.uint8)).crop((left, top, right, bottom))
    image.paste(changed(blank, images), (left, top), part)
    return image


def without_hole(image: Image.Image, mask: Tensor) -> Image.Image:
    """Return a picture with the mean of its other pixels under a mask, so that resizing it does
    not carry the colours of a hole into what is around it.
    """
    where = _mask_of(mask, image)
    assert where is not None
    levels = np.asarray(image)
    known = levels[where == 0]
    if not len(known):
        return image
    mean = np.atleast_1d(np.rint(known.mean(axis=0))).astype(np.uint8)
    out = levels.copy()
    out[where > 0] = mean if out.ndim == 3 else mean[0]
    return Image.fromarray(out)


def _mask_of(mask: Tensor | None, image: Image.Image) -> NDArray[np.float32] | None:
    """Return a mask as numbers 0 and 1, (h, w), of the size of the picture."""
    if mask is None:
        return None
    found = Image.fromarray(mask.cpu().numpy().astype(np.uint8))
    return np.asarray(found.resize(image.size, Image.Resampling.NEAREST), dtype=np.float32)


def _at_least(image: Image.Image, size: tuple[int, int]) -> tuple[Image.Image, str]:
    """Return a picture that is as large as the net's, enlarged if need be, and what was done."""
    times = max(size[0] / image.width, size[1] / image.height)
    if times <= 1:
        return image, ""
    larger = (max(size[0], round(image.width * times)), max(size[1], round(image.height * times)))
    words = f"enlarged from {image.width} x {image.height} to {larger[0]} x {larger[1]}"
    return image.resize(larger, Image.Resampling.BICUBIC), words


def _middle(size: tuple[int, int], ratio: float) -> Box:
    """Return the largest middle part of a picture that is `ratio` times as wide as high."""
    w, h = size
    wide, high = (round(h * ratio), h) if w >= h * ratio else (w, round(w / ratio))
    left, top = (w - wide) // 2, (h - high) // 2
    return left, top, left + wide, top + high


def _cut(image: Image.Image, size: tuple[int, int]) -> Placed:
    """Return a picture in overlapping tiles of a size."""
    image, enlarged = _at_least(image, size)
    across, down = (_places(n, side) for n, side in zip(image.size, size, strict=True))
    boxes = tuple((x, y, x + size[0], y + size[1]) for y in down for x in across)
    parts = torch.cat([pixels(image.crop(box)) for box in boxes])
    how = f"in {len(boxes)} tile{'s' * (len(boxes) > 1)} of {size[0]} x {size[1]} pixels"
    return Placed(parts, image, boxes, f"{enlarged}, {how}" if enlarged else how)


def _places(length: int, side: int) -> list[int]:
    """Return where tiles of a side begin along a length, evenly, overlapping by a quarter."""
    if length == side:
        return [0]
    count = 1 + math.ceil((length - side) / (side * (1 - OVERLAP)))
    return [round(k * (length - side) / (count - 1)) for k in range(count)]


def _weights(placed: Placed) -> list[NDArray[np.float32]]:
    """Return the share of each image at each of its pixels; where images meet they add up to 1."""
    if len(placed.boxes) == 1:
        left, top, right, bottom = placed.boxes[0]
        return [np.ones((bottom - top, right - left), np.float32)]
    total = np.zeros((placed.image.height, placed.image.width), np.float32)
    tents = []
    for left, top, right, bottom in placed.boxes:
        rows, columns = (
            np.minimum(np.arange(n) + 1.0, np.arange(n)[::-1] + 1.0)
            for n in (bottom - top, right - left)
        )
        tents.append(np.outer(rows, columns).astype(np.float32))
        total[top:bottom, left:right] += tents[-1]
    return [
        tent / total[top:bottom, left:right]
        for tent, (left, top, right, bottom) in zip(tents, placed.boxes, strict=True)
    ]
