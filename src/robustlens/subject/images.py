"""The images that models are measured on: which of them, and whose classes.

data = choose([subject], "./photos")            # all of a folder without splits
"""

from collections.abc import Mapping, Sequence
from typing import Any

from robustlens.data import Dataset, load
from robustlens.data.dataset import numbered
from robustlens.data.holdout import piece
from robustlens.data.sources import measured_split, splits
from robustlens.doubts import doubt
from robustlens.errors import InputError
from robustlens.subject.subject import Subject


def choose(
    subjects: Sequence[Subject],
    source: str,
    *,
    split: str | None = None,
    size: int | None = None,
) -> Dataset:
    """Return the images of a split; of none given, "test", or "all" where data have no splits.

    Where a model's card says that it was trained on "train" of these very images, "test" is taken,
    the fifth that training left out. The classes are compared with those that the models know.

    Warns:
        Doubtful: a model is shown what it was trained on, or knows its classes by other names.

    Raises:
        InputError: as `data.load`, or as `compare_classes`.
    """
    chosen = measured_split(source) if split is None else split
    data = load(source, chosen, size=size)
    if chosen == "all" and not splits(source) and any(_trained_on(data, s.card) for s in subjects):
        if split is None:
            data = piece(data, "test")
        else:
            doubt(f"a model is shown images of {data.name} that it was trained on")
    for subject in subjects:
        compare_classes(subject.classes, data)
    return data


def compare_classes(known: Sequence[str], data: Dataset) -> None:
    """Warn when the classes that a model knows have other names than those of the data.

    Raises:
        InputError: there are more or fewer of them, or a name has another index: every label of
            that class would be wrong.
    """
    if not known or tuple(known) == data.classes:
        return
    both = f"the model knows {numbered(known)}; {data.name} has {numbered(data.classes)}"
    theirs, ours = ([_plain(name) for name in names] for names in (known, data.classes))
    shared = set(theirs) & set(ours)
    if len(known) != len(ours) or any(theirs.index(n) != ours.index(n) for n in shared):
        raise InputError(
            both,
            "the same classes in the same order",
            "change --data or --model; class folders are sorted by name, so 0-dog, 1-cat "
            "and so on puts them in order",
        )
    if theirs != ours:
        doubt(f"{both}. The index of a class counts, not its name: are these the same?")


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


def _trained_on(whole: Dataset, card: Mapping[str, Any]) -> bool:
    """Say whether the card is of a model trained on these images, or on "train" of them."""
    recipe = card.get("recipe", {})
    first = recipe.get("images", 0) if isinstance(recipe, dict) else 0
    if "data" not in card:
        return False
    try:
        parts = [whole, piece(whole, "train")]
    except InputError:  # too few to cut
        parts = [whole]
    taken = [part.take(first) if 0 < first < len(part) else part for part in parts]
    return any(part.digest == card["data"] for part in taken)
