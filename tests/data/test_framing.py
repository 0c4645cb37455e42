"""Sizes and crops: known pixels end where they belong."""

import numpy as np
import pytest
import torch
from PIL import Image

from robustlens.data import Dataset, load
from robustlens.data.framing import Framing, framed, framing_of
from robustlens.data.sources import framed_images
from robustlens.errors import InputError, UnknownName


def picture(width: int, height: int) -> Image.Image:
    """Red says the column, green the row."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = np.arange(width), np.arange(height)[:, None]
    return Image.fromarray(pixels)


@pytest.mark.parametrize(
    ("how", "corners"),
    [
        (Framing(20, 20), ((10, 0), (29, 19))),
        (Framing(20, 10), ((15, 0), (24, 19))),
        (Framing(10, 40), ((0, 5), (39, 14))),
        (Framing(10, 12, 20), ((14, 5), (25, 14))),
        (Framing(10, 12, (20, 40)), ((14, 5), (25, 14))),
        (Framing(20, 40, (20, 40)), ((0, 0), (39, 19))),
    ],
)
def test_what_is_cut_out(how: Framing, corners: tuple[tuple[int, int], tuple[int, int]]) -> None:
    found = framed(picture(40, 20), how)
    assert found.size == how.size
    ends = found.getpixel((0, 0)), found.getpixel((found.width - 1, found.height - 1))
    assert tuple(end[:2] for end in ends if isinstance(end, tuple)) == corners


def test_sides_follow_the_shorter_one() -> None:
    image = Image.new("RGB", (90, 30), (7, 7, 7))
    assert framed(image, Framing(10, 10, 10)).size == (10, 10)
    small = framed(Image.new("RGB", (4, 4), (7, 7, 7)), Framing(8, 8, (4, 4)))
    assert np.asarray(small).sum() == 16 * 21  # the rest is black
    assert framed(image, Framing(5, 7, (12, 12))).size == (7, 5)


def test_a_number_is_the_side_of_a_square() -> None:
    assert framing_of(9) == Framing(9, 9)
    assert framing_of(None) is None
    assert str(Framing(64, 64)) == "the middle square of each, resized to 64x64 (Lanczos)"
    assert "shorter side of each resized to 9 (Bicubic), the middle 4x3 cut" in str(
        Framing(3, 4, 9, "bicubic")
    )
    with pytest.raises(InputError):
        Framing(0, 4)
    with pytest.raises(UnknownName):
        Framing(4, 4, resample="sinc")


def test_arrays_are_framed_as_pictures_are() -> None:
    pixels = torch.from_numpy(np.asarray(picture(40, 20)).copy()).permute(2, 0, 1)[None]
    data = Dataset(pixels, torch.tensor([0]), ("a",), "mine")
    how = Framing(10, 12, 15, "bicubic")
    wanted = np.asarray(framed(picture(40, 20), how)).transpose(2, 0, 1)
    found = framed_images(data, how)
    assert np.array_equal(found.images[0].numpy(), wanted)
    assert found.reading.resized.endswith("they were 40x20 (1)")
    assert framed_images(data, Framing(20, 40, (20, 40))) is data
    grey = load("fashion", "test").take(2)
    colour = framed_images(grey, Framing(28, 28, 28, channels=3))
    assert torch.equal(colour.images, grey.images.expand(-1, 3, -1, -1))
