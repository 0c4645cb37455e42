"""A contact sheet: what is in a data set, at a glance.

    contact_sheet(load("fashion")).save("fashion.png")

A row a class: its name and number of images at the left, then images drawn at random.
"""

import torch
from PIL import Image, ImageDraw, ImageFont

from robustlens.data.dataset import Dataset
from robustlens.errors import InputError
from robustlens.streams import stream

THUMB = 64
"""Pixels along a thumbnail, about: small images grow by a whole factor, large ones shrink."""
GAP, MARGIN, LINE = 4, 16, 18
INK, FAINT, PAPER = "#1f2328", "#6e7781", "white"


def contact_sheet(
    data: Dataset, *, columns: int = 10, rows_per_class: int = 1, seed: int = 0
) -> Image.Image:
    """Return an RGB picture with up to `columns * rows_per_class` images of every class.

    They are drawn from `stream(seed, "contact", label)`. Raises `InputError` for a count under 1.
    """
    if columns < 1 or rows_per_class < 1:
        raise InputError(
            f"columns is {columns} and rows_per_class {rows_per_class}", "at least 1 of each"
        )
    picks = [
        _pick(data, label, columns * rows_per_class, seed) for label in range(len(data.classes))
    ]
    return _draw(data, picks, columns, rows_per_class)


def _draw(data: Dataset, picks: list[list[int]], columns: int, rows: int) -> Image.Image:
    width, height = _thumb_size(data)
    name_font, count_font = ImageFont.load_default(15), ImageFont.load_default(12)
    left = MARGIN + int(max(map(name_font.getlength, data.classes))) + MARGIN
    block = rows * (height + GAP) + (GAP if rows > 1 else 0)
    size = (left + columns * (width + GAP) - GAP + MARGIN, len(picks) * block - GAP + 2 * MARGIN)
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    counts = torch.bincount(data.labels, minlength=len(data.classes)).tolist()
    for label, chosen in enumerate(picks):
        top = MARGIN + label * block
        middle = top + (block - GAP) // 2
        pen.text((MARGIN, middle), data.classes[label], INK, name_font, anchor="ls")
        pen.text((MARGIN, middle + LINE), f"n = {counts[label]:,}", FAINT, count_font, anchor="ls")
        for place, index in enumerate(chosen):
            row, column = divmod(place, columns)
            at = (left + column * (width + GAP), top + row * (height + GAP))
            sheet.paste(_thumb(data, index), at)
    return sheet


def _pick(data: Dataset, label: int, n: int, seed: int) -> list[int]:
    members = torch.nonzero(data.labels.cpu() == label).flatten()
    order = torch.randperm(len(members), generator=stream(seed, "contact", label))
    return [int(index) for index in members[order[:n]]]


def _thumb_size(data: Dataset) -> tuple[int, int]:
    """Return (width, height) of a thumbnail."""
    _, height, width = data.shape
    longest = max(height, width)
    factor = max(1, round(THUMB / longest)) if longest <= THUMB else THUMB / longest
    return max(1, round(width * factor)), max(1, round(height * factor))


def _thumb(data: Dataset, index: int) -> Image.Image:
    pixels = data.images[index].cpu()
    # Anything but grey and colour shows its first channel.
    plane = pixels.permute(1, 2, 0) if len(pixels) == 3 else pixels[0]
    image, size = Image.fromarray(plane.contiguous().numpy()), _thumb_size(data)
    method = Image.Resampling.NEAREST if size[0] >= image.width else Image.Resampling.LANCZOS
    return image.convert("RGB").resize(size, method)
