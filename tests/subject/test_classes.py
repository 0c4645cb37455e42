"""Labels become the model's classes: by name, by number, by order, or they are refused."""

import warnings

import pytest
import torch

from robustlens.data import Dataset
from robustlens.errors import Doubtful, InputError
from robustlens.subject.classes import matched


def of_classes(*names: str) -> Dataset:
    n = len(names)
    return Dataset(torch.zeros(n, 1, 2, 2, dtype=torch.uint8), torch.arange(n), names, "mine")


@pytest.mark.parametrize(
    ("known", "ours", "labels"),
    [
        (("cat", "dog"), ("cat", "dog"), [0, 1]),
        (("Cat", "sea lion"), ("cat", "sea_lion"), [0, 1]),
        (("dog", "cat"), ("cat", "dog"), [1, 0]),
        (("dog", "cat", "bird"), ("bird", "cat", "dog"), [2, 1, 0]),
        (("T-shirt top", "bag"), ("bag", "t_shirt_top"), [1, 0]),
        (("cat", "dog", "frog"), ("dog", "frog"), [1, 2]),
        (("tabby, tabby cat", "tiger cat", "tiger"), ("tiger", "tabby-cat"), [2, 0]),
        (("dog", "cat"), ("0-cat", "1-dog"), [1, 0]),
        (("dog", "cat"), ("0", "1"), [0, 1]),
        (tuple(map(str, range(11))), tuple(sorted(map(str, range(11)))), [0, 1, 10, *range(2, 10)]),
        ((), ("cat", "dog"), [0, 1]),
        ((), ("3", "7"), [3, 7]),
        ((), tuple(map(str, range(10))), list(range(10))),
        ((), tuple(sorted(map(str, range(11)))), [0, 1, 10, *range(2, 10)]),
    ],
)
def test_labels_mean_the_models_classes(
    known: tuple[str, ...], ours: tuple[str, ...], labels: list[int]
) -> None:
    classes = len(known) or max(10, len(ours) if len(ours) > 2 else 2 if "cat" in ours else 10)
    classes = 2 if ours == ("cat", "dog") and not known else classes
    found = matched(of_classes(*ours), known, classes)
    assert found.data.labels.tolist() == labels
    assert len(found.data.classes) == classes
    if known and labels != list(range(len(ours))):
        assert found.data.classes == known
        assert found.notes


@pytest.mark.parametrize(
    ("known", "ours", "classes", "said"),
    [
        (("bird", "cat"), ("Cat", "frog"), 2, "does not know frog"),
        (("cat", "dog"), ("bird", "cat", "dog"), 2, "does not know bird"),
        (("cat", "dog", "frog"), ("cat", "mouse"), 3, "does not know mouse"),
        (("cat", "dog"), ("Cat", "cat"), 2, "two classes of mine that are 'cat'"),
        (("crane, bird", "crane, machine"), ("crane", "x"), 2, "could be 'crane, bird' or"),
        (("cat", "dog"), ("cat", "dog"), 3, "3 classes and names for 2"),
        ((), ("cat", "dog"), 3, "a model with 3 classes for data with 2"),
        ((), ("3", "10"), 10, "a model with 10 classes for data with 2"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(
    known: tuple[str, ...], ours: tuple[str, ...], classes: int, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        matched(of_classes(*ours), known, classes)


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
        assert matched(of_classes(*ours), known, 2).data.labels.tolist() == [0, 1]
    assert [w.category for w in found] == [Doubtful] * said
    assert ("are these the same?" in "".join(str(w.message) for w in found)) == said
