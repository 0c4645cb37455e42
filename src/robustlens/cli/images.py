"""The images that a command measures models on: which of them, how many, and whose classes.

data = images("./photos", None, 64, [checkpoint])    # all of a folder without splits
print(heading(data))                                 # "photos, all 64 images"
"""

from collections.abc import Sequence
from typing import Any

from robustlens.data import Dataset, load
from robustlens.data.dataset import numbered
from robustlens.data.holdout import piece, words
from robustlens.data.sources import measured_split, splits
from robustlens.errors import InputError
from robustlens.nets import Checkpoint
from robustlens.nets.cards import Card
from robustlens.progress import say_once

heading = words
"""Say which images these are: the beginning of the first line of an answer."""


def images(name: str, split: str | None, size: int | None, models: Sequence[Checkpoint]) -> Dataset:
    """Return the images of a split; of none given, "test", or "all" where data have no splits.

    Where a model's card says that it was trained on "train" of these very images, "test" is taken,
    the fifth that training left out. The classes are compared with those on the models' cards.

    Raises:
        InputError: as `load`, or the classes of a model are not those of the data, see
            `compare_classes`.
    """
    chosen = measured_split(name) if split is None else split
    data = load(name, chosen, size=size)
    if chosen == "all" and not splits(name) and any(_trained_on(data, m.card) for m in models):
        if split is None:
            data = piece(data, "test")
        else:
            what = f"a model is shown images of {data.name} that it was trained on"
            say_once(f"robustlens: warning: {what}.")
    for model in models:
        compare_classes(model.card.classes, data)
    return data


def limited(data: Dataset, limit: int) -> Dataset:
    """Return this many images, alike from every class; 0: all. Raises `InputError` for others."""
    if not 0 <= limit <= len(data):
        what = f"--limit {limit} for the {len(data)} images of {data.name}"
        raise InputError(what, f"1 to {len(data)}, or 0 for all", "change --limit")
    return data.take(limit) if limit else data


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
        say_once(
            f"robustlens: warning: {both}. "
            "The index of a class counts, not its name: are these the same?"
        )


def about(data: Dataset) -> list[str]:
    """Return the lines under the first: the order of the classes, and what was resized."""
    resized = data.reading.resized
    return [f"  classes: {numbered(data.classes)}"] + [f"  pixels: {resized}"] * bool(resized)


def described(data: Dataset) -> dict[str, Any]:
    """Return the images of a command for its JSON: how many, of which split, what is held out.
    "held out" counts the images that training on these data leaves for "test", where they are cut.
    """
    split, n, whole = data.piece or (None, len(data), len(data))
    return {
        "name": data.name,
        "split": split,
        "n": len(data),
        "images of the split": n,
        "cut from": whole,
        "held out": n if split == "test" and n < whole else whole - n,
        "classes": list(data.classes),
    }


def reading(data: Dataset) -> dict[str, Any]:
    """Return for the JSON of a command what became of the files as they were read.

    "left out" counts the files of a folder that were not read, by why; "read otherwise" those that
    were, in a way one might not expect; "resized" says from which sizes to which, or nothing.
    """
    found = data.reading
    return {
        "left out": dict(found.left_out),
        "read otherwise": dict(found.otherwise),
        "resized": found.resized,
    }


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


def _trained_on(whole: Dataset, card: Card) -> bool:
    """Say whether the card is of a model trained on these images, or on "train" of them."""
    recipe = card.get("recipe")  # where it is one of ours, and not someone's words
    first = recipe.get("images", 0) if isinstance(recipe, dict) else 0
    if not card.data:
        return False
    try:
        parts = [whole, piece(whole, "train")]
    except InputError:  # too few to cut
        parts = [whole]
    taken = [part.take(first) if 0 < first < len(part) else part for part in parts]
    return any(part.digest == card.data for part in taken)
