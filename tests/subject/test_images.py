"""Which images are taken, and whose classes they have."""

import warnings

import pytest
import torch

from robustlens.data import Dataset
from robustlens.errors import Doubtful, InputError
from robustlens.subject.images import compare_classes


def of_classes(*names: str) -> Dataset:
    n = len(names)
    return Dataset(torch.zeros(n, 1, 2, 2, dtype=torch.uint8), torch.arange(n), names, "mine")


@pytest.mark.parametrize(
    ("known", "ours"),
    [
        (("dog", "cat"), ("cat", "dog")),
        (("dog", "cat", "bird"), ("bird", "cat", "dog")),
        (("bird", "cat"), ("Cat", "frog")),
        (tuple(map(str, range(11))), tuple(sorted(map(str, range(11))))),
        (("cat", "dog"), ("bird", "cat", "dog")),
        (("cat", "dog", "frog"), ("cat", "dog")),
        (("T-shirt top", "bag"), ("bag", "t_shirt_top")),
    ],
)
def test_classes_in_another_order_or_number_are_refused(
    known: tuple[str, ...], ours: tuple[str, ...]
) -> None:
    with pytest.raises(InputError, match=r"the model knows 0 .*; mine has 0 .*same order"):
        compare_classes(known, of_classes(*ours))


@pytest.mark.parametrize(
    ("known", "ours", "said"),
    [
        (("cat", "dog"), ("kat", "hond"), True),
        (("cat", "dog"), ("cat", "hound"), True),
        (("cat", "dog"), ("cat", "dog"), False),
        (("Cat", "sea lion"), ("cat", "sea_lion"), False),
        ((), ("cat", "dog"), False),
    ],
)
def test_other_names_of_the_same_number_are_said(
    known: tuple[str, ...], ours: tuple[str, ...], said: bool
) -> None:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        compare_classes(known, of_classes(*ours))
    assert [w.category for w in found] == [Doubtful] * said
    assert ("are these the same?" in "".join(str(w.message) for w in found)) == said
