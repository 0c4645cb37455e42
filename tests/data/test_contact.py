from collections.abc import Callable

import numpy as np
import pytest
import torch

from robustlens.data import Dataset, contact_sheet
from robustlens.data import contact as module
from robustlens.errors import InputError

Make = Callable[..., Dataset]


def colours(counts: tuple[int, ...], side: int) -> Dataset:
    """Every image of class k is red of level 50 (k + 1)."""
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    images = torch.zeros(len(labels), 3, side, side, dtype=torch.uint8)
    images[:, 0] = ((labels + 1) * 50)[:, None, None].to(torch.uint8)
    return Dataset(images, labels, tuple(f"class {k}" for k in range(len(counts))), "colours")


@pytest.mark.parametrize(("side", "thumb"), [(32, 64), (28, 56), (128, 64), (64, 64)])
def test_every_class_has_its_row_of_thumbnails(side: int, thumb: int) -> None:
    sheet = np.asarray(contact_sheet(colours((9, 2, 5), side), columns=4, rows_per_class=2))
    for level, shown in ((50, 8), (100, 2), (150, 5)):
        assert (sheet == (level, 0, 0)).all(axis=2).sum() == shown * thumb**2
    rows = [np.flatnonzero((sheet == (level, 0, 0)).all(axis=2).any(axis=1)) for level in (50, 100)]
    assert rows[0].max() < rows[1].min()


def test_the_same_seed_gives_the_same_sheet(make: Make) -> None:
    first, again, other = (
        contact_sheet(make(60), columns=3, seed=seed).tobytes() for seed in (0, 0, 1)
    )
    assert first == again != other


def test_enlarging_is_crisp_and_any_channel_count_shows(make: Make) -> None:
    data = make(1, 1, (1, 2, 2))
    sheet = np.asarray(contact_sheet(data, columns=1))
    right, top = sheet.shape[1] - module.MARGIN, module.MARGIN
    tile = sheet[top : top + 64, right - 64 : right, 0]
    assert (tile == np.kron(data.images[0, 0].numpy(), np.ones((32, 32)))).all()
    assert contact_sheet(make(4, 2, (5, 7, 3))).mode == "RGB"


def test_counts_under_one_are_refused(make: Make) -> None:
    with pytest.raises(InputError, match="columns is 0 and rows_per_class 1; expected at least 1"):
        contact_sheet(make(), columns=0)
