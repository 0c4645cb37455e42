"""The way through a data set: all of it, or what is left, in the same batches."""

import pytest
import torch

from robustlens.data import Dataset
from robustlens.data.walk import checked_indices, starts_of, walk
from robustlens.errors import InputError

DATA = Dataset(
    torch.arange(7, dtype=torch.uint8).view(7, 1, 1, 1), torch.arange(7) % 2, ("a", "b"), "seven"
)


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_every_image_is_met_once_and_in_order(size: int) -> None:
    met = list(walk(DATA, size, "walking"))
    assert [start for start, _, _ in met] == list(range(0, 7, size))
    assert torch.equal(torch.cat([x for _, x, _ in met]), DATA.images / 255)
    assert torch.equal(torch.cat([y for _, _, y in met]), DATA.labels)


def test_what_is_left_comes_in_the_batches_of_the_whole() -> None:
    whole = {start: x for start, x, _ in walk(DATA, 3, "walking")}
    said: list[str] = []

    def note() -> str:
        said.append("")
        return ""

    met = list(walk(DATA, 3, "walking", todo=[3, 6], done=3, note=note))
    assert [start for start, _, _ in met] == [3, 6]
    assert all(torch.equal(x, whole[start]) for start, x, _ in met)
    assert len(said) == 3  # before the first batch, and after each
    assert list(walk(DATA, 3, "walking", todo=[])) == []


@pytest.mark.parametrize("size", [0, -2])
def test_batches_of_nothing_are_refused(size: int) -> None:
    with pytest.raises(InputError, match=f"size is {size}; expected at least 1"):
        next(walk(DATA, size, "walking"))


def test_indices_and_the_batches_that_hold_them() -> None:
    assert checked_indices(None, 3) == [0, 1, 2]
    assert checked_indices(iter([5, 1, 5]), 7) == [1, 5]
    assert starts_of([1, 2, 5, 6], 3) == [0, 3, 6]
    assert starts_of([], 3) == []
    for bad in (-1, 7):
        with pytest.raises(InputError, match=f"index {bad} for 7 images"):
            checked_indices([0, bad], 7)
