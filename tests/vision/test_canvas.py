"""Pictures of any size to a net of one and back: what is not changed stays, bit for bit."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from robustlens.streams import stream
from robustlens.vision.canvas import changed, filled, place, shrunk_mask, without_hole
from robustlens.vision.painter import Painter
from robustlens.vision.photo import pixels


class AnySize(nn.Module):
    """Two classes of the mean, at any size, or at one alone."""

    def __init__(self, only: int = 0) -> None:
        super().__init__()
        self.only = only

    def forward(self, x: Tensor) -> Tensor:
        if self.only and x.shape[2:] != (self.only, self.only):
            raise ValueError("another size")
        mean = x.mean(dim=(1, 2, 3))
        return torch.stack([mean, 1 - mean], dim=1)


def painter(channels: int = 3, side: int = 16, only: int = 0) -> Painter:
    card = {"architecture": {"channels": channels, "size": side}, "classes": ["light", "dark"]}
    return Painter.of(AnySize(only), card, "toy")


def picture(width: int, height: int, mode: str = "RGB") -> Image.Image:
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    levels = torch.randint(0, 256, shape, generator=stream(0, "picture"))
    return Image.fromarray(levels.to(torch.uint8).numpy())


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("size", [(16, 16), (40, 30), (33, 64), (200, 20)])
@pytest.mark.parametrize("fit", ["whole", "square", "tiles"])
def test_no_change_gives_the_picture_back(mode: str, size: tuple[int, int], fit: str) -> None:
    image = picture(*size, mode)
    placed = place(image, painter(1 if mode == "L" else 3), fit=fit)  # type: ignore[arg-type]
    assert placed.x.shape[1] == (1 if mode == "L" else 3)
    assert min(placed.x.shape[2:]) == 16
    assert changed(placed, torch.zeros_like(placed.x)).tobytes() == image.tobytes()


@pytest.mark.parametrize("fit", ["whole", "tiles"])
def test_a_change_of_all_pixels_alike_stays_one(fit: str) -> None:
    image = Image.new("RGB", (50, 37), (100, 50, 0))
    placed = place(image, painter(), fit=fit)  # type: ignore[arg-type]
    out = changed(placed, torch.full_like(placed.x, 10 / 255))
    assert np.asarray(out).reshape(-1, 3).tolist() == [[110, 60, 10]] * (50 * 37)
    assert ("tiles" in placed.how) == (fit == "tiles")


def test_at_the_nets_own_size_nothing_is_resized() -> None:
    image = picture(16, 16)
    placed = place(image, painter())
    assert torch.equal(placed.x, pixels(image))
    change = torch.rand(1, 3, 16, 16, generator=stream(1, "change")) - 0.5
    out = pixels(changed(placed, change))
    torch.testing.assert_close(out, (placed.x + change).clamp(0, 1), atol=0.51 / 255, rtol=0)
    assert "16 x 16 pixels are what the net takes" in placed.how


def test_what_was_done_is_said() -> None:
    assert (
        place(picture(40, 30), painter()).how
        == "resized to 21 x 16 for the net and back to 40 x 30"
    )
    assert "the middle, 30 x 30" in place(picture(40, 30), painter(only=16)).how
    assert "the middle, 20 x 20" in place(picture(200, 20), painter()).how
    small = place(picture(8, 8), painter())
    assert small.how == "enlarged from 8 x 8 to 16 x 16"
    assert small.image.size == (16, 16)


def test_the_middle_alone_changes_where_the_net_takes_squares() -> None:
    image = picture(40, 30)
    placed = place(image, painter(only=16))
    out = np.asarray(changed(placed, torch.full_like(placed.x, 0.5)))
    before = np.asarray(image)
    assert (out[:, :5] == before[:, :5]).all()
    assert (out[:, 35:] == before[:, 35:]).all()
    assert (out[:, 5:35] != before[:, 5:35]).any()


def test_a_mask_of_the_picture_covers_what_it_touches() -> None:
    placed = place(picture(64, 64), painter())
    mask = torch.zeros(64, 64, dtype=torch.bool)
    mask[10, 20] = True
    low = shrunk_mask(mask, placed)
    assert low.shape == (16, 16)
    assert low.nonzero().tolist() == [[2, 5]]
    assert bool(shrunk_mask(torch.ones_like(mask), placed).all())


@pytest.mark.parametrize("size", [(16, 16), (50, 40), (12, 9)])
def test_outside_a_mask_not_a_pixel_changes(size: tuple[int, int]) -> None:
    image = picture(*size)
    mask = torch.zeros(size[1], size[0], dtype=torch.bool)
    mask[3:7, 2:9] = True
    placed = place(image, painter())
    low = Image.fromarray(mask.numpy().astype(np.uint8))
    where = torch.from_numpy(np.asarray(low.resize(placed.image.size, 0)).copy())
    before = torch.from_numpy(np.asarray(placed.image).copy())
    for out in (
        changed(placed, torch.full_like(placed.x, 0.3), mask),
        filled(placed, torch.full_like(placed.x, 0.25), mask),
    ):
        after = torch.from_numpy(np.asarray(out).copy())
        assert torch.equal(after[where == 0], before[where == 0])
        assert not torch.equal(after[where > 0], before[where > 0])
    assert after[where > 0].unique().tolist() == [64]  # 0.25 everywhere, filled last


def test_a_hole_does_not_colour_what_is_around_it() -> None:
    image = Image.new("RGB", (20, 20), (10, 200, 30))
    levels = np.asarray(image).copy()
    levels[5:9, 5:9] = 255
    mask = torch.zeros(20, 20, dtype=torch.bool)
    mask[5:9, 5:9] = True
    assert without_hole(Image.fromarray(levels), mask).tobytes() == image.tobytes()
    assert without_hole(image, torch.ones_like(mask)).tobytes() == image.tobytes()
